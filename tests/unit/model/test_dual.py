"""Strategy DualPassword: what is the primary password, and how the next one is set (SAFETY.md D2)."""

from typing import Any

import pytest

from rotated_rds.model import dual
from rotated_rds.model.credential import Credential, SecretValue
from rotated_rds.model.database import Engine, Verdict
from rotated_rds.model.dual import PRIMARY, How, how, is_other, other_primary
from rotated_rds.model.secret import CURRENT, PREVIOUS, SecretState
from rotated_rds.model.spec import parse_spec

MYSQL, MARIADB = Engine.MYSQL, Engine.MARIADB
UNKNOWN = (Verdict.UNREACHABLE, Verdict.BUSY, Verdict.TLS, Verdict.UNKNOWN, Verdict.LOCKED)


def labelled(**versions: set[str]) -> SecretState:
    return SecretState("arn:aws:secretsmanager:eu-west-1:1:secret:a-123456", "a", {id_: frozenset(had) for id_, had in versions.items()})


def held(version: str, password: str, user: str = "app") -> Credential:
    return Credential(version, SecretValue.of(user, password))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(labelled(v1={CURRENT}), None, id="before the first change: there is one password"),
        pytest.param(labelled(v1={PREVIOUS}, v2={CURRENT, PRIMARY}), None, id="after a rotation"),
        pytest.param(labelled(v1={CURRENT}, v2={PREVIOUS, PRIMARY}), "v2", id="after a rollback"),
        pytest.param(labelled(v1={CURRENT}, v2={"AWSPENDING", PRIMARY}), "v2", id="killed between the change and AWSCURRENT"),
        pytest.param(labelled(v1={CURRENT}, v2={PRIMARY}), "v2", id="its AWSPENDING was taken off by somebody"),
        pytest.param(labelled(v1={PRIMARY}, v3={CURRENT}), "v1", id="somebody else moved AWSCURRENT"),
    ],
)
def test_D2_the_label_says_which_version_is_the_primary(state: SecretState, expected: str | None) -> None:
    assert other_primary(state) == expected


def test_D2_a_new_endpoint_s_version_has_the_primary_s_password_and_is_no_other() -> None:
    assert not is_other(held("v1", "same"), held("v2", "same"))
    assert is_other(held("v1", "one"), held("v2", "another"))
    assert is_other(held("v1", "same", "app"), held("v2", "same", "app_clone"))
    assert is_other(None, held("v2", "same"))


def test_D2_the_old_password_is_retained_only_where_AWSCURRENT_is_the_primary() -> None:
    assert how(MYSQL, other=False, login=None) is How.BESIDE
    assert {how(MYSQL, other=True, login=login) for login in (None, *Verdict)} == {How.PLAIN, How.RENEW, How.WAIT}


@pytest.mark.parametrize("login", [Verdict.OK, Verdict.PROVEN, Verdict.EXPIRED, Verdict.LOCKED_RIGHT])
def test_D2_after_a_rollback_the_primary_is_replaced_and_AWSCURRENT_stays_the_second(login: Verdict) -> None:
    assert how(MYSQL, other=True, login=login) is How.PLAIN


@pytest.mark.parametrize("login", [Verdict.REFUSED, None])
def test_D2_where_the_labelled_password_is_gone_AWSCURRENT_is_made_the_primary_first(login: Verdict | None) -> None:
    assert how(MYSQL, other=True, login=login) is How.RENEW


@pytest.mark.parametrize("login", UNKNOWN)
def test_D2_what_cannot_be_tried_decides_nothing(login: Verdict) -> None:
    assert how(MYSQL, other=True, login=login) is How.WAIT


@pytest.mark.parametrize("login", [None, *Verdict])
def test_D2_MariaDB_is_told_both_passwords_whatever_the_label_says(login: Verdict | None) -> None:
    assert how(MARIADB, other=True, login=login) is How.BESIDE


@pytest.mark.parametrize(
    ("strategy", "engine", "user", "mend"),
    [
        ("DualPassword", Engine.POSTGRES, {}, "set AlternatingUsers or SingleUser"),
        ("DualPassword", Engine.MARIADB, {}, "set spec.user.adminSecretId"),
        ("DualPassword", Engine.MARIADB, {"adminSecretId": "a"}, None),
        ("DualPassword", Engine.MYSQL, {}, None),
        ("SingleUser", Engine.POSTGRES, {}, None),
    ],
)
def test_an_engine_that_is_found_out_later_may_not_fit(strategy: str, engine: Engine, user: dict[str, Any], mend: str | None) -> None:
    spec = parse_spec({"database": {"instance": "db"}, "user": {"name": "app", **user}, "rotation": {"strategy": strategy}})
    said = dual.unsupported(spec, engine)
    assert said is None if mend is None else (said is not None and said.startswith("spec.rotation.strategy:") and mend in said)
