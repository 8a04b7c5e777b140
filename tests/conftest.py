"""One bed for the whole test session, shared by all workers; its parts come up when the first test asks for one.

A test asks by naming a part's fixture: `kubernetes`, `postgres`, `mariadb`, `mysql`, `aws`, `rollouts`, each the part's facts.
`KEEP_BED=1` leaves the bed standing, and the next run with `KEEP_BED=1` goes on with what is alive of it.
"""

import contextlib
import secrets
from collections.abc import Callable, Generator
from typing import cast

import pytest

from tests.bed import session as sessions
from tests.bed.api import Api, ApiError
from tests.bed.bed import Bed, Facts
from tests.bed.kubeconfig import admin_kubeconfig
from tests.bed.kubectl import Kubectl
from tests.bed.node.able import NOT_RUN
from tests.bed.parts import PARTS
from tests.support.nursery import nursery

_ASKED = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "bed: asks for a part of the bed (given by itself to whatever does)")
    config.addinivalue_line("markers", "node: brings up a real node, on a bed of its own")
    if not hasattr(config, "workerinput"):
        sessions.claim()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """So that `-m "not bed"` chooses what runs without one; the longest tests come first, beside which the others run."""
    for item in items:
        if isinstance(item, pytest.Function) and ("bed" in item.fixturenames or item.get_closest_marker("node")):
            item.add_marker("bed")
    items.sort(key=lambda item: item.get_closest_marker("node") is None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """All parts that the chosen tests ask for come up together, in their order."""
    names = {name for item in session.items if isinstance(item, pytest.Function) for name in item.fixturenames}
    session.config.stash[_ASKED] = [part for part in (*PARTS, "rollouts") if part in names]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A suite that this machine cannot run is said to be so at the end, where nobody can take it for passed."""
    reports = terminalreporter.stats.get("skipped", [])
    told = [cast("tuple[str, int, str]", report.longrepr)[2] for report in reports if isinstance(report.longrepr, tuple)]
    for reason in sorted({one.removeprefix("Skipped: ") for one in told if NOT_RUN in one}):
        terminalreporter.section(NOT_RUN, red=True, bold=True)
        terminalreporter.line(reason)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        sessions.close()


@pytest.fixture(scope="session")
def bed(pytestconfig: pytest.Config) -> Generator[Bed]:
    """The session's bed, with all parts that the chosen tests ask for; a worker forks its operators from one that has imported all."""
    ours = sessions.need(pytestconfig.stash[_ASKED])
    sessions.trust_little(ours)
    with nursery(ours) as forking:
        yield forking


def _fixture_of(part: str) -> Callable[[Bed], Facts]:
    @pytest.fixture(scope="session", name=part)
    def facts(bed: Bed) -> Facts:
        if part not in bed.facts():
            sessions.need([part])
        return bed.facts()[part]

    return facts


kubernetes = _fixture_of("kubernetes")
postgres = _fixture_of("postgres")
mariadb = _fixture_of("mariadb")
mysql = _fixture_of("mysql")
aws = _fixture_of("aws")
rollouts = _fixture_of("rollouts")


@pytest.fixture(scope="session")
def api(bed: Bed, kubernetes: Facts) -> Api:
    """The API server, as its administrator."""
    assert kubernetes
    return Api(admin_kubeconfig(bed))


@pytest.fixture(scope="session")
def kubectl(bed: Bed, kubernetes: Facts) -> Kubectl:
    """The bed's kubectl, as its administrator."""
    assert kubernetes
    return Kubectl(admin_kubeconfig(bed))


@pytest.fixture
def namespace(api: Api) -> Generator[str]:
    """A namespace of the test's own. Its resources go, it stays: emptying a namespace costs the control plane more than most tests."""
    name = f"t-{secrets.token_hex(4)}"
    api.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    with contextlib.suppress(ApiError):  # where nobody installed the kind
        api.call("DELETE", f"/apis/rotated-rds.io/v1alpha1/namespaces/{name}/rotatedrdssecrets")
