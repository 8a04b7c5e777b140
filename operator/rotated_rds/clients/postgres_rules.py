"""PostgreSQL: whose password may be changed, and what a rejected change means. Rows and codes in, an objection out."""

from dataclasses import dataclass

from rotated_rds.clients.wire import Row
from rotated_rds.model.errors import Problem, Reason, Refused, Unavailable

# Only views that RDS lets everybody read. pg_database_owner is left out: whoever owns the database is in it, by that alone.
QUESTION = """
SELECT r.rolcanlogin, coalesce(r.rolvaliduntil < now(), false), r.rolsuper, r.rolcreaterole, r.rolreplication, r.rolbypassrls,
       (SELECT min(g.rolname) FROM pg_roles g WHERE (g.rolname ~ '^pg_' OR g.rolname = 'rds_superuser')
           AND g.rolname <> 'pg_database_owner' AND pg_has_role(r.oid, g.oid, 'MEMBER')),
       me.rolsuper, me.rolcreaterole, pg_has_role(me.oid, r.oid, 'MEMBER WITH ADMIN OPTION'),
       coalesce(current_setting('rds.restrict_password_commands', true), 'off') IN ('on', '1', 'true') AND NOT EXISTS (
           SELECT FROM pg_roles p WHERE p.rolname = 'rds_password' AND pg_has_role(me.oid, p.oid, 'MEMBER'))
  FROM pg_roles r, pg_roles me WHERE r.rolname = {user} AND me.rolname = current_user
"""
_SINCE_ADMIN_OPTION = (16,)
_RDS_OWN = "rdsadmin"
_PASSING = ("08", "40", "53", "55", "57", "58", "XX")  # connection, rollback, resources, state, operator, system, internal
_REJECTED = ("22", "28", "P0")  # what passwordcheck and its like raise


@dataclass(frozen=True)
class Account:
    """The role whose password is to be changed, as the session's own role (`me`) sees it."""

    can_login: bool
    expired: bool
    superuser: bool = False
    createrole: bool = False
    replication: bool = False
    bypassrls: bool = False
    powerful_group: str | None = None
    me_superuser: bool = False
    me_createrole: bool = False
    me_admin_option: bool = False
    me_restricted: bool = False

    @classmethod
    def read(cls, row: Row) -> "Account":
        """From a row of QUESTION."""
        login, expired, superuser, createrole, replication, bypassrls, _, me_superuser, me_createrole, me_admin, me_restricted = (
            cell == "t" for cell in row
        )
        return cls(
            login, expired, superuser, createrole, replication, bypassrls, row[6], me_superuser, me_createrole, me_admin, me_restricted
        )

    @property
    def power(self) -> str | None:
        """What makes it more than an application's user."""
        attributes = {
            "SUPERUSER": self.superuser,
            "CREATEROLE": self.createrole,
            "REPLICATION": self.replication,
            "BYPASSRLS": self.bypassrls,
        }
        held = [name for name, has in attributes.items() if has]
        return held[0] if held else self.powerful_group and f"membership in {self.powerful_group}"


def objection(user: str, account: Account | None, *, admin: str | None, version: tuple[int, ...]) -> Refused | None:
    """Why the password must not be changed (SAFETY.md B3, C7, C8). admin: the administrator's name, where one acts."""
    if account is None:
        return Refused(Reason.USER_NOT_FOUND, f"the database has no user {user!r}: create it")
    return (
        (_not_for_an_administrator(user, account, admin) if admin is not None else None)
        or _unusable(user, account)
        or (_too_weak(user, account, admin, version) if admin is not None and not account.me_superuser else None)
        or _restricted(account)
    )


def _not_for_an_administrator(user: str, account: Account, admin: str) -> Refused | None:
    if user == admin:
        return Refused(Reason.NOT_ALLOWED, f"{user!r} is the administrator itself: name another user, or no administrator")
    if user == _RDS_OWN:
        return Refused(Reason.NOT_ALLOWED, f"{user!r} is RDS's own: name another user")
    if account.power:
        return Refused(
            Reason.NOT_ALLOWED, f"user {user!r} has {account.power}: an administrator changes applications' users only; take that from it"
        )
    return None


def _unusable(user: str, account: Account) -> Refused | None:
    if not account.can_login:
        return Refused(Reason.ACCOUNT_UNUSABLE, f"user {user!r} may not log in: ALTER ROLE … LOGIN")
    if account.expired:
        return Refused(Reason.ACCOUNT_UNUSABLE, f"user {user!r} is past its VALID UNTIL: no password would work; ALTER ROLE … VALID UNTIL")
    return None


def _restricted(account: Account) -> Refused | None:
    if not account.me_restricted:
        return None
    return Refused(
        Reason.PASSWORD_RESTRICTED, "rds.restrict_password_commands is on: GRANT rds_password TO the user, or name an administrator"
    )


def _too_weak(user: str, account: Account, admin: str, version: tuple[int, ...]) -> Refused | None:
    if not account.me_createrole:
        return Refused(Reason.ADMIN_INSUFFICIENT, f"administrator {admin!r} lacks CREATEROLE: ALTER ROLE … CREATEROLE, or name another")
    if version >= _SINCE_ADMIN_OPTION and not account.me_admin_option:
        return Refused(Reason.ADMIN_INSUFFICIENT, f"administrator {admin!r} lacks ADMIN OPTION on {user!r}: GRANT … TO … WITH ADMIN OPTION")
    return None


def refusal(user: str, code: str, *, admin: bool) -> Problem | None:
    """Tell what a definite SQLSTATE of ALTER ROLE means; None for a passing trouble of the server's."""
    if code == "42501":
        return _denied(user, admin=admin)
    if code == "42704":
        return Refused(Reason.USER_NOT_FOUND, f"the database has no user {user!r}: create it")
    if code == "25006":
        return Unavailable(Reason.UNAVAILABLE, "the server is read-only: it is not the writer")
    if passing(code):
        return None
    if code[:2] in _REJECTED:
        return Refused(Reason.PASSWORD_POLICY, f"the server rejected the new password for {user!r} ({code}): see spec.rotation.password")
    return Refused(Reason.ROTATION_FAILED, f"the server did not change the password of {user!r} ({code})")


def passing(code: str) -> bool:
    """Whether a definite SQLSTATE speaks of a trouble of the server's, which goes by."""
    return code[:2] in _PASSING


def _denied(user: str, *, admin: bool) -> Refused:
    if admin:
        return Refused(
            Reason.ADMIN_INSUFFICIENT, f"the administrator may not change {user!r}: grant CREATEROLE, ADMIN OPTION, rds_password"
        )
    return Refused(
        Reason.PASSWORD_RESTRICTED, f"user {user!r} may not change its own password: GRANT rds_password, or name an administrator"
    )
