"""The resource's schema on a real API server: what it takes, what it refuses and how it says so, and what it shows."""

import contextlib
import json
import secrets
from collections.abc import Generator
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from tests.bed.api import Api, ApiError
from tests.bed.kubectl import Kubectl
from tests.bed.paths import REPO
from tests.bed.processes import until

Spec = dict[str, Any]
Case = dict[str, Any]
CRD: Spec = yaml.safe_load((REPO / "crds" / "rotatedrdssecrets.yaml").read_text())
NAMED = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/rotatedrdssecrets.rotated-rds.io"
RESOURCES = "/apis/rotated-rds.io/v1alpha1/namespaces/default/rotatedrdssecrets"
STRICT = "fieldValidation=Strict"
SMALLEST: Spec = {"database": {"instance": "orders"}, "user": {"name": "app"}}


def table(name: str) -> Any:
    return yaml.safe_load((Path(__file__).parent / "crd" / f"{name}.yaml").read_text())


def by_claim(name: str) -> list[Any]:
    return [pytest.param(case, id=case["claim"]) for case in table(name)]


@pytest.fixture(scope="module", autouse=True)
def served(api: Api) -> None:
    """The CRD as it stands in the repository, served."""
    api.call("PATCH", f"{NAMED}?fieldManager=test-crd&force=true", CRD, content="application/apply-patch+yaml")
    until("the CRD is served", lambda: lists(api))


def lists(api: Api) -> bool:
    """A CRD that is new answers 404 at first, one whose storage starts again 429."""
    try:
        api.call("GET", RESOURCES)
    except ApiError as error:
        if error.code in (HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS):
            return False
        raise
    return True


def body(spec: Spec, name: str = "orders-db") -> dict[str, Any]:
    return {"apiVersion": "rotated-rds.io/v1alpha1", "kind": "RotatedRDSSecret", "metadata": {"name": name}, "spec": spec}


def try_out(api: Api, spec: Spec, name: str = "orders-db") -> list[str]:
    """The refusals of a body that is not kept; none when it is taken."""
    return refusals(api, "POST", f"{RESOURCES}?dryRun=All&{STRICT}", body(spec, name))


def refusals(api: Api, verb: str, path: str, content: object) -> list[str]:
    try:
        api.call(verb, path, content)
    except ApiError as error:
        answer: dict[str, Any] = json.loads(str(error)[str(error).index("{") :])
        causes: list[dict[str, str]] = answer["details"]["causes"]
        texts = [f"{cause['field']}: {cause['message']}" for cause in causes]
        return [text for text in texts if "some validation rules were not checked" not in text]
    return []


def merged(target: Spec, patch: Spec) -> Spec:
    """JSON merge patch (RFC 7396)."""
    changed = {key: merged(target.get(key) or {}, cast("Spec", new)) if isinstance(new, dict) else new for key, new in patch.items()}
    return {key: value for key, value in {**target, **changed}.items() if value is not None}


@contextlib.contextmanager
def kept(api: Api, spec: Spec, status: Spec | None = None) -> Generator[str]:
    """The path of a resource that exists while the block runs."""
    name = f"crd-{secrets.token_hex(6)}"
    api.call("POST", f"{RESOURCES}?{STRICT}", body(spec, name))
    path = f"{RESOURCES}/{name}"
    try:
        if status:
            api.call("PATCH", f"{path}/status?{STRICT}", {"status": status}, content="application/merge-patch+json")
        yield path
    finally:
        api.call("DELETE", path)


@pytest.mark.parametrize("case", by_claim("accepted"))
def test_a_right_body_is_taken(api: Api, case: Case) -> None:
    assert try_out(api, case["spec"]) == []


@pytest.mark.parametrize("case", by_claim("refused"))
def test_a_wrong_body_is_refused_for_one_cause_that_names_field_and_mend(api: Api, case: Case) -> None:
    (refusal,) = try_out(api, case["spec"])
    assert case["says"] in refusal


@pytest.mark.parametrize("case", by_claim("refused"))
def test_a_wrong_body_is_taken_once_it_is_mended(api: Api, case: Case) -> None:
    assert try_out(api, merged(case["spec"], case["mended"])) == []


@pytest.mark.parametrize("schedule", table("schedules")["accepted"])
def test_a_schedule_of_secrets_manager_is_taken(api: Api, schedule: str) -> None:
    assert try_out(api, {**SMALLEST, "rotation": {"schedule": schedule}}) == []


@pytest.mark.parametrize(
    ("schedule", "says"), [(schedule, group["says"]) for group in table("schedules")["refused"] for schedule in group["schedules"]]
)
def test_a_schedule_that_secrets_manager_would_refuse_is_refused(api: Api, schedule: str, says: str) -> None:
    (refusal,) = try_out(api, {**SMALLEST, "rotation": {"schedule": schedule}})
    assert says in refusal


@pytest.mark.parametrize("case", by_claim("updates"))
def test_an_update_changes_only_what_may_change(api: Api, case: Case) -> None:
    with kept(api, case["before"], case.get("status")) as path:
        found = refusals(api, "PUT", f"{path}?dryRun=All&{STRICT}", {**api.get(path), "spec": case["after"]})
    if "says" in case:
        (refusal,) = found
        assert case["says"] in refusal
    else:
        assert found == []


def test_a_name_of_sixty_three_characters_is_taken_and_of_sixty_four_refused(api: Api) -> None:
    assert try_out(api, SMALLEST, "n" * 63) == []
    (refusal,) = try_out(api, SMALLEST, "n" * 64)
    assert "metadata.name: at most 63 characters" in refusal


def test_a_secret_name_of_512_characters_is_taken_and_of_513_refused(api: Api) -> None:
    assert try_out(api, {**SMALLEST, "secret": {"name": "n" * 512}}) == []
    (refusal,) = try_out(api, {**SMALLEST, "secret": {"name": "n" * 513}})
    assert "spec.secret.name: write 1 to 512 letters" in refusal


@pytest.mark.parametrize(("count", "refused"), [(45, False), (46, True)])
def test_a_secret_takes_forty_five_tags(api: Api, count: int, refused: bool) -> None:
    found = try_out(api, {**SMALLEST, "secret": {"tags": {f"tag-{n}": "x" for n in range(count)}}})
    assert [("spec.secret.tags: " in text) for text in found] == [True] * refused


def test_only_plain_defaults_are_filled_in(api: Api) -> None:
    with kept(api, SMALLEST) as path:
        assert api.get(path)["spec"] == {
            "database": {"instance": "orders", "tls": {"mode": "verify-full"}, "unreachablePolicy": "Wait"},
            "user": {"name": "app"},
            "target": {"deletionPolicy": "Delete"},
            "restarts": {"discover": True, "volumes": True, "readyTimeout": "10m"},
            "suspend": False,
        }


def test_a_password_block_once_given_is_filled_in(api: Api) -> None:
    with kept(api, {**SMALLEST, "rotation": {"password": {}}}) as path:
        password = api.get(path)["spec"]["rotation"]["password"]
    assert password == {"length": 32, "exclude": " %+~`#$&*()|[]{}:;<>?!'\"/@\\^,=", "requireEachType": True}


def test_what_nobody_has_looked_at_does_not_look_finished(api: Api) -> None:
    with kept(api, SMALLEST) as path:
        assert api.get(path)["status"] == {"observedGeneration": -1}


def test_no_field_of_a_full_status_is_lost(api: Api) -> None:
    with kept(api, SMALLEST, table("status")) as path:
        assert api.get(path)["status"] == table("status")


def test_the_spec_cannot_be_changed_through_status(api: Api) -> None:
    with kept(api, SMALLEST) as path:
        patch = {"spec": {"suspend": True}, "status": {"observedGeneration": 1}}
        api.call("PATCH", f"{path}/status", patch, content="application/merge-patch+json")
        assert api.get(path)["spec"]["suspend"] is False


def test_the_columns_tell_the_state_and_wide_tells_the_message(api: Api, kubectl: Kubectl) -> None:
    with kept(api, SMALLEST, table("status")) as path:
        name = path.rpartition("/")[2]
        narrow, wide = kubectl("get", "rrs", name), kubectl("get", "rrs", name, "-o", "wide")
    columns = ["NAME", "READY", "REASON", "ENGINE", "USER", "VERSION", "ROTATED", "NEXT", "AGE"]
    assert narrow.splitlines()[0].split() == columns
    assert wide.splitlines()[0].split() == [*columns, "MESSAGE"]
    assert narrow.splitlines()[1].split()[:6] == [name, "False", "RolloutFailed", "postgres", "app", "8f2c61a0"]
    assert narrow.splitlines()[1].split()[7] == "2026-12-24T00:00:00Z"
    assert "Deployment/api is not ready after 10m" in wide


def test_it_is_found_by_its_category_and_not_by_get_all(api: Api, kubectl: Kubectl) -> None:
    with kept(api, SMALLEST) as path:
        resource = f"rotatedrdssecret.rotated-rds.io/{path.rpartition('/')[2]}"
        assert resource in kubectl("get", "rotated-rds", "-o", "name")
        assert resource not in kubectl("get", "all", "-o", "name")


def test_explain_teaches_a_field(kubectl: Kubectl) -> None:
    assert "rate(30 days)" in kubectl("explain", "rrs.spec.rotation.schedule")
