"""Credential, whose repr hides: AWS's secret JSON in and out."""

import json
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from pydantic import SecretStr

from rotated_rds.model.database import Endpoint, Engine, TlsMode
from rotated_rds.model.errors import Reason, Refused

# What breaks URLs, shells, SQL tools and .pgpass files, and what RDS refuses in a password (/ @ " and space).
UNSAFE = " %+~`#$&*()|[]{}:;<>?!'\"/@\\^,="
HIGHEST_PORT = 65535
MASTER = "masterarn"
FEWEST_CHARACTERS = 16  # to choose from
_ENGINES = {"aurora-postgresql": Engine.POSTGRES, "postgresql": Engine.POSTGRES, "aurora-mysql": Engine.MYSQL} | {
    e.value: e for e in Engine
}


@dataclass(frozen=True)
class SecretValue:
    """One version's JSON, as AWS's own rotation functions write it (AWS user guide, "JSON structure of secrets").

    whole: all keys as they came, also those that we do not know; they survive a rotation. It hides from repr.
    """

    username: str
    password: SecretStr
    whole: Mapping[str, object] = field(repr=False)
    complete: bool = True

    @classmethod
    def of(cls, username: str, password: str) -> "SecretValue":
        """A credential alone, good for a login but not for writing: the other keys are unknown."""
        return cls(username, SecretStr(password), {}, complete=False)

    @classmethod
    def parse(cls, text: str) -> "SecretValue":
        """Read a version. Raises Refused(MalformedSecret) that names the key, never the text."""
        try:
            whole = json.loads(text)
        except (ValueError, RecursionError):
            whole = None  # the decoder's error quotes the text: it must not be chained
        if not isinstance(whole, dict):
            raise Refused(
                Reason.MALFORMED_SECRET, 'the AWS secret\'s value is not a JSON object: store {"username": …, "password": …} as AWSCURRENT'
            )
        document = cast("dict[str, object]", whole)
        for key in ("username", "password"):
            found = document.get(key)
            if not found or not _is_text(found):
                raise Refused(
                    Reason.MALFORMED_SECRET, f'the AWS secret\'s JSON has no text under "{key}": store a value with it as AWSCURRENT'
                )
        return cls(str(document["username"]), SecretStr(str(document["password"])), document)

    @property
    def engine(self) -> Engine | None:
        """The engine that the JSON names; None where it names none (RDS-managed secrets). Raises Refused(MalformedSecret)."""
        named = self.whole.get("engine")
        if named is None:
            return None
        if not isinstance(named, str) or named not in _ENGINES:
            raise Refused(
                Reason.MALFORMED_SECRET,
                f'the AWS secret\'s "engine" is not one of {", ".join(sorted(_ENGINES))}: store it right as AWSCURRENT',
            )
        return _ENGINES[named]

    @property
    def host(self) -> str | None:
        return self.key("host")

    @property
    def dbname(self) -> str | None:
        return self.key("dbname")

    @property
    def port(self) -> int | None:
        """A JSON number or a string of digits: both are in use. Raises Refused(MalformedSecret)."""
        port = self.whole.get("port")
        if port is None:
            return None
        number = isinstance(port, int) and not isinstance(port, bool)
        digits = isinstance(port, str) and port.isdecimal()
        if (number or digits) and len(str(port)) <= len(str(HIGHEST_PORT)) and 0 < int(str(port)) <= HIGHEST_PORT:
            return int(str(port))
        raise Refused(Reason.MALFORMED_SECRET, 'the AWS secret\'s "port" is not a port number: store it right as AWSCURRENT')

    def key(self, key: str) -> str | None:
        """The text under a key; None where there is none, or an empty one. Raises Refused(MalformedSecret)."""
        found = self.whole.get(key)
        if found is not None and not _is_text(found):
            raise Refused(Reason.MALFORMED_SECRET, f'the AWS secret\'s "{key}" is not text: store it right as AWSCURRENT')
        return str(found) if found else None

    @property
    def master(self) -> str | None:
        """The ARN of the administrator's secret, with alternating users."""
        return self.key(MASTER)

    def check(self) -> None:
        """Look at every key that somebody will read. Raises Refused(MalformedSecret)."""
        for read in (lambda: self.engine, lambda: self.host, lambda: self.port, lambda: self.dbname):
            read()

    def with_password(self, password: SecretStr) -> "SecretValue":
        return replace(self, password=password, whole={**self.whole, "password": password.get_secret_value()})

    def with_key(self, key: str, text: str) -> "SecretValue":
        """The same credential, with one more key in its JSON."""
        return replace(self, whole={**self.whole, key: text})

    def of_user(self, username: str, password: SecretStr, *, master: str) -> "SecretValue":
        """The same for another user. master: the ARN of the administrator's secret, as AWS's own functions write it."""
        told = {"username": username, "password": password.get_secret_value(), MASTER: master}
        return replace(self, username=username, password=password, whole={**self.whole, **told})

    def at(self, endpoint: Endpoint) -> "SecretValue":
        """The same credential for another endpoint: engine, host, port, dbname and the TLS hint follow it."""
        return replace(self, whole={**self.whole, **_connection(endpoint)})

    def text(self) -> str:
        """The JSON to store. The one place where the password leaves its wrapper on the way to AWS."""
        return json.dumps(dict(self.whole))


def _is_text(found: object) -> bool:
    """Text that can go over a wire: JSON also spells NUL and half a surrogate pair."""
    return isinstance(found, str) and "\0" not in found and not any("\ud800" <= char <= "\udfff" for char in found)


def new_value(endpoint: Endpoint, username: str, password: SecretStr, master: str | None = None) -> SecretValue:
    """A first version for an endpoint. master: the ARN of the administrator's secret, with alternating users."""
    whole = {**_connection(endpoint), "username": username, "password": password.get_secret_value()}
    return SecretValue(username, password, whole if master is None else {**whole, MASTER: master})


def _connection(endpoint: Endpoint) -> dict[str, object]:
    named: dict[str, object] = {"engine": endpoint.engine.value, "host": endpoint.host, "port": endpoint.port}
    if endpoint.database is not None:
        named["dbname"] = endpoint.database
    # AWS's functions fall back to plain text when this key is missing.
    return {**named, "ssl": endpoint.tls.mode is not TlsMode.DISABLE}


@dataclass(frozen=True)
class PasswordRules:
    """What a new password looks like. length: characters."""

    length: int = 32
    exclude: str = UNSAFE
    require_each_type: bool = True


def generate(rules: PasswordRules) -> SecretStr:
    """A password from the system's random source. Raises Refused(InvalidSpec) when the rules leave too little to choose from."""
    kinds = [
        [c for c in kind if c not in rules.exclude]
        for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation)
    ]
    kinds = [kind for kind in kinds if kind]
    alphabet = [c for kind in kinds for c in kind]
    if len(alphabet) < FEWEST_CHARACTERS:
        raise Refused(Reason.INVALID_SPEC, "spec.rotation.password.exclude: fewer than 16 characters are left; exclude fewer")
    picked = [secrets.choice(kind) for kind in kinds] if rules.require_each_type else []
    picked += [secrets.choice(alphabet) for _ in range(rules.length - len(picked))]
    secrets.SystemRandom().shuffle(picked)
    return SecretStr("".join(picked))


@dataclass(frozen=True)
class Credential:
    """A version of an AWS secret together with what it says: what is verified, mirrored and restarted for."""

    version: str
    value: SecretValue

    @property
    def username(self) -> str:
        return self.value.username

    @property
    def password(self) -> SecretStr:
        return self.value.password
