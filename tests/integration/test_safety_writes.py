"""SAFETY.md A4: every write has a fixed time and one attempt, and begins only while the Lease lasts longer than that."""

import threading
from collections.abc import Callable, Generator
from urllib.parse import urlsplit

import pytest
from kubernetes import client, config
from pydantic import SecretStr

from rotated_rds.clients import aws as aws_clients
from rotated_rds.clients.apiserver import WRITE_SECONDS, once
from rotated_rds.clients.aws import AwsIdentity, NoAnswer
from rotated_rds.clients.databases import LostAnswer, Session, TwoPasswords
from rotated_rds.clients.kubernetes import Kubernetes
from rotated_rds.clients.sessions import STATEMENT_TIMEOUT, PairSession
from rotated_rds.model.alternating import Pair
from rotated_rds.model.errors import Unavailable
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.kubeconfig import service_account_kubeconfig
from tests.support.aws import Aws
from tests.support.databases import can_log_in
from tests.support.logins import ENGINES, User, admin_session, endpoint, made_at, own_session
from tests.support.outages import another, frozen
from tests.support.passes import Fence, sessions
from tests.support.releases import HOME, install
from tests.support.safety import FIRST, Scene, within
from tests.support.tcp import Relay

GRACE = 0.8  # seconds that this machine may be late


@pytest.fixture
def here(aws: Facts) -> Generator[Aws]:
    made = Aws(aws)
    yield made
    made.control.reset()


def configured(bed: Bed) -> client.Configuration:
    configuration = client.Configuration()
    kubeconfig = str(service_account_kubeconfig(bed, HOME, HOME))
    config.load_kube_config(kubeconfig, client_configuration=configuration)  # pyright: ignore[reportUnknownMemberType]  untyped there
    return configuration


def client_of(bed: Bed, fence: Fence, port: int | None = None) -> Kubernetes:
    configuration = configured(bed)
    if port is not None:
        configuration.refresh_api_key_hook = None  # it would set the kubeconfig's host again
        configuration.host = f"https://127.0.0.1:{port}"
    return Kubernetes(once(configuration), fence)


# AWS


def test_A4_an_aws_write_that_gets_no_answer_ends_in_its_time_and_is_not_repeated(here: Aws) -> None:
    calls = sessions(here, Fence()).of(AwsIdentity())
    held = here.control.fault("hold-before", "CreateSecret", count=None)
    answer, took = within(aws_clients.WRITE_SECONDS + GRACE, lambda: calls.write("secretsmanager", "create_secret", Name=here.caller))
    assert isinstance(answer, NoAnswer)
    assert took >= 2.5, "it waits for an answer"
    here.control.release(held, drop=True)
    assert here.control.counts()["secretsmanager.CreateSecret"] == {"lost": 1}


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServiceError", "ServiceUnavailable"])
def test_A4_an_aws_write_that_fails_is_not_repeated_by_the_client(here: Aws, code: str) -> None:
    calls = sessions(here, Fence()).of(AwsIdentity())
    here.control.fault("error", "CreateSecret", code=code, count=None)
    with pytest.raises(Unavailable):
        calls.write("secretsmanager", "create_secret", Name=here.caller)
    assert here.control.counts()["secretsmanager.CreateSecret"] == {code: 1}


def test_A4_an_aws_write_begins_only_with_more_lease_left_than_it_takes(here: Aws) -> None:
    fence = Fence(left=aws_clients.WRITE_SECONDS)
    calls = sessions(here, fence).of(AwsIdentity())
    with pytest.raises(Unavailable, match="Lease"):
        calls.write("secretsmanager", "create_secret", Name=here.caller)
    assert here.control.counts() == {}
    fence.left += 0.1
    calls.write("secretsmanager", "create_secret", Name=here.caller)
    assert here.control.counts()["secretsmanager.CreateSecret"] == {"OK": 1}


def test_A4_an_aws_read_needs_no_lease(here: Aws) -> None:
    sessions(here, Fence(left=0.0)).of(AwsIdentity()).read("secretsmanager", "list_secrets", MaxResults=1)


# the API server


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_A4_a_kubernetes_write_that_gets_no_answer_ends_in_its_time_and_is_not_repeated(bed: Bed, api: Api, method: str) -> None:
    install(api)
    with Relay(api_port(bed)) as relay:
        relay.black_hole()
        calls = client_of(bed, Fence(), relay.port)
        answer, took = within(WRITE_SECONDS + GRACE, lambda: calls.write(method, "/api/v1/namespaces/none/secrets", {}))
        assert isinstance(answer, Unavailable)
        assert took >= 0.9
        assert relay.connections == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_A4_a_kubernetes_write_whose_answer_is_lost_is_not_repeated(bed: Bed, api: Api, method: str) -> None:
    install(api)
    with Relay(api_port(bed)) as relay:
        calls = client_of(bed, Fence(), relay.port)
        calls.call("GET", "/version")
        before = relay.flights
        relay.black_hole()
        answer, _ = within(WRITE_SECONDS + GRACE, lambda: calls.write(method, "/api/v1/namespaces/none/secrets", {}))
        assert isinstance(answer, Unavailable)
        assert relay.flights == before + 1


def test_A4_a_kubernetes_write_begins_only_with_more_lease_left_than_it_takes(bed: Bed, api: Api, namespace: str) -> None:
    install(api)
    fence = Fence(left=WRITE_SECONDS)
    calls = client_of(bed, fence)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "fenced", "namespace": namespace}}
    with pytest.raises(Unavailable, match="Lease"):
        calls.create_secret(secret)
    assert calls.secret(namespace, "fenced") is None
    fence.left += 0.1
    calls.create_secret(secret)
    assert calls.secret(namespace, "fenced") is not None


def api_port(bed: Bed) -> int:
    return urlsplit(str(configured(bed).host)).port or 0


# databases


@pytest.mark.parametrize("engine", ENGINES)
def test_A4_a_change_of_password_that_gets_no_answer_ends_in_its_time(bed: Bed, engine: str) -> None:
    with another(bed, engine) as facts:
        user = made_at(facts)
        with own_session(endpoint(facts), user) as session, frozen(bed, facts):
            change = lambda: session.set_password(user.name, SecretStr("New-Passw0rd"), SecretStr(user.password))  # noqa: E731
            answer, _ = within(STATEMENT_TIMEOUT.total_seconds() + GRACE, change)
            assert isinstance(answer, (LostAnswer, Unavailable))


@pytest.mark.parametrize("engine", ENGINES)
def test_A4_a_change_of_password_begins_only_with_more_lease_left_than_it_takes(
    bed: Bed, api: Api, namespace: str, aws: Facts, engine: str, request: pytest.FixtureRequest
) -> None:
    fence = Fence()
    scene = Scene.at(bed, api, namespace, request.getfixturevalue(engine), aws, fence=fence).begin()
    ours = scene.begin_rotation("next")
    held = scene.aws.control.fault("hold-before", "GetSecretValue", after=1)  # AWSCURRENT's value; then the new one, read back
    rotating = threading.Thread(target=lambda: within(30, scene.turn))
    rotating.start()
    assert scene.aws.control.wait_held(held)
    fence.left = STATEMENT_TIMEOUT.total_seconds()
    scene.aws.control.release(held)
    rotating.join()
    assert not scene.logs_in(scene.password(ours))
    assert scene.logs_in(FIRST)
    fence.left = 15.0
    scene.settle()
    assert scene.expect_one_credential() == ours


NEW = SecretStr("New-Passw0rd")
READS = {"check", "check_two", "sessions_of", "user_exists", "pair", "traits", "is_locked"}
CHANGES: dict[str, Callable[[Session, User], None]] = {
    "make_ready": lambda session, user: session.pair(_pair(user)).make_ready(_pair(user).clone),
    "set_password": lambda session, user: session.set_password(user.name, NEW, None),
    "set_beside": lambda session, user: _two(session).set_beside(user.name, NEW, SecretStr(user.password)),
    "leave_alone": lambda session, user: _two(session).leave_alone(user.name, NEW),
    "lock": lambda session, user: session.pair(_pair(user)).lock(),
}
"""Whatever a session does that changes something, in an order in which each can be."""


def test_A4_these_are_all_the_changes_that_a_session_can_make() -> None:
    named = {name for words in (Session, TwoPasswords, PairSession) for name, word in vars(words).items() if callable(word)}
    assert {name for name in named if not name.startswith("_")} == READS | CHANGES.keys()


@pytest.mark.parametrize("engine", ENGINES)
def test_A4_a_session_sends_no_change_that_its_own_fence_does_not_let_begin(engine: str, request: pytest.FixtureRequest) -> None:
    facts: Facts = request.getfixturevalue(engine)
    fence, user = Fence(), made_at(facts)
    with admin_session(facts, user.name, fence=fence) as session:
        able = [change for change in CHANGES if isinstance(session, TwoPasswords) or change not in ("set_beside", "leave_alone")]
        for change in able:
            before = seen(facts, session, user)
            fence.left = STATEMENT_TIMEOUT.total_seconds()
            with pytest.raises(Unavailable, match="Lease"):
                CHANGES[change](session, user)
            assert seen(facts, session, user) == before, change
            fence.left += 0.1
            CHANGES[change](session, user)
        assert seen(facts, session, user) == (True, True, False, True)


def seen(facts: Facts, session: Session, user: User) -> tuple[bool, ...]:
    """Whether the clone is there and locked, and whether the old and the new password log in."""
    pair = _pair(user)
    there = session.user_exists(pair.clone)
    locked = there and session.pair(pair).is_locked()
    return there, locked, can_log_in(facts, user.name, user.password), can_log_in(facts, user.name, NEW.get_secret_value())


def _pair(user: User) -> Pair:
    return Pair(user.name, f"{user.name}_clone", None)


def _two(session: Session) -> TwoPasswords:
    assert isinstance(session, TwoPasswords)
    return session
