"""SAFETY.md A4: who leads. Two Lease holders on a real API server, each with a clock of its own."""

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from kubernetes import client, config

from rotated_rds.clients.apiserver import once
from rotated_rds.clients.kubernetes import Kubernetes
from rotated_rds.clients.lease import DURATION, EVERY, Lease
from rotated_rds.model.errors import Unavailable
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.processes import until
from tests.support.aws import Aws
from tests.support.operators import Operator, running
from tests.support.releases import HOME, identity, install


@dataclass
class Clock:
    """A monotonic clock that goes when told to. step: seconds that go by after each look."""

    now: float = 1000.0
    step: float = 0.0

    def __call__(self) -> float:
        now, self.now = self.now, self.now + self.step
        return now


@dataclass
class Replica:
    kubernetes: Kubernetes
    name: str
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.lease = Lease(self.kubernetes, HOME, self.name, f"replica-{secrets.token_hex(4)}", self.clock)


@pytest.fixture
def kube(bed: Bed, api: Api, name: str) -> Kubernetes:
    install(api)
    configuration = client.Configuration()
    kubeconfig = str(identity(bed, name, (HOME,)))
    config.load_kube_config(kubeconfig, client_configuration=configuration)  # pyright: ignore[reportUnknownMemberType]  untyped there
    return Kubernetes(once(configuration), lambda _seconds: None)


@pytest.fixture
def name() -> str:
    return f"lease-{secrets.token_hex(4)}"


@pytest.fixture
def first(kube: Kubernetes, name: str) -> Replica:
    return Replica(kube, name)


@pytest.fixture
def second(kube: Kubernetes, name: str) -> Replica:
    return Replica(kube, name)


def path(name: str) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{HOME}/leases/{name}"


def test_A4_one_takes_it_the_other_does_not(first: Replica, second: Replica) -> None:
    assert first.lease.attempt()
    assert not second.lease.attempt()
    assert (first.lease.left(), second.lease.left()) == (DURATION, 0.0)


def test_A4_of_many_that_try_at_the_same_moment_one_takes_it(kube: Kubernetes, name: str) -> None:
    replicas = [Replica(kube, name) for _ in range(6)]
    together, taken = threading.Barrier(len(replicas)), list[str]()

    def try_it(one: Replica) -> None:
        together.wait()
        if one.lease.attempt():
            taken.append(one.lease.identity)

    threads = [threading.Thread(target=try_it, args=(one,)) for one in replicas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1
    held = kube.get(path(name))
    assert held is not None
    assert held["spec"]["holderIdentity"] == taken[0]


def test_A4_it_is_renewed_long_before_it_ends(first: Replica, second: Replica) -> None:
    assert EVERY * 3 < DURATION
    assert first.lease.attempt()
    for _ in range(10):
        first.clock.now += EVERY
        second.clock.now += EVERY
        assert first.lease.attempt()
        assert first.lease.left() == DURATION
        assert not second.lease.attempt(), "what is renewed is not taken"


def test_A4_it_is_taken_over_only_after_its_whole_time_as_the_taker_saw_it(first: Replica, second: Replica) -> None:
    assert first.lease.attempt()
    assert not second.lease.attempt()
    second.clock.now += DURATION
    assert not second.lease.attempt(), "not longer than its time"
    second.clock.now += 0.1
    assert second.lease.attempt()
    first.clock.now += DURATION + 0.1
    assert first.lease.left() == 0.0
    assert not first.lease.attempt(), "who lost it knows"


def test_A4_a_holder_whose_clock_is_wrong_is_not_robbed(api: Api, first: Replica, second: Replica) -> None:
    assert first.lease.attempt()
    past = {"spec": {"renewTime": "2001-01-01T00:00:00.000000Z"}}
    api.call("PATCH", path(first.name), past, content="application/merge-patch+json")
    assert not second.lease.attempt()
    second.clock.now += DURATION
    assert not second.lease.attempt()


def test_A4_the_takers_patience_begins_anew_with_each_renewal(first: Replica, second: Replica) -> None:
    assert first.lease.attempt()
    assert not second.lease.attempt()
    second.clock.now += DURATION
    assert first.lease.attempt()
    second.clock.now += 1
    assert not second.lease.attempt()
    second.clock.now += DURATION
    assert not second.lease.attempt()
    second.clock.now += 0.1
    assert second.lease.attempt()


def test_A4_the_time_counts_from_before_the_request_went_out(first: Replica) -> None:
    began, first.clock.step = first.clock.now, 2.0
    assert first.lease.attempt()
    first.clock.step = 0.0
    assert first.lease.left() == DURATION - (first.clock.now - began) < DURATION


def test_A4_given_back_it_is_taken_at_once(first: Replica, second: Replica) -> None:
    assert first.lease.attempt()
    assert not second.lease.attempt()
    first.lease.release()
    assert first.lease.left() == 0.0
    assert second.lease.attempt()


def test_A4_who_gave_it_back_does_not_take_it_again(first: Replica, second: Replica) -> None:
    assert first.lease.attempt()
    first.lease.release()
    assert not first.lease.attempt(), "a renewal that was on its way"
    assert second.lease.attempt()


def test_A4_who_does_not_hold_it_gives_nothing_back(first: Replica, second: Replica) -> None:
    assert first.lease.attempt()
    second.lease.release()
    assert not second.lease.attempt()


def test_A4_a_write_begins_only_while_more_is_left_than_it_takes(first: Replica) -> None:
    with pytest.raises(Unavailable, match="Lease"):
        first.lease.fence(0.0)
    assert first.lease.attempt()
    first.lease.fence(4.0)
    first.clock.now += DURATION - 4.0
    with pytest.raises(Unavailable, match="Lease"):
        first.lease.fence(4.0)
    first.lease.fence(3.9)


def test_A4_once_closed_it_lets_no_write_begin_whatever_is_renewed(first: Replica, second: Replica) -> None:
    assert first.lease.attempt()
    first.lease.close()
    assert first.lease.attempt(), "it stays ours while writes are on their way"
    with pytest.raises(Unavailable, match="Lease"):
        first.lease.fence(0.0)
    assert not second.lease.attempt()


def test_A4_closing_tells_when_the_writes_that_began_have_surely_ended(first: Replica) -> None:
    assert first.lease.attempt()
    with ThreadPoolExecutor(1) as another:
        another.submit(first.lease.fence, 4.0).result()
    first.clock.now += 1.0
    first.lease.fence(3.5)
    first.lease.written()
    assert first.lease.close() == 3.0


def test_A4_a_free_one_is_left_for_its_time_to_those_who_would_work(first: Replica, second: Replica) -> None:
    assert not second.lease.attempt(spare=DURATION), "nobody has it"
    assert first.lease.attempt()
    first.lease.release()
    assert not second.lease.attempt(spare=DURATION), "given back"
    second.clock.now += DURATION
    assert not second.lease.attempt(spare=DURATION)
    second.clock.now += 0.1
    assert second.lease.attempt(spare=DURATION)


def test_A4_one_whose_holder_is_silent_is_left_for_as_long_again(first: Replica, second: Replica) -> None:
    assert first.lease.attempt()
    assert not second.lease.attempt(spare=DURATION)
    second.clock.now += 2 * DURATION
    assert not second.lease.attempt(spare=DURATION)
    second.clock.now += 0.1
    assert second.lease.attempt(spare=DURATION)


def test_A4_who_waits_is_told_at_once_that_it_is_given_back(first: Replica, second: Replica) -> None:
    assert first.lease.attempt()
    assert not second.lease.attempt()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(second.lease.wait)
        for _ in range(3):
            assert first.lease.attempt(), "a renewal does not end the waiting"
        first.lease.release()
        assert waiting.result(timeout=5)
    assert second.lease.attempt()


def test_A4_who_waits_waits_no_longer_than_the_holder_s_time(first: Replica, second: Replica) -> None:
    assert first.lease.attempt()
    assert not second.lease.attempt()
    second.clock.now += DURATION + 0.1
    assert second.lease.wait()
    assert second.lease.attempt()


def test_A4_who_waits_is_told_that_the_lease_was_deleted(api: Api, first: Replica, second: Replica) -> None:
    assert first.lease.attempt()
    assert not second.lease.attempt()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(second.lease.wait)
        api.call("DELETE", path(first.name))
        assert waiting.result(timeout=5)
    assert second.lease.attempt()


def test_A4_a_replica_whose_lease_was_taken_ends(bed: Bed, api: Api, namespace: str, aws: Facts) -> None:
    with running(Operator(bed, Aws(aws), (namespace,))) as operator:
        robbed = {"spec": {"holderIdentity": "somebody else"}}
        api.call("PATCH", path(operator.release), robbed, content="application/merge-patch+json")
        until("the robbed replica ends", ended(operator))
        assert "the Lease is lost" in operator.log
        assert api.call("GET", path(operator.release))["spec"]["holderIdentity"] == "somebody else"


def test_A4_a_standby_acts_when_the_leader_stops(bed: Bed, namespace: str, aws: Facts) -> None:
    with running(Operator(bed, Aws(aws), (namespace,))) as leader:
        standby = Operator(bed, Aws(aws), (namespace,), release=leader.release, starts=10)
        standby.start()
        try:
            until("the standby watches", lambda: "listens on port" in standby.log)
            assert "this replica leads" not in standby.log
            leader.stop()
            assert "the Lease is given back" in leader.log  # so the standby does not wait for its end
            until("the standby leads", lambda: "this replica leads" in standby.log)
        finally:
            standby.stop()


def ended(operator: Operator) -> Callable[[], bool]:
    return lambda: operator.process is not None and operator.bed.processes.named(operator.name) is None
