"""SAFETY.md C3: a password that the server rejects does not block for ever. Real policies on servers of the test's own."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from rotated_rds.model.errors import Reason
from rotated_rds.model.secret import CURRENT, PENDING
from rotated_rds.model.status import Kind
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.support.alternating import admin_value
from tests.support.databases import execute_as_root
from tests.support.outages import another
from tests.support.safety import EVERY_4_HOURS, FIRST, Scene


@dataclass(frozen=True)
class Policy:
    """How a server is told to reject every password that we would make, and to take them again."""

    strict: tuple[str, ...]
    lenient: tuple[str, ...]


POLICIES = {
    "mariadb": Policy(
        ("INSTALL SONAME 'simple_password_check'", "SET GLOBAL simple_password_check_minimal_length = 300"),
        ("UNINSTALL SONAME 'simple_password_check'",),
    ),
    "mysql": Policy(
        ("INSTALL COMPONENT 'file://component_validate_password'", "SET GLOBAL validate_password.length = 300"),
        ("UNINSTALL COMPONENT 'file://component_validate_password'",),
    ),
}


@pytest.fixture(params=list(POLICIES), scope="module")
def server(bed: Bed, request: pytest.FixtureRequest) -> Generator[Facts]:
    with another(bed, request.param) as facts:
        yield facts


@contextmanager
def rejecting(server: Facts) -> Generator[None]:
    """No password is good enough for the server while the block runs."""
    policy = POLICIES[str(server["engine"])]
    for statement in policy.strict:
        execute_as_root(server, statement)
    try:
        yield
    finally:
        for statement in policy.lenient:
            execute_as_root(server, statement)


@pytest.fixture
def scene(bed: Bed, api: Api, namespace: str, server: Facts, aws: Facts) -> Scene:
    return Scene.at(bed, api, namespace, server, aws)


def test_C3_a_rejected_password_ends_the_request_and_leaves_all_as_it_was(scene: Scene) -> None:
    current = scene.begin().label(CURRENT)
    with rejecting(scene.database):
        assert scene.rotate("next").requests["rotate"].result == "Failed"
    assert scene.reason(Kind.ROTATION_READY) == Reason.PASSWORD_POLICY
    assert PENDING not in scene.labels()
    assert scene.expect_one_credential() == current
    assert scene.logs_in(FIRST)


def test_C3_the_clock_tries_again_with_the_next_number_after_pauses_that_grow(scene: Scene) -> None:
    first = scene.begin(rotation=EVERY_4_HOURS).label(CURRENT)
    cause = f"{scene.until_due().isoformat()}\n{first}"
    with rejecting(scene.database):
        for number, minutes in enumerate((1, 2, 4)):
            expect_attempt(scene, cause, number, timedelta(minutes=minutes))
    status = scene.settle()
    assert status.version_id == scene.token(cause, 3)
    assert (status.rotation.attempts, status.rotation.last_error) == (None, None)
    scene.expect_one_credential()


def expect_attempt(scene: Scene, cause: str, number: int, wanted: timedelta) -> None:
    """One attempt that fails, and the pause after it, gone by at the end."""
    status = scene.settle()
    assert status.history[0].version_id == scene.token(cause, number)
    assert status.rotation.attempts == number + 1
    assert status.rotation.not_before is not None
    pause = status.rotation.not_before - scene.hand.clock()
    assert wanted - timedelta(seconds=30) < pause <= wanted
    made = scene.versions()
    scene.hand.clock.advance(pause - timedelta(seconds=5))
    scene.look()
    assert scene.versions() == made, "nothing is tried before the pause is over"
    assert scene.logs_in(FIRST)
    scene.hand.clock.advance(timedelta(seconds=6))


def test_C3_a_new_request_is_not_held_back_by_what_the_clock_may_not_try_yet(scene: Scene) -> None:
    scene.begin()
    with rejecting(scene.database):
        assert scene.rotate("next").requests["rotate"].result == "Failed"
    scene.hand.clock.advance(timedelta(seconds=10))
    assert scene.rotate("again").requests["rotate"].result == "Done"
    assert scene.expect_one_credential() == scene.token("again")


def test_C3_an_account_that_may_not_change_its_password_is_left_as_it_is(
    bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts
) -> None:
    scene = Scene.at(bed, api, namespace, postgres, aws).begin()
    current = scene.label(CURRENT)
    execute_as_root(postgres, f"ALTER ROLE \"{scene.user}\" SET rds.restrict_password_commands = 'on'")
    status = scene.rotate("next")
    assert status.requests["rotate"].result == "Failed"
    assert scene.reason(Kind.ROTATION_READY) == Reason.PASSWORD_RESTRICTED
    assert scene.expect_one_credential() == current


def test_C3_an_administrator_changes_what_the_user_may_not(bed: Bed, api: Api, namespace: str, postgres: Facts, aws: Facts) -> None:
    scene = Scene.at(bed, api, namespace, postgres, aws)
    admin = f"{namespace}/admin"
    scene.secretsmanager.create_secret(Name=admin, SecretString=admin_value(postgres))
    scene.begin(user={"adminSecretId": admin})
    execute_as_root(postgres, f"ALTER ROLE \"{scene.user}\" SET rds.restrict_password_commands = 'on'")
    assert scene.rotate("next").requests["rotate"].result == "Done"
    assert scene.expect_one_credential() == scene.token("next")
    assert not scene.logs_in(FIRST)
