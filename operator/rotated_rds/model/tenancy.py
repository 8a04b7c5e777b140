"""Which namespace may use which secret, administrator, user, database, role, function and key (API.md, "Tenancy"; SAFETY.md G4)."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import cast

from rotated_rds.model.addresses import address_of, guarded
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.globs import PLACEHOLDER, Glob

LISTS = ("secrets", "adminSecrets", "users", "managedDatabases", "hosts", "roles", "functions", "kmsKeys", "regions")
_ADMIN_SPACE = "rotated-rds-admin/"
_RANDOM_END = re.compile(r"-[A-Za-z0-9]{6}\Z")
_ARN_PARTS = 7  # arn:partition:service:region:account:secret:name


class TenancyError(ValueError):
    """The tenancy file cannot be read; the text names the place."""


class Mode(StrEnum):
    NAMESPACED = "Namespaced"
    OPEN = "Open"


class Allow(StrEnum):
    """What a rule allows by a word."""

    ADOPTION = "Adoption"
    RESOURCE_POLICY = "ResourcePolicy"
    HOSTED_LAMBDA = "HostedLambda"
    DELETION = "Deletion"
    FORCE_DELETION = "ForceDeletion"
    FOREIGN_OWNERS = "ForeignOwners"


@dataclass(frozen=True)
class Rule:
    """What the namespaces that match may use. globs: the file's lists by the file's names."""

    namespaces: tuple[str, ...]
    globs: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    allow: frozenset[Allow] = frozenset()


_OWN = Rule(
    namespaces=("*",),
    globs={"secrets": ("{prefix}{namespace}/*",), "adminSecrets": (f"{{prefix}}{_ADMIN_SPACE}{{namespace}}/*",), "users": ("*",)},
)


@dataclass(frozen=True)
class Tenancy:
    """The file, read. Rules add to what the mode allows."""

    mode: Mode = Mode.NAMESPACED
    rules: tuple[Rule, ...] = ()

    def permit(self, namespace: str, prefix: str, account: str, region: str) -> "Permit":
        """Pick what a resource may use.

        prefix: the setting --secret-prefix. account: where this resource's AWS session lives, its role's if it has one.
        region: the operator's own.
        """
        matching = [rule for rule in self.rules if any(Glob.of(text, {}).matches(namespace) for text in rule.namespaces)]
        own = [] if self.mode is Mode.OPEN else [_OWN]
        claims = (text.replace("{namespace}", "*") for rule in self.rules for text in rule.globs.get("adminSecrets", ()))
        return Permit(
            self.mode is Mode.OPEN,
            {"namespace": namespace, "prefix": prefix},
            account,
            region,
            (*own, *matching),
            tuple(Glob.of(text, {"prefix": prefix}) for text in claims),
        )


@dataclass(frozen=True)
class Permit:
    """What one namespace may use. Each check takes what AWS or DNS said, not what the spec says, and raises Refused(NotAllowed)."""

    open: bool
    names: Mapping[str, str]
    account: str
    region: str
    rules: tuple[Rule, ...]
    admin_claims: tuple[Glob, ...] = ()

    def check_region(self, region: str, path: str = "spec.aws.region") -> None:
        if not self._region_allowed(region):
            raise self._refused(path, region, "regions")

    def check_secret(self, secret: str, path: str = "spec.secret.name") -> None:
        """Check a secret to rotate or to mirror. secret: its ARN as AWS gave it, or its name while there is none."""
        if not self.open and not any(self._covers(glob, secret) and not self._administers(glob, secret) for glob in self._globs("secrets")):
            raise self._refused(path, self._shortest(secret), "secrets")

    def check_admin_secret(self, secret: str, path: str = "spec.user.adminSecretId") -> None:
        """Check an administrator's secret; what `secrets` allows says nothing here. secret: its ARN as AWS gave it."""
        if not self.open and not any(self._covers(glob, secret) for glob in self._globs("adminSecrets")):
            raise self._refused(path, self._shortest(secret), "adminSecrets")

    def check_user(self, user: str, path: str = "spec.user.name") -> None:
        self._check(path, user, "users")

    def check_managed_database(self, identifier: str, path: str = "spec.database") -> None:
        """Check an instance or cluster whose master password RDS manages (method RDSManaged)."""
        self._check(path, identifier, "managedDatabases")

    def check_host(self, host: str, path: str = "spec.database.host") -> None:
        """Check a typed host; RDS's own endpoints need no rule."""
        if not self.open and not any(glob.folded().matches(_host(host)) for glob in self._globs("hosts")):
            raise self._refused(path, host, "hosts")

    def check_addresses(self, host: str, addresses: Iterable[str], path: str = "spec.database.host") -> None:
        """Check what an endpoint resolved to, typed or RDS's own, in every mode: the operator's own pod and node are no databases."""
        named = {glob.folded().head for glob in self._globs("hosts") if glob.literal}
        numbered = {address_of(entry) for entry in named} - {None}
        for address in addresses:
            if guarded(address) and _host(host) not in named and address_of(address) not in numbered:
                raise self._refused(path, address, "hosts", f"{host} at {address}, a loopback, link-local or metadata address")

    def check_role(self, arn: str, path: str = "spec.aws.roleArn") -> None:
        self._check(path, arn, "roles")

    def check_function(self, arn: str, path: str = "spec.rotation.functionArn") -> None:
        self._check(path, arn, "functions")

    def check_kms_key(self, key: str, path: str = "spec.secret.kmsKeyId") -> None:
        self._check(path, key, "kmsKeys")

    def check_word(self, word: Allow, path: str) -> None:
        """Check what only a word allows, such as deletion."""
        if not self.open and not any(word in rule.allow for rule in self.rules):
            raise _refusal(path, f"namespace {self.names['namespace']} may not use {word}", self._rule("allow", word.value))

    def _check(self, path: str, value: str, key: str) -> None:
        if not self.open and not any(glob.matches(value) for glob in self._globs(key)):
            raise self._refused(path, value, key)

    def _globs(self, key: str) -> list[Glob]:
        return [Glob.of(text, self.names) for rule in self.rules for text in rule.globs.get(key, ())]

    def _region_allowed(self, region: str) -> bool:
        return self.open or region == self.region or any(glob.matches(region) for glob in self._globs("regions"))

    def _covers(self, glob: Glob, secret: str) -> bool:
        """Tell whether a glob covers a secret: by name only at home, by ARN anywhere; ARNs are written with or without AWS's random end."""
        if glob.head.startswith("arn:"):
            return glob.matches(secret) or glob.matches(_RANDOM_END.sub("", secret))
        return self._at_home(secret) and glob.matches(_identity(secret)[0])

    def _at_home(self, secret: str) -> bool:
        _, region, account = _identity(secret)
        return account is None or (account == self.account and self._region_allowed(region or ""))

    def _administers(self, glob: Glob, secret: str) -> bool:
        """Tell whether a secret is an administrator's, which no wildcard of `secrets` covers unless it is written more closely."""
        name, close = _identity(secret)[0], _closeness(glob)
        space = f"{self.names['prefix']}{_ADMIN_SPACE}"
        if name.startswith(space) and close <= len(space):
            return True
        return any(self._covers(claim, secret) and _closeness(claim) > close for claim in self.admin_claims)

    def _shortest(self, secret: str) -> str:
        """Name the secret in the shortest way that a rule can."""
        return _identity(secret)[0] if self._at_home(secret) else _RANDOM_END.sub("", secret)

    def _refused(self, path: str, value: str, key: str, what: str | None = None) -> Refused:
        return _refusal(path, f"namespace {self.names['namespace']} may not use {what or value}", self._rule(key, value))

    def _rule(self, key: str, value: str) -> str | None:
        if "*" in value or "{" in value:
            return None
        shown = value if key == "allow" else json.dumps(value, ensure_ascii=False)
        return f"{{namespaces: [{json.dumps(self.names['namespace'])}], {key}: [{shown}]}}"


def parse(loaded: object) -> Tenancy:
    """Read what YAML gave: {mode, rules}, a bare list of rules, or nothing. Raises TenancyError that names the place."""
    if loaded is None or isinstance(loaded, list):
        return Tenancy(rules=_rules(cast("list[object] | None", loaded)))
    if not isinstance(loaded, dict):
        raise TenancyError("the file: write mode and rules, or a list of rules")
    document = _known_keys(cast("dict[object, object]", loaded), ("mode", "rules"), "the file")
    mode = document.get("mode", Mode.NAMESPACED)
    if mode not in list(Mode):
        raise TenancyError(f"mode: {mode!r} is neither Namespaced nor Open")
    return Tenancy(Mode(str(mode)), _rules(document.get("rules")))


def _rules(loaded: object) -> tuple[Rule, ...]:
    if not isinstance(loaded, list | None):
        raise TenancyError("rules: write a list")
    return tuple(_one_rule(rule, f"rules[{place}]") for place, rule in enumerate(cast("list[object]", loaded or [])))


def _one_rule(loaded: object, place: str) -> Rule:
    if not isinstance(loaded, dict):
        raise TenancyError(f"{place}: write {{namespaces: [...], secrets: [...]}}")
    rule = _known_keys(cast("dict[object, object]", loaded), ("namespaces", *LISTS, "allow"), place)
    if "namespaces" not in rule:
        raise TenancyError(f'{place}: says no namespaces; write namespaces: ["*"] for all of them')
    words = _texts(rule.get("allow", []), f"{place}.allow")
    for word in words:
        if word not in list(Allow):
            raise TenancyError(f"{place}.allow: {word!r} is none of {', '.join(Allow)}")
    globs = {key: _texts(rule[key], f"{place}.{key}") for key in LISTS if key in rule}
    return Rule(_texts(rule["namespaces"], f"{place}.namespaces"), globs, frozenset(map(Allow, words)))


def _known_keys(document: dict[object, object], known: tuple[str, ...], place: str) -> dict[object, object]:
    for key in document:
        if key not in known:
            raise TenancyError(f"{place}: unknown key {key!r}; known are {', '.join(known)}")
    return document


def _texts(loaded: object, place: str) -> tuple[str, ...]:
    if not isinstance(loaded, list):
        raise TenancyError(f"{place}: write a list")
    for text in cast("list[object]", loaded):
        if not isinstance(text, str) or not text:
            raise TenancyError(f"{place}: {text!r} is no text; write it in quotes")
        for name in PLACEHOLDER.findall(text):
            if name not in ("namespace", "prefix"):
                raise TenancyError(f"{place}: {{{name}}} stands for nothing; {{namespace}} and {{prefix}} do")
    return tuple(cast("list[str]", loaded))


def _refusal(path: str, what: str, rule: str | None) -> Refused:
    mend = f"ask for the tenancy rule {rule}" if rule else "no rule can name it alone, since it holds * or {: choose another"
    return Refused(Reason.NOT_ALLOWED, f"{path}: {what}: {mend}")


def _identity(secret: str) -> tuple[str, str | None, str | None]:
    """Take an ARN apart: name without AWS's random end, Region, account. A name has only itself."""
    if not secret.startswith("arn:"):
        return secret, None, None
    parts = secret.split(":", _ARN_PARTS - 1)
    return (_RANDOM_END.sub("", parts[6]), parts[3], parts[4]) if len(parts) == _ARN_PARTS else (secret, "", "")


def _closeness(glob: Glob) -> int:
    """Count how much of a secret's name a glob spells out before its first star."""
    if not glob.head.startswith("arn:"):
        return len(glob.head)
    parts = glob.head.split(":", _ARN_PARTS - 1)
    return len(parts[-1]) if len(parts) == _ARN_PARTS else 0


def _host(host: str) -> str:
    return host.casefold().rstrip(".")
