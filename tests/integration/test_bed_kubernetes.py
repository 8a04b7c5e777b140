"""The bed's control plane: real where it is said to be, and fake pods that behave as tests need them."""

import datetime as dt
import json
from http import HTTPStatus
from typing import Any

import pytest

from tests.bed import build
from tests.bed.api import Api, ApiError
from tests.bed.bed import Bed, Facts
from tests.bed.kubeconfig import kubeconfig_for, service_account_kubeconfig
from tests.bed.kubectl import Kubectl
from tests.bed.processes import until

Pod = dict[str, Any]


def container(name: str = "app") -> dict[str, str]:
    return {"name": name, "image": "example/app"}


def manifest(kind: str, name: str, spec: object) -> str:
    groups = {"Deployment": "apps/v1", "Job": "batch/v1", "Pod": "v1"}
    return json.dumps({"apiVersion": groups[kind], "kind": kind, "metadata": {"name": name}, "spec": spec})


def deployment(name: str, *, annotations: dict[str, str] | None = None) -> str:
    template = {
        "metadata": {"labels": {"app": name}, "annotations": annotations or {}},
        "spec": {"initContainers": [container("prepare")], "containers": [container()]},
    }
    return manifest("Deployment", name, {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": template})


def pods(api: Api, namespace: str) -> list[Pod]:
    return api.call("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]


def phases(api: Api, namespace: str) -> set[str]:
    return {pod["status"]["phase"] for pod in pods(api, namespace)}


def is_recent(stamp: str) -> bool:
    return dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(stamp) < dt.timedelta(minutes=10)


def test_the_api_server_is_of_the_pinned_version(kubectl: Kubectl) -> None:
    assert json.loads(kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"] == f"v{build.KUBERNETES}"


def test_a_deployment_becomes_available(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(deployment("web"), namespace)
    kubectl("rollout", "status", "-n", namespace, "deployment/web", "--timeout=30s")


def test_a_restarted_deployment_runs_new_pods_only(kubectl: Kubectl, api: Api, namespace: str) -> None:
    kubectl.apply(deployment("web"), namespace)
    kubectl("rollout", "status", "-n", namespace, "deployment/web", "--timeout=30s")
    before = {pod["metadata"]["uid"] for pod in pods(api, namespace)}
    kubectl("rollout", "restart", "-n", namespace, "deployment/web")
    kubectl("rollout", "status", "-n", namespace, "deployment/web", "--timeout=30s")
    until("the old pods are gone", lambda: before.isdisjoint(pod["metadata"]["uid"] for pod in pods(api, namespace)))


def test_containers_say_when_they_started(kubectl: Kubectl, api: Api, namespace: str) -> None:
    kubectl.apply(deployment("web"), namespace)
    kubectl("rollout", "status", "-n", namespace, "deployment/web", "--timeout=30s")
    status = pods(api, namespace)[0]["status"]
    assert is_recent(status["containerStatuses"][0]["state"]["running"]["startedAt"])
    assert is_recent(status["initContainerStatuses"][0]["state"]["terminated"]["startedAt"])


def test_a_sidecar_keeps_running(kubectl: Kubectl, api: Api, namespace: str) -> None:
    spec = {"initContainers": [{**container("proxy"), "restartPolicy": "Always"}], "containers": [container()]}
    kubectl.apply(manifest("Pod", "one", spec), namespace)
    kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/one", "--timeout=30s")
    assert is_recent(pods(api, namespace)[0]["status"]["initContainerStatuses"][0]["state"]["running"]["startedAt"])


@pytest.mark.parametrize(("said", "reason"), [("", "CrashLoopBackOff"), ("CreateContainerConfigError", "CreateContainerConfigError")])
def test_a_broken_pod_waits_with_its_reason(kubectl: Kubectl, api: Api, namespace: str, said: str, reason: str) -> None:
    kubectl.apply(deployment("web", annotations={"bed/broken": said}), namespace)
    until("both pods have run", lambda: [*phases(api, namespace)] == ["Running"] and len(pods(api, namespace)) == 2)
    for pod in pods(api, namespace):
        assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == reason
        assert {one["type"]: one["status"] for one in pod["status"]["conditions"]}["Ready"] == "False"


@pytest.mark.parametrize(("told", "condition"), [("succeeded", "complete"), ("failed", "failed")])
def test_a_job_runs_until_it_is_told_to_end(kubectl: Kubectl, api: Api, namespace: str, told: str, condition: str) -> None:
    spec = {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [container()]}}}
    kubectl.apply(manifest("Job", "work", spec), namespace)
    until("its pod runs", lambda: phases(api, namespace) == {"Running"})
    kubectl("annotate", "-n", namespace, "pod", "-l", "job-name=work", f"bed/complete={told}")
    kubectl("wait", "-n", namespace, f"--for=condition={condition}", "job/work", "--timeout=30s")


def test_a_client_without_rights_is_refused(bed: Bed, kubernetes: Facts, namespace: str) -> None:
    assert kubernetes
    nobody = Api(kubeconfig_for(bed, "nobody"))
    with pytest.raises(ApiError) as refusal:
        nobody.call("GET", f"/api/v1/namespaces/{namespace}/secrets")
    assert refusal.value.code == HTTPStatus.FORBIDDEN


def test_a_clients_groups_give_it_their_rights(bed: Bed, kubernetes: Facts, namespace: str) -> None:
    assert kubernetes
    operator = Api(kubeconfig_for(bed, "someone", ["others", "system:masters"]))
    assert operator.call("GET", f"/api/v1/namespaces/{namespace}/secrets")["items"] == []


def test_a_service_account_acts_under_its_own_name(bed: Bed, kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "serviceaccount", "-n", namespace, "worker")
    config = service_account_kubeconfig(bed, namespace, "worker")
    who = json.loads(Kubectl(config)("auth", "whoami", "-o", "json"))
    assert who["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:worker"


def test_what_a_deleted_deployment_owned_is_collected(kubectl: Kubectl, api: Api, namespace: str) -> None:
    kubectl.apply(deployment("web"), namespace)
    kubectl("rollout", "status", "-n", namespace, "deployment/web", "--timeout=30s")
    kubectl("delete", "-n", namespace, "deployment/web")
    until("its pods are gone", lambda: pods(api, namespace) == [])
