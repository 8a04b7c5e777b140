"""MySQL and MariaDB: whose password may be changed, and what a rejected change means. Rows and numbers in, an objection out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rotated_rds.clients.line import literal
from rotated_rds.clients.wire import Row
from rotated_rds.model.database import Endpoint, Engine, TlsMode
from rotated_rds.model.errors import Problem, Reason, Refused, Unavailable

DENIED = ("1044", "1142", "1143", "1227")
_CHANGEABLE = {
    Engine.MYSQL: ("caching_sha2_password", "sha256_password", "mysql_native_password"),
    Engine.MARIADB: ("mysql_native_password", ""),
}
# Who comes in through these has no password to change: such accounts are left as they are.
_WITHOUT_PASSWORD = ("auth_socket", "unix_socket", "named_pipe", "gssapi", "pam", "mysql_no_login", "AWSAuthenticationPlugin")
_SYSTEM_OWN = ("rdsadmin", "rdsproxyadmin", "rdsrepladmin", "rdstopmgr", "mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys")
_CLIENT_CERTIFICATE = ("X509", "SPECIFIED")
_ROLES = {
    Engine.MYSQL: "SELECT FROM_USER AS role, FROM_HOST AS role_host, TO_USER AS member, TO_HOST AS member_host FROM mysql.role_edges",
    Engine.MARIADB: "SELECT Role AS role, '' AS role_host, User AS member, Host AS member_host FROM mysql.roles_mapping",
}
_GONE = ("1133", "1396", "1410")  # no such account
_REJECTED = ("1819", "3638", "1372")  # a validation plugin, the password history, its length
_NEEDS_OLD = ("3891", "3892", "3893")  # PASSWORD REQUIRE CURRENT
SOME_FAILED = "1396"  # MariaDB: not all accounts were changed; its warnings say why
_READ_ONLY = ("1290", "1792", "1836", "3707")
_PASSING = ("1040", "1205", "1213", "1969", "3024")  # full, lock time-outs, deadlock, statement time-outs
_ALTERS_USERS = re.compile(r"GRANT (.*) ON \*\.\* TO ")


@dataclass(frozen=True)
class Account:
    """One host mask of a user's name."""

    name: str
    host: str
    plugin: str
    ssl_type: str
    locked: bool

    @classmethod
    def read(cls, row: Row) -> "Account":
        """From a row of accounts_question."""
        name, host, plugin, ssl_type, locked = (cell or "" for cell in row)
        return cls(name, host, plugin, ssl_type, locked == "Y")

    @property
    def quoted(self) -> str:
        return f"{literal(self.name)}@{literal(self.host)}"

    @property
    def has_password(self) -> bool:
        return self.plugin not in _WITHOUT_PASSWORD

    @property
    def native(self) -> bool:
        return self.plugin in ("mysql_native_password", "")


def accounts_question(engine: Engine, user: str) -> str:
    """Ask for every account of the name, whatever its host mask."""
    if engine is Engine.MYSQL:
        return f"SELECT User, Host, plugin, ssl_type, account_locked FROM mysql.user WHERE User = {literal(user)}"  # noqa: S608  quoted
    return (
        "SELECT u.User, u.Host, u.plugin, u.ssl_type, IF(JSON_VALUE(g.Priv, '$.account_locked') IN ('1', 'true'), 'Y', 'N')"  # noqa: S608  likewise
        " FROM mysql.user u JOIN mysql.global_priv g ON g.User = u.User AND g.Host = u.Host"
        f" WHERE u.User = {literal(user)} AND u.is_role = 'N'"
    )


def power_question(engine: Engine, user: str) -> str:
    """Ask which of the user's accounts, or of the roles it holds through any number of others, is more than an application's."""
    return (
        "WITH RECURSIVE held (name, host) AS (SELECT User, Host FROM mysql.user"  # noqa: S608  quoted
        f" WHERE User = {literal(user)} UNION SELECT r.role, r.role_host FROM ({_ROLES[engine]}) r"
        " JOIN held ON r.member = held.name AND r.member_host = held.host)"
        " SELECT u.User, IF(u.Super_priv = 'Y', 'SUPER', IF(u.Create_user_priv = 'Y', 'CREATE USER', 'GRANT OPTION'))"
        " FROM mysql.user u JOIN held ON u.User = held.name AND u.Host = held.host"
        " WHERE u.Super_priv = 'Y' OR u.Create_user_priv = 'Y' OR u.Grant_priv = 'Y'"
    )


def may_alter(grants: Sequence[str]) -> bool:
    """Whether these GRANT statements let their holder alter other users."""
    privileges = [found[1] for grant in grants if (found := _ALTERS_USERS.match(grant))]
    return any("CREATE USER" in one or one.startswith("ALL PRIVILEGES") for one in privileges)


def native_alone(created: str) -> bool:
    """Whether MariaDB's SHOW CREATE USER tells of a native password and nothing beside it."""
    return "IDENTIFIED BY PASSWORD '*" in created


def objection_to_admin(
    endpoint: Endpoint, user: str, accounts: Sequence[Account], power: Sequence[Row], *, admin: str, may_alter: bool
) -> Refused | None:
    """Why an administrator must not change the user's password (SAFETY.md B3, C5, C7)."""
    if user == admin:
        return Refused(Reason.NOT_ALLOWED, f"{user!r} is the administrator itself: name another user, or no administrator")
    if user in _SYSTEM_OWN:
        return Refused(Reason.NOT_ALLOWED, f"{user!r} is the server's own: name another user")
    if not accounts:
        return no_such_user(user)
    if power:
        [(holder, privilege), *_] = power
        return Refused(
            Reason.NOT_ALLOWED,
            f"user {user!r} has {privilege} on *.* (by {holder!r}): an administrator changes applications' users only; revoke it",
        )
    if not may_alter:
        return Refused(Reason.ADMIN_INSUFFICIENT, f"administrator {admin!r} lacks CREATE USER on *.*: grant it, or name another")
    return _unusable(endpoint, user, accounts) or _unverified(endpoint)


def objection_to_own(endpoint: Endpoint, user: str, current: str, created: str) -> Refused | None:
    """Why a user must not change its own password (SAFETY.md C5). current: CURRENT_USER(). created: SHOW CREATE USER."""
    name, _, host = current.rpartition("@")
    if (name, host) != (user, "%"):
        return Refused(
            Reason.HOST_MASK_UNKNOWN,
            f"the login of {user!r} is the account {name!r}@{host!r}: other accounts of that name would keep the old password;"
            " name an administrator, or recreate it as @'%'",
        )
    if endpoint.engine is Engine.MARIADB and " OR " in created.partition(" IDENTIFIED ")[2].partition(" REQUIRE ")[0]:
        return Refused(
            Reason.ACCOUNT_UNUSABLE, f"user {user!r} has a second password, which it cannot take away itself: name an administrator"
        )
    return None if endpoint.engine is Engine.MARIADB else _unverified(endpoint)


def objection_to_two(engine: Engine, user: str, grants: Sequence[str], *, admin: bool) -> Refused | None:
    """Why a session must not give the user a second password (SAFETY.md D2). grants: the user's own."""
    if admin or may_keep_two(grants):
        return None
    if engine is Engine.MARIADB:
        return Refused(
            Reason.UNSUPPORTED_STRATEGY,
            "spec.rotation.strategy: DualPassword on MariaDB needs an administrator; set spec.user.adminSecretId, or SingleUser",
        )
    return Refused(
        Reason.PASSWORD_RESTRICTED,
        f"user {user!r} may not have two passwords: GRANT APPLICATION_PASSWORD_ADMIN ON *.* to it, or name an administrator",
    )


def may_keep_two(grants: Sequence[str]) -> bool:
    """Whether these GRANT statements let MySQL's holder keep its old password beside a new one."""
    privileges = [found[1] for grant in grants if (found := _ALTERS_USERS.match(grant))]
    return any("APPLICATION_PASSWORD_ADMIN" in one for one in privileges) or may_alter(grants)


def _unusable(endpoint: Endpoint, user: str, accounts: Sequence[Account]) -> Refused | None:
    known = (*_CHANGEABLE[endpoint.engine], *_WITHOUT_PASSWORD)
    if strange := next((one for one in accounts if one.plugin not in known), None):
        return _account(
            f"{strange.quoted} logs in by {strange.plugin}, whose password we cannot change: ALTER USER … IDENTIFIED VIA another"
        )
    unlocked = [one for one in accounts if one.has_password and not one.locked]
    if not unlocked:
        return _account(_closed(user, accounts))
    if all(one.ssl_type in _CLIENT_CERTIFICATE for one in unlocked):
        return _account(f"user {user!r} must show a client certificate: ALTER USER … REQUIRE SSL")
    if endpoint.tls.mode is TlsMode.DISABLE and all(one.ssl_type for one in unlocked):
        return _account(f"user {user!r} must use TLS: set spec.database.tls.mode to verify-full")
    return None


def _closed(user: str, accounts: Sequence[Account]) -> str:
    if any(one.has_password for one in accounts):
        return f"user {user!r} is locked: ALTER USER … ACCOUNT UNLOCK"
    return f"user {user!r} logs in without a password ({accounts[0].plugin}): there is none to rotate"


def _account(message: str) -> Refused:
    return Refused(Reason.ACCOUNT_UNUSABLE, message)


def _unverified(endpoint: Endpoint) -> Refused | None:
    if endpoint.engine is Engine.MARIADB or endpoint.tls.mode.verified:
        return None
    return clear_text(endpoint)


def clear_text(endpoint: Endpoint) -> Refused:
    return Refused(
        Reason.INVALID_SPEC,
        f"{endpoint.engine} gets a new password as clear text, and the server is not verified: set spec.database.tls.mode to verify-full",
    )


def no_such_user(user: str) -> Refused:
    return Refused(Reason.USER_NOT_FOUND, f"the database has no user {user!r}: create it")


def cannot_see(admin: str, privilege: str, code: str) -> Refused:
    return Refused(Reason.ADMIN_INSUFFICIENT, f"{admin!r} was denied ({code}): GRANT {privilege}, or name another administrator")


def comes_before_any_change(code: str) -> bool:
    """Whether a statement about several accounts fails with this number before it touches the first."""
    return code in (*DENIED, *_REJECTED, *_READ_ONLY)


def passing(code: str) -> bool:
    """Whether a definite number speaks of a trouble that goes by."""
    return code in _PASSING


def refusal(user: str, code: str, *, admin: bool) -> Problem | None:
    """Tell what a definite error of a change means; None for a passing trouble of the server's."""
    if passing(code):
        return None
    if code in _READ_ONLY:
        return Unavailable(Reason.UNAVAILABLE, "the server is read-only: it is not the writer")
    if code in _GONE:
        return no_such_user(user)
    if code in DENIED and admin:
        return Refused(Reason.ADMIN_INSUFFICIENT, f"the administrator may not change {user!r} ({code}): GRANT CREATE USER ON *.*")
    reason, text = _MEANINGS.get(code, (Reason.ROTATION_FAILED, "the server did not change the password"))
    return Refused(reason, f"user {user!r}: {text} ({code})")


_MEANINGS = {
    **dict.fromkeys(_REJECTED, (Reason.PASSWORD_POLICY, "the server rejected the new password, see spec.rotation.password")),
    **dict.fromkeys(_NEEDS_OLD, (Reason.PASSWORD_RESTRICTED, "the server wants the current password and did not take ours")),
    **dict.fromkeys(DENIED, (Reason.PASSWORD_RESTRICTED, "it may not change its own password, name an administrator")),
}
