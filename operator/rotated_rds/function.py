"""The same rotation steps as an AWS Lambda handler, for those who want Secrets Manager to call them (SingleUser)."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cache
from typing import Any, cast

from pydantic import SecretStr

from rotated_rds.clients import databases
from rotated_rds.clients.aws import Absent, Aws, AwsIdentity, AwsSessions, Exists
from rotated_rds.clients.databases import LoginRefused, Session
from rotated_rds.clients.secretsmanager import SecretsManager
from rotated_rds.lambda_function.rules import Asked, Step, echo, endpoint_of, is_finished, password_rules
from rotated_rds.model.credential import SecretValue, generate
from rotated_rds.model.database import Endpoint, Login, Verdict
from rotated_rds.model.errors import Problem, Reason, Refused, Unavailable
from rotated_rds.model.secret import CURRENT, PENDING, PREVIOUS, SecretState

_CA_FILE = "ROTATED_RDS_CA_FILE"


def handler(event: Mapping[str, object], context: object) -> None:
    """Carry out one step; each may be repeated. Raises when it could not: no exception's text holds a credential."""
    del context
    asked = Asked.read(event)
    secrets = SecretsManager(_aws(asked.region))
    state = _state(secrets, asked)
    if not is_finished(state, asked.token):
        _STEPS[asked.step](secrets, asked, state)


def _unfenced(_seconds: float) -> None:
    """No Lease stands behind a function: the database's lock and AWS's labels do."""


@cache
def _aws(region: str) -> Aws:
    """One session as long as Lambda keeps this container."""
    return AwsSessions(_unfenced).of(AwsIdentity(region=region))


def _state(secrets: SecretsManager, asked: Asked) -> SecretState:
    state = secrets.describe(asked.arn)
    if state is None:
        raise Refused(Reason.SECRET_NOT_FOUND, f"AWS has no secret {asked.arn}")
    return state


# createSecret


def _create(secrets: SecretsManager, asked: Asked, state: SecretState) -> None:
    """Store a new password under AWSPENDING; one that is there already stays, so that a repeat makes no second one."""
    current = _value(secrets, asked.arn, state.current, CURRENT)
    if secrets.value(asked.arn, asked.token, PENDING) is None:
        _put(secrets.aws, asked, current.with_password(_new_password()))
        _value(secrets, asked.arn, asked.token, PENDING)


def _put(aws: Aws, asked: Asked, value: SecretValue) -> None:
    """PutSecretValue. The version holds a value already where an invocation before us, or beside us, was faster: that one stays."""
    echoed = _echoed(aws, asked.rotation_token)
    try:
        aws.write(
            "secretsmanager",
            "put_secret_value",
            SecretId=asked.arn,
            ClientRequestToken=asked.token,
            SecretString=value.text(),
            VersionStages=[PENDING],
            **echoed,
        )
    except Exists:
        return
    except Absent:
        raise Refused(Reason.SECRET_NOT_FOUND, f"AWS has no secret {asked.arn} any more") from None


def _echoed(aws: Aws, rotation_token: str | None) -> Mapping[str, str]:
    session = cast("Any", aws.session)  # the stubs know no service model
    service = session.client("secretsmanager", region_name=aws.region).meta.service_model
    return echo(rotation_token, service.operation_model("PutSecretValue").input_shape.members)


def _new_password() -> SecretStr:
    rules = password_rules(os.environ)
    try:
        return generate(rules)
    except Refused:
        raise Refused(Reason.INVALID_SPEC, "EXCLUDE_CHARACTERS: fewer than 16 characters are left; exclude fewer") from None


# setSecret


def _set(secrets: SecretsManager, asked: Asked, state: SecretState) -> None:
    """Change the password, log in with the new one, put the old one back on a definite no.

    All in one locked session, as no other invocation could undo it (SAFETY.md A3, C2, C4).
    """
    current = _value(secrets, asked.arn, state.current, CURRENT)
    pending = _value(secrets, asked.arn, asked.token, PENDING)
    endpoint = _endpoint(pending)
    if (pending.username, endpoint) != (current.username, _endpoint(current)):
        raise Refused(
            Reason.ROTATION_FAILED, f"{PENDING} and {CURRENT} name another user or database: take {PENDING} off {asked.token}, rotate again"
        )
    with ExitStack() as stack:
        session, opened_with = _open(stack, endpoint, pending.username, _passwords(secrets, asked, state, (current, pending)))
        again = _state(secrets, asked)
        if is_finished(again, asked.token):
            return
        if again.current != state.current:
            raise Unavailable(Reason.UNAVAILABLE, f"somebody else moved {CURRENT} during the rotation; looking again")
        if not session.writer:
            raise Unavailable(Reason.UNREACHABLE, f"{endpoint.address} is not a writer now; the rotation waits for the writer")
        if not _takes(endpoint, pending, session):
            _change(session, endpoint, pending, opened_with)


def _passwords(
    secrets: SecretsManager, asked: Asked, state: SecretState, known: tuple[SecretValue, SecretValue]
) -> Iterator[tuple[str, SecretStr]]:
    """Yield what may open the session, read no sooner than it is tried.

    In this order a rotation meets two refused logins at most, wherever the one before it was killed (SAFETY.md B4).
    """
    current, pending = known
    yield CURRENT, current.password
    if (previous := _previous(secrets, asked.arn, state, current)) is not None:
        yield PREVIOUS, previous.password
    yield PENDING, pending.password


def _previous(secrets: SecretsManager, arn: str, state: SecretState, current: SecretValue) -> SecretValue | None:
    """AWSPREVIOUS, if it is of the same user and host; how it says to connect does not count."""
    try:
        found = secrets.value(arn, state.previous, PREVIOUS) if state.previous else None
    except Refused as no:
        if no.reason is not Reason.MALFORMED_SECRET:
            raise
        return None
    return found if found and (found.username, found.host) == (current.username, current.host) else None


def _open(stack: ExitStack, endpoint: Endpoint, user: str, passwords: Iterator[tuple[str, SecretStr]]) -> tuple[Session, SecretStr]:
    """Log in with the first password that the server takes; only a refusal leads to the next one (SAFETY.md B1)."""
    tried: dict[SecretStr, str] = {}
    for label, password in passwords:
        if password in tried:
            continue
        tried[password] = label
        try:
            return stack.enter_context(databases.session(endpoint, user, password, user=user, fence=_unfenced)), password
        except LoginRefused as no:
            if no.login.verdict is not Verdict.REFUSED:
                raise
    raise Refused(Reason.LOGIN_FAILED, f"{endpoint.address} refuses {user!r} with the password of {', '.join(tried.values())}")


def _change(session: Session, endpoint: Endpoint, pending: SecretValue, opened_with: SecretStr) -> None:
    user = pending.username
    if opened_with == pending.password:
        raise Unavailable(Reason.UNAVAILABLE, f"the password of {user!r} changed while we waited for its lock; looking again")
    session.check(user)
    session.set_password(user, pending.password, opened_with)
    if _takes(endpoint, pending, session):
        return
    try:
        session.set_password(user, opened_with, pending.password)
    except Problem as failed:
        raise Unavailable(
            Reason.ROTATION_FAILED, f"the new password is set but its login refused; putting the old one back failed: {failed.message}"
        ) from None
    raise Refused(Reason.ROTATION_FAILED, "the database accepted the new password but refused its login; the old one was put back")


def _takes(endpoint: Endpoint, value: SecretValue, session: Session) -> bool:
    """Whether the session's own node takes a password (SAFETY.md B2). Raises Unavailable where the login says neither."""
    login = databases.login(endpoint, value.username, value.password)
    if not login.verdict.proves and login.verdict is not Verdict.REFUSED:
        raise Unavailable(Reason.UNREACHABLE, f"the new password could not be tried at {endpoint.address}: {_told(login)}")
    if login.verdict is Verdict.REFUSED and login.address != session.address:
        raise Unavailable(Reason.UNREACHABLE, f"another node, {login.address}, refused the new password; looking again")
    return login.verdict.proves


# testSecret


def _test(secrets: SecretsManager, asked: Asked, state: SecretState) -> None:
    """Log in as an application will, on a writer."""
    del state
    pending = _value(secrets, asked.arn, asked.token, PENDING)
    endpoint = _endpoint(pending)
    login = databases.login(endpoint, pending.username, pending.password)
    if login.verdict is not Verdict.OK:
        kind = Refused if login.verdict is Verdict.REFUSED else Unavailable
        raise kind(Reason.LOGIN_FAILED, f"{endpoint.address} does not let {pending.username!r} in with {PENDING}: {_told(login)}")
    if not login.writer:
        raise Unavailable(Reason.UNREACHABLE, f"{endpoint.address} is not a writer now: it tells nothing of a new password")


# finishSecret


def _finish(secrets: SecretsManager, asked: Asked, state: SecretState) -> None:
    """Move AWSCURRENT, if it still stands where we saw it; Secrets Manager itself takes AWSPENDING off."""
    try:
        secrets.move_current(asked.arn, to=asked.token, from_=_labelled(state.current, CURRENT))
    except Absent:
        raise Refused(Reason.SECRET_NOT_FOUND, f"AWS has no secret {asked.arn} any more") from None


_STEPS: Mapping[Step, Callable[[SecretsManager, Asked, SecretState], None]] = {
    Step.CREATE: _create,
    Step.SET: _set,
    Step.TEST: _test,
    Step.FINISH: _finish,
}


# what they share


def _value(secrets: SecretsManager, arn: str, version: str | None, label: str) -> SecretValue:
    found = secrets.value(arn, _labelled(version, label), label)
    if found is None:
        raise Unavailable(Reason.UNAVAILABLE, f"AWS shows no value under {label}; looking again")
    return found


def _labelled(version: str | None, label: str) -> str:
    if version is None:
        raise Unavailable(Reason.UNAVAILABLE, f"AWS shows no version with {label}; looking again")
    return version


def _endpoint(value: SecretValue) -> Endpoint:
    return endpoint_of(value, os.environ.get(_CA_FILE) or None)


def _told(login: Login) -> str:
    return f"{login.verdict} ({login.code})" if login.code else str(login.verdict)
