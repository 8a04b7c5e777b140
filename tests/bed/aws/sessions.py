"""Credentials for rotation functions, so that their calls land in their own account and can be told apart."""

from moto.sts.models import sts_backends

from tests.bed.aws import ACCOUNT, FUNCTION_KEY


def credentials_for(arn: str) -> dict[str, str]:
    """Environment variables with keys of the function's account: a fixed key at home, an assumed role elsewhere."""
    account = arn.split(":")[4]
    if account == ACCOUNT:
        return {"AWS_ACCESS_KEY_ID": FUNCTION_KEY, "AWS_SECRET_ACCESS_KEY": "bed"}
    role = sts_backends[account]["aws"].assume_role(
        region_name=arn.split(":")[3],
        role_session_name="function",
        role_arn=f"arn:aws:iam::{account}:role/function",
        policy="",
        duration=3600,
        external_id="",
    )
    return {
        "AWS_ACCESS_KEY_ID": role.access_key_id,
        "AWS_SECRET_ACCESS_KEY": role.secret_access_key,
        "AWS_SESSION_TOKEN": role.session_token,
    }
