"""The operator's rotation steps as an AWS Lambda handler, for those who want Secrets Manager to call them: all three strategies."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from pydantic import SecretStr

from rotated_rds.acts.change import Change, End, Ended, set_again
from rotated_rds.acts.way import Scope
from rotated_rds.clients.aws import Absent, Aws, AwsIdentity, AwsSessions, Exists
from rotated_rds.clients.logins import Logins
from rotated_rds.clients.secretsmanager import SecretsManager
from rotated_rds.lambda_function.rules import (
    Asked,
    Step,
    echo,
    endpoint_of,
    is_finished,
    master_of,
    next_user,
    pair_of,
    password_rules,
    strategy_of,
)
from rotated_rds.lambda_function.ways import opened
from rotated_rds.model import alternating
from rotated_rds.model.credential import Credential, SecretValue, generate
from rotated_rds.model.database import Endpoint, Login, Verdict
from rotated_rds.model.denial import Caller
from rotated_rds.model.errors import Problem, Reason, Refused, Unavailable
from rotated_rds.model.secret import CURRENT, PENDING, SecretState
from rotated_rds.model.spec import Strategy

_CA_FILE = "ROTATED_RDS_CA_FILE"


def handler(event: Mapping[str, object], context: object) -> None:
    """Carry out one step; each may be repeated. Raises when it could not: no exception's text holds a credential."""
    del context
    said = {"step": event.get("Step"), "secret": event.get("SecretId"), "version": event.get("ClientRequestToken")}
    try:
        done = _carry_out(Asked.read(event))
    except Problem as no:
        _log("ERROR", said, f"{type(no).__name__}: {no.message}", reason=str(no.reason))
        raise
    except Exception as broken:
        _log("ERROR", said, type(broken).__name__)
        raise
    _log("INFO", said, done)


def _log(level: str, said: Mapping[str, object], message: str, **more: str) -> None:
    """One line of JSON for an invocation, as Lambda's own lines can be."""
    sys.stdout.write(json.dumps({"level": level, **said, "message": message, **more}) + "\n")
    sys.stdout.flush()


def _carry_out(asked: Asked) -> str:
    """What was done, in words."""
    secrets = SecretsManager(_aws(asked.region))
    state = _state(secrets, asked)
    if is_finished(state, asked.token):
        return f"nothing to do: the version is {CURRENT}"
    return _STEPS[asked.step](_Turn.of(secrets, asked, state))


@cache
def _aws(region: str) -> Aws:
    """One session as long as Lambda keeps this container. No Lease stands behind it: the database's lock and AWS's labels do."""
    return AwsSessions(lambda _seconds: None, caller=Caller.FUNCTION).of(AwsIdentity(region=region))


def _state(secrets: SecretsManager, asked: Asked) -> SecretState:
    state = secrets.describe(asked.arn)
    if state is None:
        raise Refused(Reason.SECRET_NOT_FOUND, f"AWS has no secret {asked.arn}")
    return state


@dataclass(frozen=True)
class _Turn:
    """One step of one rotation. old: AWSCURRENT."""

    secrets: SecretsManager
    asked: Asked
    state: SecretState
    old: Credential
    endpoint: Endpoint
    strategy: Strategy

    @classmethod
    def of(cls, secrets: SecretsManager, asked: Asked, state: SecretState) -> "_Turn":
        old = _read(secrets, asked.arn, state.current, CURRENT)
        endpoint = _endpoint(old.value)
        return cls(secrets, asked, state, old, endpoint, strategy_of(os.environ, old.value, endpoint.engine))

    @property
    def scope(self) -> Scope:
        return Scope(self.secrets, Logins(1), self.endpoint, self.state, self.old)

    def pending(self) -> Credential:
        return _read(self.secrets, self.asked.arn, self.asked.token, PENDING)


def _endpoint(value: SecretValue) -> Endpoint:
    return endpoint_of(value, os.environ.get(_CA_FILE) or None)


def _read(secrets: SecretsManager, arn: str, version: str | None, label: str) -> Credential:
    if version is None:
        raise Unavailable(Reason.UNAVAILABLE, f"AWS shows no version with {label}; looking again")
    found = secrets.value(arn, version, label)
    if found is None:
        raise Unavailable(Reason.UNAVAILABLE, f"AWS shows no value under {label}; looking again")
    return Credential(version, found)


# createSecret


def _create(turn: _Turn) -> str:
    """Store a new password under AWSPENDING; one that is there already stays, so that a repeat makes no second one."""
    asked = turn.asked
    if turn.secrets.value(asked.arn, asked.token, PENDING) is not None:
        return "a password was stored before"
    new = Credential(asked.token, _new_value(turn))
    if turn.strategy is Strategy.ALTERNATING_USERS:
        # Before a version of the secret names the clone: afterwards it would pass for one that this secret made (SAFETY.md D1).
        with opened(turn.strategy, turn.scope, new, password_rules(os.environ)) as (session, way):
            way.check(session)
            _put(turn, new.value)
    else:
        _put(turn, new.value)
    turn.pending()
    return f"stored a new password for {new.username!r}"


def _new_value(turn: _Turn) -> SecretValue:
    old, password = turn.old.value, _new_password()
    if turn.strategy is not Strategy.ALTERNATING_USERS:
        return old.with_password(password)
    return old.of_user(next_user(turn.strategy, old, turn.endpoint.engine), password, master=master_of(old))


def _put(turn: _Turn, value: SecretValue) -> None:
    """PutSecretValue. The version holds a value already where an invocation before us, or beside us, was faster: that one stays."""
    aws, asked = turn.secrets.aws, turn.asked
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


def _set(turn: _Turn) -> str:
    """Change the password, log in with the new one, put the old one back on a definite no.

    All in one locked session, as no other invocation could undo it (SAFETY.md A3, C2, C4).
    """
    new, asked, scope = turn.pending(), turn.asked, turn.scope
    _require_own(turn, new)
    change = Change(turn.secrets, scope.logins, turn.endpoint, asked.arn, "", turn.old, new, moves=False)
    with opened(turn.strategy, scope, new, password_rules(os.environ)) as (session, way):
        again = _state(turn.secrets, asked)
        if is_finished(again, asked.token):
            return f"nothing to do: the version is {CURRENT}"
        if again.current != turn.old.version:
            raise Unavailable(Reason.UNAVAILABLE, f"somebody else moved {CURRENT} during the rotation; looking again")
        _conclude(set_again(change, session, way))
    return f"{turn.strategy}: {new.username!r} has the new password"


def _require_own(turn: _Turn, new: Credential) -> None:
    """AWSPENDING is what createSecret makes of AWSCURRENT, whoever stored it."""
    expected = (next_user(turn.strategy, turn.old.value, turn.endpoint.engine), turn.endpoint)
    if (new.username, _endpoint(new.value)) != expected:
        raise Refused(
            Reason.ROTATION_FAILED,
            f"{PENDING} is for another user or database than follows {CURRENT}: take {PENDING} off {new.version}, rotate again",
        )


def _conclude(ended: Ended) -> None:
    if ended.end is not End.MOVED:
        raise (Refused if ended.end is End.FAILED else Unavailable)(ended.reason, ended.text)


# testSecret


def _test(turn: _Turn) -> str:
    """Log in as an application will, on a writer."""
    new = turn.pending()
    endpoint = _endpoint(new.value)
    login = Logins(1).try_version(endpoint, new.version, new.username, new.password)
    if login.verdict is not Verdict.OK:
        kind = Refused if login.verdict is Verdict.REFUSED else Unavailable
        raise kind(Reason.LOGIN_FAILED, f"{endpoint.address} does not let {new.username!r} in with {PENDING}: {_told(login)}")
    if not login.writer:
        raise Unavailable(Reason.UNREACHABLE, f"{endpoint.address} is not a writer now: it tells nothing of a new password")
    if turn.strategy is Strategy.ALTERNATING_USERS and (no := _gets_less(turn, new, login)) is not None:
        raise no
    return f"{new.username!r} logged in with {PENDING}"


def _gets_less(turn: _Turn, new: Credential, login: Login) -> Refused | None:
    return alternating.objection(pair_of(turn.old.value, turn.endpoint.engine), new.username, login)


# finishSecret


def _finish(turn: _Turn) -> str:
    """Move AWSCURRENT, if it still stands where we saw it; Secrets Manager itself takes AWSPENDING off."""
    try:
        turn.secrets.move_current(turn.asked.arn, to=turn.asked.token, from_=turn.old.version)
    except Absent:
        raise Refused(Reason.SECRET_NOT_FOUND, f"AWS has no secret {turn.asked.arn} any more") from None
    return f"{CURRENT} moved"


_STEPS: Mapping[Step, Callable[[_Turn], str]] = {
    Step.CREATE: _create,
    Step.SET: _set,
    Step.TEST: _test,
    Step.FINISH: _finish,
}


def _told(login: Login) -> str:
    return f"{login.verdict} ({login.code})" if login.code else str(login.verdict)
