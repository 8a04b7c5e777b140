"""A rotation function before it is asked: may Secrets Manager invoke it, and is it older than what it must be able to do."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from rotated_rds.model.database import Engine
from rotated_rds.model.document import Json
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.globs import Glob

SERVICE = "secretsmanager.amazonaws.com"
ACTION = "lambda:InvokeFunction"
# AWS's own functions learnt TLS and SCRAM at these times (AWS user guide, "Rotation by Lambda function").
TLS_SINCE, SCRAM_SINCE = datetime(2021, 12, 20, tzinfo=UTC), datetime(2021, 12, 30, tzinfo=UTC)
_FIELD = "spec.rotation.functionArn"


@dataclass(frozen=True)
class FunctionSeen:
    """What AWS's Lambda says of a function.

    there: None where it was not to be learnt. policy: its resource policy's JSON, empty for none, None where it was not to be learnt.
    changed: when its code or configuration last changed. denied: actions that AWS denies us.
    """

    there: bool | None = None
    policy: str | None = None
    changed: datetime | None = None
    denied: tuple[str, ...] = ()


def preflight(arn: str, seen: FunctionSeen, secret: str, engine: Engine | None, *, tls: bool) -> str:
    """What is worth saying of a function that may be asked; empty when all is well.

    secret: the ARN of the secret that it is to rotate; tls: whether logins of its own go over TLS.
    Raises Refused(FunctionNotFound, AccessDenied) for one that AWS could not invoke.
    """
    if seen.there is False:
        raise Refused(Reason.FUNCTION_NOT_FOUND, f"{_FIELD}: Lambda has no function {arn}; create it, or name another")
    if seen.policy is not None and not allows(seen.policy, secret):
        raise Refused(Reason.ACCESS_DENIED, f"{_FIELD}: {arn} does not let Secrets Manager in; {_permission(arn, secret)}")
    said = [_denied(seen.denied)] if seen.denied else []
    if tls and (old := _too_old(seen.changed, engine)):
        said.append(old)
    return "".join(f"; {one}" for one in said)


def _permission(arn: str, secret: str) -> str:
    account = secret.split(":")[4]
    return (
        f"aws lambda add-permission --function-name {arn} --statement-id secrets-manager --action {ACTION} "
        f"--principal {SERVICE} --source-account {account}"
    )


def _denied(actions: Iterable[str]) -> str:
    return f"the function was not looked at beforehand, AWS denies {', '.join(actions)} (`rotated-rds policy` prints it)"


def _too_old(changed: datetime | None, engine: Engine | None) -> str | None:
    known, what = (SCRAM_SINCE, "SCRAM") if engine is Engine.POSTGRES else (TLS_SINCE, "TLS")
    if changed is None or changed >= known:
        return None
    return f"the function last changed on {changed:%Y-%m-%d}: AWS's own know {what} since {known:%Y-%m-%d}; put newer code into it"


def allows(policy: str, secret: str) -> bool:
    """Whether a function's resource policy lets Secrets Manager invoke it for this secret; a condition unknown to us counts as met."""
    return any(_lets_in(one, secret) for one in _statements(policy))


def _statements(policy: str) -> list[Json]:
    try:
        document: object = json.loads(policy or "{}")
    except ValueError:
        return []
    found: object = cast("Json", document).get("Statement") if isinstance(document, dict) else None
    every = cast("list[object]", found) if isinstance(found, list) else [found]
    return [cast("Json", one) for one in every if isinstance(one, dict)]


def _lets_in(statement: Json, secret: str) -> bool:
    if statement.get("Effect") != "Allow" or not any(_matches(text, ACTION) for text in _texts(statement.get("Action"))):
        return False
    principal = statement.get("Principal")
    named = cast("Json", principal).get("Service") if isinstance(principal, dict) else principal
    if not {"*", SERVICE} & set(_texts(named)):
        return False
    return all(_met(key, wanted, secret) for key, wanted in _conditions(statement))


def _conditions(statement: Json) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Keys in small letters, as AWS takes any, with what they may be."""
    for operator in cast("Mapping[str, Json]", statement.get("Condition") or {}).values():
        yield from ((key.lower(), _texts(value)) for key, value in operator.items())


def _met(key: str, wanted: tuple[str, ...], secret: str) -> bool:
    asked = {"aws:sourcearn": secret, "aws:sourceaccount": secret.split(":")[4]}.get(key)
    return asked is None or any(_matches(text, asked) for text in wanted)


def _matches(pattern: str, text: str) -> bool:
    return Glob.of(pattern, {}).folded().matches(text.lower())


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in cast("list[object]", value)) if isinstance(value, list) else (str(value),)
