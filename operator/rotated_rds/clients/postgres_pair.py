"""PostgreSQL: the second user of AlternatingUsers, made like the first as far as that goes (SAFETY.md D1)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rotated_rds.clients import postgres_rules
from rotated_rds.clients.sessions import STATEMENT_TIMEOUT, Fence, Said, changing, unlucky
from rotated_rds.clients.wire import Row, Wire
from rotated_rds.model.alternating import Pair
from rotated_rds.model.database import Endpoint
from rotated_rds.model.errors import Problem, Reason, Refused

_SINCE_SET_OPTION = (16,)
# Their values are lists of names: given as one text they would become one name (PostgreSQL, GUC_LIST_QUOTE).
_LISTS = (
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
)
_ROLE = "SELECT rolcanlogin, rolcreatedb, rolconnlimit, rolvaliduntil FROM pg_roles WHERE rolname = {user}"
_SETTINGS = (
    "SELECT coalesce(d.datname, ''), c.entry FROM pg_roles r JOIN pg_db_role_setting s ON s.setrole = r.oid"
    " LEFT JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS c (entry) WHERE r.rolname = {user}"
)
# What a role owns ('o') and was granted by name ('a'), in every database: only a shared catalog tells.
_HELD = (
    "SELECT r.rolname, s.deptype, coalesce(d.datname, 'the whole server'), count(*) FROM pg_shdepend s"
    " JOIN pg_roles r ON r.oid = s.refobjid LEFT JOIN pg_database d ON d.oid = s.dbid"
    " WHERE s.refclassid = 'pg_authid'::regclass AND r.rolname IN ({base}, {clone}) AND s.deptype IN ('o', 'a')"
    " AND NOT (s.deptype = 'a' AND r.rolname = {base} AND s.classid = 'pg_database'::regclass) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
_GROUPS = (
    "SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member"
    " WHERE r.rolname = {user} ORDER BY 1"
)
_MEMBER = "SELECT pg_has_role(r.oid, g.oid, '{kind}') FROM pg_roles r, pg_roles g WHERE r.rolname = {user} AND g.rolname = {group}"
_NAMESAKE = "SELECT 1 FROM pg_namespace WHERE nspname = {user}"

Setting = tuple[str, str]
"""Database ('' for all of them) and `name=value`."""


@dataclass(frozen=True)
class Role:
    """What a login role has besides grants."""

    createdb: bool
    limit: str
    valid_until: str | None
    settings: frozenset[Setting]
    login: bool = True

    def traits(self, owner: str | None) -> frozenset[str]:
        """In words that compare; the setting `role` is left out where we set it ourselves."""
        said = {"CREATEDB"} if self.createdb else set[str]()
        said |= set[str]() if self.login else {"NOLOGIN"}
        said |= {f"CONNECTION LIMIT {self.limit}"} if self.limit != "-1" else set()
        said |= {f"VALID UNTIL '{self.valid_until}'"} if self.valid_until else set()
        return frozenset(said | {f"SET {text}" + (f" in {place}" if place else "") for place, text in self.carried(owner)})

    def carried(self, owner: str | None) -> frozenset[Setting]:
        return frozenset(one for one in self.settings if owner is None or not one[1].startswith("role="))

    def acts_as(self, owner: str) -> bool:
        """Whether its sessions become the owner role, in every database."""
        return ("", f"role={owner}") in self.settings and all(
            text == f"role={owner}" for _, text in self.settings if text.startswith("role=")
        )


@dataclass(frozen=True)
class PostgresPair:
    """A `sessions.PairSession`, inside an administrator's locked session."""

    endpoint: Endpoint
    wire: Wire
    fence: Fence
    ask: Callable[[str], list[Row]]
    version: tuple[int, ...]
    admin: str
    pair: Pair

    def check(self) -> None:
        pair = self.pair
        if pair.owner is not None:
            self._check_owner(pair.owner)
        held = self.ask(_HELD.format(base=self._literal(pair.base), clone=self._literal(pair.clone)))
        if (no := split(held, pair)) is not None:
            raise no
        if strange := [group for (group,) in self.ask(_GROUPS.format(user=self._literal(pair.clone))) if group != pair.base]:
            raise _split(f"{pair.clone!r} is a member of {strange[0]!r}: GRANT that to {pair.base!r}, and REVOKE it from {pair.clone!r}")
        if pair.owner is None and self.ask(_NAMESAKE.format(user=self._literal(pair.base))) and not self._has_search_path():
            raise _split(
                f"the schema {pair.base!r} is found by its user's name, so not by {pair.clone!r}: ALTER ROLE … SET search_path, by its name"
            )

    def traits(self, user: str) -> frozenset[str]:
        found = self._role(user)
        return frozenset() if found is None else found.traits(self.pair.owner)

    def make_ready(self, user: str) -> None:
        base, found = self._role(self.pair.base), self._role(user)
        if base is None:
            return
        statements = list(self._owner_role(user, found))
        if user == self.pair.clone:
            statements = [*self._likeness(base, found), *statements]
        if statements:
            self._write("; ".join(statements))  # one transaction: all of it or nothing

    def _likeness(self, base: Role, clone: Role | None) -> Iterator[str]:
        name = self._identifier(self.pair.clone)
        if clone is None:
            yield f"CREATE ROLE {name} LOGIN"  # without a password nobody gets in
        elif base.login and not clone.login:
            yield f"ALTER ROLE {name} LOGIN"
        if clone is None or (clone.createdb, clone.limit, clone.valid_until) != (base.createdb, base.limit, base.valid_until):
            until = self._literal(base.valid_until or "infinity")
            createdb = "" if clone is not None and clone.createdb == base.createdb else " CREATEDB" if base.createdb else " NOCREATEDB"
            valid = f" VALID UNTIL {until}" if base.valid_until or (clone and clone.valid_until) else ""
            yield f"ALTER ROLE {name} CONNECTION LIMIT {base.limit}{createdb}{valid}"
        if clone is None or not self._inherits():
            option = " WITH INHERIT TRUE" if self.version >= _SINCE_SET_OPTION else ""
            yield f"ALTER ROLE {name} INHERIT; GRANT {self._identifier(self.pair.base)} TO {name}{option}"
        yield from self._settings(base, clone)

    def _settings(self, base: Role, clone: Role | None) -> Iterator[str]:
        owner, name = self.pair.owner, self._identifier(self.pair.clone)
        wanted, has = base.carried(owner), clone.carried(owner) if clone else frozenset[Setting]()
        for place, text in sorted(has - wanted):
            yield f"ALTER ROLE {name}{self._in(place)} RESET {self._identifier(text.partition('=')[0])}"
        for place, text in sorted(wanted - has):
            key, _, value = text.partition("=")
            values = (parts(value) if key in _LISTS else [value]) or [""]
            yield f"ALTER ROLE {name}{self._in(place)} SET {self._identifier(key)} TO {', '.join(map(self._literal, values))}"

    def _owner_role(self, user: str, found: Role | None) -> Iterator[str]:
        owner, name = self.pair.owner, self._identifier(user)
        if owner is None or (found is not None and found.acts_as(owner)):
            return
        for place in sorted({place for place, text in found.settings if place and text.startswith("role=")} if found else ()):
            yield f"ALTER ROLE {name}{self._in(place)} RESET role"
        yield f"ALTER ROLE {name} SET role TO {self._literal(owner)}"

    def _check_owner(self, owner: str) -> None:
        rows = self.ask(postgres_rules.QUESTION.format(user=self._literal(owner)))
        if not rows:
            raise _split(
                f"{self.pair.owner_field}: the database has no role {owner!r}: CREATE ROLE … NOLOGIN, and GRANT it to {self.pair.base!r}"
            )
        account = postgres_rules.Account.read(rows[0])
        if account.can_login or account.power:
            has = account.power or "LOGIN"
            raise Refused(Reason.NOT_ALLOWED, f"{self.pair.owner_field}: {owner!r} has {has}: name a NOLOGIN role without powers")
        if not self._is_member(self.pair.base, owner, "SET" if self.version >= _SINCE_SET_OPTION else "MEMBER"):
            raise _split(f"{self.pair.owner_field}: {self.pair.base!r} is no member of {owner!r}: GRANT {owner} TO {self.pair.base}")

    def _inherits(self) -> bool:
        return self._is_member(self.pair.clone, self.pair.base, "USAGE")

    def _is_member(self, user: str, group: str, kind: str) -> bool:
        return self.ask(_MEMBER.format(kind=kind, user=self._literal(user), group=self._literal(group))) == [("t",)]

    def _has_search_path(self) -> bool:
        base = self._role(self.pair.base)
        return base is not None and any(text.startswith("search_path=") and '"$user"' not in text for _, text in base.settings)

    def _role(self, user: str) -> Role | None:
        rows = self.ask(_ROLE.format(user=self._literal(user)))
        if not rows:
            return None
        settings = self.ask(_SETTINGS.format(user=self._literal(user)))
        [(login, createdb, limit, until)] = rows
        said = frozenset((str(place), str(entry)) for place, entry in settings)
        return Role(createdb == "t", str(limit), until, said, login == "t")

    def is_locked(self) -> bool:
        clone = self._role(self.pair.clone)
        return clone is not None and not clone.login

    def lock(self) -> None:
        with changing(self.endpoint, self.fence, self._not_locked):
            self.wire.ask(f"ALTER ROLE {self._identifier(self.pair.clone)} NOLOGIN", STATEMENT_TIMEOUT)

    def _write(self, sql: str) -> None:
        with changing(self.endpoint, self.fence, self._refusal):
            self.wire.ask(sql, STATEMENT_TIMEOUT)

    def _not_locked(self, error: Said) -> Problem:
        return postgres_rules.refusal(self.pair.clone, error.code, admin=True) or unlucky(self.endpoint, error)

    def _refusal(self, error: Said) -> Problem:
        base, clone = self.pair.base, self.pair.clone
        if error.code == "42501":
            return Refused(
                Reason.ADMIN_INSUFFICIENT,
                f"administrator {self.admin!r} may not make {clone!r} like {base!r} (42501): grant CREATEROLE, ADMIN OPTION on {base!r}, "
                "CREATEDB if that has it, and what its settings need",
            )
        if error.code == "0LP01":
            return _split(f"{base!r} is a member of {clone!r} (0LP01): REVOKE {clone} FROM {base}")
        if postgres_rules.passing(error.code):
            return unlucky(self.endpoint, error)
        return Refused(Reason.ROTATION_FAILED, f"the server did not make {clone!r} like {base!r} ({error.code})")

    def _in(self, place: str) -> str:
        return f" IN DATABASE {self._identifier(place)}" if place else ""

    def _literal(self, text: str) -> str:
        return self.wire.literal(text)

    def _identifier(self, text: str) -> str:
        return self.wire.identifier(text)


def split(held: Sequence[Row], pair: Pair) -> Refused | None:
    """What only one of the two has, and no membership gives to the other. held: rows of user, `o` or `a`, database, count."""
    for user, kind, place, count in held:
        other = pair.clone if user == pair.base else pair.base
        if kind == "o" and pair.owner is None:
            return _split(
                f"{user!r} owns {count} objects in {place}, which {other!r} could not own as well: GRANT a NOLOGIN role to {pair.base!r}, "
                f"REASSIGN OWNED BY {user} to it, and name it in {pair.owner_field}"
            )
        if kind == "o":
            return _split(f"{user!r} owns {count} objects in {place}: REASSIGN OWNED BY {user} TO {pair.owner}")
        if user == pair.clone:
            return _split(
                f"{user!r} holds grants on {count} objects in {place}, which {other!r} lacks: grant them to {other!r}, and revoke them"
            )
        if pair.owner is not None:
            return _split(
                f"{user!r} holds grants on {count} objects in {place}, which its sessions as {pair.owner!r} lack: grant them to that"
            )
    return None


def parts(value: str) -> list[str]:
    """Take a list of names apart, as the server wrote it: `"$user", public` → `$user`, `public`."""
    found, name, quoted, rest = list[str](), "", False, value.strip()
    while rest:
        sign, rest = rest[0], rest[1:]
        if sign == '"' and quoted and rest.startswith('"'):
            name, rest = name + '"', rest[1:]
        elif sign == '"':
            quoted = not quoted
        elif sign == "," and not quoted:
            found, name, rest = [*found, name], "", rest.lstrip()
        elif quoted or not sign.isspace():
            name += sign
    return [*found, name] if value.strip() else []


def _split(message: str) -> Refused:
    return Refused(Reason.OWNERSHIP_SPLIT, message)
