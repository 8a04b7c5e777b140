"""GitOps tools see a resource as it is: kstatus's own library and Argo CD's Lua on every reason, and the page says so."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from rotated_rds.model.conditions import STALLED
from rotated_rds.model.errors import Reason
from tests.gitops import customization
from tests.gitops.__main__ import PAGE, put
from tests.gitops.bodies import Case, cases
from tests.gitops.customization import ACTIONS, SAMPLES, WHEN
from tests.gitops.verdicts import CUSTOMIZATION, Row, argocd, lua, rows, table

Json = dict[str, Any]


@pytest.fixture(scope="module")
def every() -> list[Case]:
    return list(cases())


@pytest.fixture(scope="module")
def judged(every: list[Case]) -> list[Row]:
    return rows(every)


def test_every_reason_is_judged(every: list[Case]) -> None:
    assert {case.reason for case in every if case.reason} == set(Reason)


def test_what_needs_a_person_has_failed_and_what_is_tried_again_has_not(judged: list[Row]) -> None:
    for row in judged:
        if row.state.endswith("False"):
            assert (row.kstatus, row.argocd) == (("Failed", "Degraded") if row.reason in STALLED else ("InProgress", "Progressing")), row


def test_both_agree_but_for_what_only_argo_cd_knows(judged: list[Row]) -> None:
    """kstatus has no word for suspended, Argo CD none for being deleted."""
    same = {"Current": "Healthy", "InProgress": "Progressing", "Failed": "Degraded", "Terminating": "Progressing"}
    assert [row for row in judged if row.argocd not in (same[row.kstatus], "Suspended")] == []
    assert {row.state for row in judged if row.argocd == "Suspended"} == {
        "suspended when all was well",
        "suspended before anybody had looked",
    }


def test_nobody_has_looked_is_not_current(judged: list[Row]) -> None:
    unseen = [row for row in judged if "nobody has looked" in row.state]
    assert [(row.kstatus, row.argocd) for row in unseen] == [("InProgress", "Progressing")] * 2


def test_the_page_shows_the_table(every: list[Case]) -> None:
    page = PAGE.read_text()
    assert page == put(page, table(every)), "run `python -m tests.gitops --write`"


@pytest.mark.parametrize(("path", "text"), customization.files().items(), ids=[path.name for path in customization.files()])
def test_what_stands_beside_the_lua_is_up_to_date(path: Path, text: str) -> None:
    assert path.read_text() == text, "run `python -m tests.gitops --write`"


def test_argo_cd_s_own_test_of_health_passes() -> None:
    tests: list[Json] = yaml.safe_load((CUSTOMIZATION / "health_test.yaml").read_text())["tests"]
    resources = [yaml.safe_load((CUSTOMIZATION / test["inputPath"]).read_text()) for test in tests]
    assert [health.__dict__ for health in argocd(resources)] == [test["healthStatus"] for test in tests]
    assert len(tests) == len(SAMPLES)


def test_argo_cd_s_own_test_of_what_actions_are_offered_passes() -> None:
    actions = CUSTOMIZATION / "actions"
    for test in yaml.safe_load((actions / "action_test.yaml").read_text())["discoveryTests"]:
        (offered,) = lua(actions / "discovery.lua", [yaml.safe_load((actions / test["inputPath"]).read_text())])
        assert [{"name": name, "disabled": offered[name]["disabled"]} for name in ACTIONS] == test["result"]
        assert sorted(offered) == sorted(ACTIONS)


def test_argo_cd_s_own_test_of_the_actions_passes() -> None:
    actions = CUSTOMIZATION / "actions"
    tests: list[Json] = yaml.safe_load((actions / "action_test.yaml").read_text())["actionTests"]
    assert sorted(test["action"] for test in tests) == sorted(ACTIONS)
    for test in tests:
        given, expected = (yaml.safe_load((actions / test[name]).read_text()) for name in ("inputPath", "expectedOutputPath"))
        (returned,) = lua(actions / test["action"] / "action.lua", [given])
        assert in_the_year_of_the_test(returned) == expected


def in_the_year_of_the_test(resource: Json) -> Json:
    """Requests bear the moment at which they were made; the rest is compared as it is."""
    annotations: Json = resource["metadata"].get("annotations") or {}
    return {**resource, "metadata": {**resource["metadata"], **({"annotations": dict.fromkeys(annotations, WHEN)} if annotations else {})}}


def test_a_request_of_argo_cd_s_is_a_text_that_the_operator_takes() -> None:
    given = yaml.safe_load((CUSTOMIZATION / "actions/testdata/ready.yaml").read_text())
    for action in ("rotate", "sync"):
        (returned,) = lua(CUSTOMIZATION / "actions" / action / "action.lua", [given])
        text = returned["metadata"]["annotations"][f"rotated-rds.io/{action}"]
        assert len(text) == len(WHEN)
        assert text.startswith("argocd 20")
