"""What the Lambda function decides without touching the world: its event, the guards, the environment, the secret's JSON."""

import string
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rotated_rds.model import alternating
from rotated_rds.model.alternating import Pair
from rotated_rds.model.credential import PasswordRules, SecretValue
from rotated_rds.model.database import Endpoint, Engine, Tls, TlsMode
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.secret import CURRENT, PENDING, SecretState
from rotated_rds.model.spec import Strategy

STRATEGY = "ROTATION_STRATEGY"
OWNER_ROLE = "ownerrole"
OWNER_FIELD = f'"{OWNER_ROLE}" in the secret\'s JSON'
MASTER_FIELD = '"masterarn" in the secret\'s JSON'

_LENGTHS = range(8, 129)  # as the resource's spec.rotation.password.length
# AWS's own functions read these too; each leaves a kind of characters out.
_KINDS = {
    "EXCLUDE_LOWERCASE": string.ascii_lowercase,
    "EXCLUDE_UPPERCASE": string.ascii_uppercase,
    "EXCLUDE_NUMBERS": string.digits,
    "EXCLUDE_PUNCTUATION": string.punctuation,
}


class Step(StrEnum):
    """The four steps, as the service spells them."""

    CREATE = "createSecret"
    SET = "setSecret"
    TEST = "testSecret"
    FINISH = "finishSecret"


@dataclass(frozen=True)
class Asked:
    """What Secrets Manager says to a rotation function.

    token: the new version's id. rotation_token: must come back in PutSecretValue, and is never logged (botocore's model calls it
    sensitive); None from a service that gives none.
    """

    step: Step
    arn: str
    token: str
    rotation_token: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, event: Mapping[str, object]) -> "Asked":
        """Read an event. Raises Refused(InvalidParameter) for one that is not Secrets Manager's."""
        step, arn, token = (str(event.get(key) or "") for key in ("Step", "SecretId", "ClientRequestToken"))
        if step not in list(Step) or not token:
            raise _not_understood(f"Step is one of {', '.join(Step)}, and ClientRequestToken is the new version's id")
        if len(arn.split(":")) != 7:  # noqa: PLR2004  arn:partition:service:Region:account:kind:name
            raise _not_understood("SecretId is a secret's full ARN")
        given = event.get("RotationToken")
        return cls(Step(step), arn, token, str(given) if given else None)

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]


def _not_understood(message: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"this is no event of a rotation: {message}")


def is_finished(state: SecretState, token: str) -> bool:
    """Whether the version is AWSCURRENT already; the guards of AWS's own functions. Raises Refused."""
    if not state.rotation_enabled:
        raise Refused(Reason.ROTATION_FAILED, f"rotation of {state.name} is off: RotateSecret turns it on")
    labels = state.versions.get(token)
    if labels is None:
        raise Refused(Reason.ROTATION_FAILED, f"version {token} of {state.name} has no label: there is no rotation to it")
    if CURRENT in labels:
        return True
    if PENDING not in labels:
        raise Refused(Reason.ROTATION_FAILED, f"version {token} of {state.name} is not {PENDING}: there is no rotation to it")
    return False


def echo(rotation_token: str | None, known: Collection[str]) -> Mapping[str, str]:
    """Name the parameter that proves who stores a value. known: what the installed botocore can send; Lambda's own may be too old."""
    return {"RotationToken": rotation_token} if rotation_token and "RotationToken" in known else {}


def password_rules(environment: Mapping[str, str]) -> PasswordRules:
    """Read the environment variables of AWS's own functions. Raises Refused(InvalidSpec)."""
    length = environment.get("PASSWORD_LENGTH", str(PasswordRules.length))
    if not length.isdecimal() or int(length) not in _LENGTHS:
        raise Refused(Reason.INVALID_SPEC, f"PASSWORD_LENGTH: a number from {_LENGTHS[0]} to {_LENGTHS[-1]}")
    exclude = environment.get("EXCLUDE_CHARACTERS", PasswordRules.exclude)
    kinds = [characters for name, characters in _KINDS.items() if _is_true(environment, name, default="false")]
    each = _is_true(environment, "REQUIRE_EACH_INCLUDED_TYPE", default="true")
    return PasswordRules(int(length), exclude + "".join(kinds), each)


def _is_true(environment: Mapping[str, str], name: str, *, default: str) -> bool:
    return environment.get(name, default).lower() == "true"


def endpoint_of(value: SecretValue, ca_file: str | None) -> Endpoint:
    """Where a secret's JSON says that its database is; without TLS only where it says `ssl: false`. Raises Refused(MalformedSecret)."""
    engine, host = value.engine, value.host
    if engine is None or host is None:
        raise Refused(Reason.MALFORMED_SECRET, f'the AWS secret\'s JSON needs "engine" and "host": store a value with them as {CURRENT}')
    plain = str(value.whole.get("ssl")).lower() == "false"
    tls = Tls(TlsMode.DISABLE) if plain else Tls(TlsMode.VERIFY_FULL, ca_file)
    return Endpoint(engine, host, value.port or engine.port, value.dbname, tls)


def strategy_of(environment: Mapping[str, str], value: SecretValue, engine: Engine) -> Strategy:
    """What the environment says; else `masterarn` in AWSCURRENT means two users, as in AWS's own JSON. Raises Refused(InvalidSpec)."""
    named = environment.get(STRATEGY) or (Strategy.ALTERNATING_USERS if value.master else Strategy.SINGLE_USER)
    if named not in list(Strategy):
        raise Refused(Reason.INVALID_SPEC, f"{STRATEGY}: one of {', '.join(Strategy)}")
    strategy = Strategy(named)
    if strategy is Strategy.DUAL_PASSWORD and engine is Engine.POSTGRES:
        raise Refused(Reason.UNSUPPORTED_STRATEGY, f"{STRATEGY}: PostgreSQL keeps one password a user; name AlternatingUsers or SingleUser")
    if strategy is Strategy.DUAL_PASSWORD and engine is Engine.MARIADB:
        master_of(value)
    return strategy


def master_of(value: SecretValue) -> str:
    """The administrator's secret, which two users need, and two passwords on MariaDB. Raises Refused(MalformedSecret)."""
    if value.master is None:
        raise Refused(
            Reason.MALFORMED_SECRET, f"{MASTER_FIELD} is missing: store {CURRENT} with the ARN of the administrator's secret there"
        )
    return value.master


def pair_of(value: SecretValue, engine: Engine) -> Pair:
    """The two users, of whom AWSCURRENT is one (SAFETY.md C6). Raises Refused(InvalidSpec, MalformedSecret)."""
    base, owner = value.username.removesuffix(alternating.CLONE), value.key(OWNER_ROLE)
    if (no := alternating.name_fault(base, engine, '"username" in the secret\'s JSON')) is not None:
        raise Refused(Reason.INVALID_SPEC, no)
    if owner and engine is not Engine.POSTGRES:
        raise Refused(Reason.INVALID_SPEC, f"{OWNER_FIELD}: for PostgreSQL only, this database is {engine}; take it out")
    return Pair(base, alternating.clone_of(base), owner, OWNER_FIELD)


def next_user(strategy: Strategy, value: SecretValue, engine: Engine) -> str:
    """Whose password the new version holds, after AWSCURRENT's `value`. Raises as `pair_of`."""
    return pair_of(value, engine).other(value.username) if strategy is Strategy.ALTERNATING_USERS else value.username
