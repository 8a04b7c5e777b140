"""What the chart renders: an unprivileged pod, rights where they are needed, one owner of what is cluster-wide."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bed.paths import REPO
from tests.support.chart import CHART, NAME, helm, of_kind, one_of, render

Json = dict[str, Any]
CI = sorted((CHART / "ci").glob("*-values.yaml"))
SOME: Json = {"watch": {"namespaces": ["shop", "bank"]}, "clusterName": "prod"}
CLUSTER_WIDE = ("ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition")
SCOPED = (
    "Deployment",
    "Service",
    "ServiceAccount",
    "ConfigMap",
    "Role",
    "RoleBinding",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "Pod",
    "Job",
)


def values_of(path: Path) -> Json:
    return yaml.safe_load(path.read_text()) or {}


def pods(objects: list[Json]) -> list[Json]:
    """The specs of the operator's pods, the test's and the uninstall's."""
    return [
        one["spec"] if one["kind"] == "Pod" else one["spec"]["template"]["spec"] for one in of_kind(objects, "Deployment", "Pod", "Job")
    ]


# the pod


@pytest.mark.parametrize("path", CI, ids=lambda path: path.stem)
def test_every_pod_is_restricted_and_its_root_read_only(path: Path) -> None:
    found = pods(render(values_of(path)))
    assert len(found) >= 2
    for pod in found:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_user_ids_can_be_left_to_the_platform() -> None:
    (operator, *_) = pods(render({"podSecurityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None}}))
    assert operator["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        pytest.param({}, "rotated-rds:0.1.0", id="the chart's version"),
        pytest.param({"repository": "r.example:5000/a/b", "tag": "2"}, "r.example:5000/a/b:2", id="a tag"),
        pytest.param({"tag": "2", "digest": f"sha256:{'a' * 64}"}, f"rotated-rds@sha256:{'a' * 64}", id="a digest wins"),
    ],
)
def test_all_pods_run_the_same_image(image: Json, expected: str) -> None:
    containers = [container for pod in pods(render({"image": image})) for container in pod["containers"]]
    assert {container["image"] for container in containers} == {expected}


@pytest.mark.parametrize(
    "change", [{"tenancy": {"mode": "Open"}}, {"caBundle": {"pem": "-----BEGIN CERTIFICATE-----"}}], ids=lambda one: next(iter(one))
)
def test_new_files_roll_the_pods(change: Json) -> None:
    assert checksum(change) != checksum({})
    assert checksum({"replicaCount": 3}) == checksum({})


def checksum(values: Json) -> str:
    return one_of(render(values), "Deployment")["spec"]["template"]["metadata"]["annotations"]["checksum/files"]


def test_no_selector_takes_a_pod_that_looks_for_the_operator() -> None:
    objects = render({"uninstall": {"listFirst": True}, "networkPolicy": {"enabled": True}})
    deployment = one_of(objects, "Deployment")
    operator = deployment["spec"]["template"]["metadata"]["labels"]
    others = [one_of(objects, "Pod", f"{NAME}-test")["metadata"]["labels"]]
    others.append(one_of(objects, "Job", f"{NAME}-uninstall")["spec"]["template"]["metadata"]["labels"])
    selectors = [
        deployment["spec"]["selector"]["matchLabels"],
        one_of(objects, "Service")["spec"]["selector"],
        one_of(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one_of(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= operator.items()
        assert not any(selector.items() <= labels.items() for labels in others)


# rights


def test_a_release_of_some_namespaces_makes_nothing_cluster_wide() -> None:
    assert of_kind(render({**SOME, "crds": {"enabled": False}}), *CLUSTER_WIDE) == []


def test_each_watched_namespace_gets_the_same_rules_as_the_cluster_would() -> None:
    objects, cluster = render(SOME), render({"clusterName": "prod"})
    roles = {one["metadata"]["namespace"]: one["rules"] for one in of_kind(objects, "Role") if one["metadata"]["name"] == NAME}
    everywhere = one_of(cluster, "ClusterRole")["rules"]
    assert roles == {"shop": everywhere, "bank": everywhere}
    assert {one["metadata"]["namespace"] for one in of_kind(objects, "RoleBinding")} == {"shop", "bank", NAME}
    assert NAME not in {one["metadata"]["name"] for one in of_kind(objects, "ClusterRole")}


def test_the_cluster_s_name_spares_a_right() -> None:
    def names(values: Json) -> list[Json]:
        return [rule for rule in one_of(render(values), "ClusterRole")["rules"] if "namespaces" in rule["resources"]]

    assert names({"clusterName": "prod"}) == []
    assert names({}) == [{"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]}]


def test_nothing_may_be_deleted_and_no_wildcard_is_granted() -> None:
    for role in of_kind(render({}), "ClusterRole", "Role"):
        if role["metadata"]["name"].startswith((f"{NAME}-edit", f"{NAME}-admin")):
            continue
        for rule in role["rules"]:
            assert not {"*", "delete", "deletecollection", "escalate", "bind", "impersonate"} & {
                *rule["verbs"],
                *rule["resources"],
                *rule["apiGroups"],
            }


def people(values: Json) -> dict[str, Json]:
    """The roles that are added to built-in ones, by the built-in one's name."""
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    return {
        label.removeprefix(prefix): one
        for one in of_kind(render(values), "ClusterRole")
        for label in one["metadata"]["labels"]
        if label.startswith(prefix)
    }


def test_people_with_edit_write_resources_only_when_somebody_says_so() -> None:
    assert set(people({})) == {"view", "admin"}
    assert set(people({"rbac": {"aggregateToEdit": True}})) == {"view", "edit", "admin"}
    assert people({"rbac": {"aggregateToView": False, "aggregateToAdmin": False}}) == {}


def test_nobody_among_people_gets_the_status_or_a_secret() -> None:
    for role in people({"rbac": {"aggregateToEdit": True}}).values():
        assert [rule["resources"] for rule in role["rules"]] == [["rotatedrdssecrets"]]
    assert people({})["view"]["rules"][0]["verbs"] == ["get", "list", "watch"]


def test_without_rbac_there_is_no_role() -> None:
    assert of_kind(render({"rbac": {"create": False}}), "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding") == []


def test_the_token_goes_to_the_operator_s_pods_alone() -> None:
    objects = render({"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn"}}})
    account = one_of(objects, "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": "arn"}
    assert one_of(objects, "Deployment")["spec"]["template"]["spec"]["automountServiceAccountToken"] is True


# the CRD


def test_the_crd_is_the_repository_s() -> None:
    crd = one_of(render({}), "CustomResourceDefinition", "rotatedrdssecrets.rotated-rds.io")
    source: Json = yaml.safe_load((REPO / "crds" / "rotatedrdssecrets.yaml").read_text())
    assert crd["spec"] == source["spec"]
    assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_the_crd_may_go_with_the_release_or_belong_to_another() -> None:
    crd = one_of(render({"crds": {"keep": False}}), "CustomResourceDefinition", "rotatedrdssecrets.rotated-rds.io")
    assert "annotations" not in crd["metadata"]
    assert of_kind(render({"crds": {"enabled": False}}), "CustomResourceDefinition") == []


# the rest


@pytest.mark.parametrize("path", CI, ids=lambda path: path.stem)
def test_what_is_in_a_namespace_says_which(path: Path) -> None:
    """For `helm template | kubectl apply`, whose namespace may be another."""
    own = ("secrets-rotator-more", "rotated-rds-more", "rotated-rds-text")
    lacking = [one for one in of_kind(render(values_of(path)), *SCOPED) if "namespace" not in one["metadata"]]
    assert [one["metadata"]["name"] for one in lacking if one["metadata"]["name"] not in own] == []


def test_common_labels_are_on_all_and_in_no_selector() -> None:
    objects = render({"commonLabels": {"team": "data"}, "networkPolicy": {"enabled": True}})
    assert [one["metadata"]["name"] for one in objects if one["metadata"]["labels"].get("team") != "data"] == []
    deployment = one_of(objects, "Deployment")
    assert "team" not in deployment["spec"]["selector"]["matchLabels"]
    assert deployment["spec"]["template"]["metadata"]["labels"]["team"] == "data"


def test_the_network_policy_lets_out_what_is_needed_and_no_more() -> None:
    policy = one_of(render({"networkPolicy": {"enabled": True, "databasePorts": [15432]}}), "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    dns, services, agent = policy["egress"]
    assert [(one["port"], one["protocol"]) for one in dns["ports"]] == [(53, "UDP"), (53, "TCP")]
    assert [one["port"] for one in services["ports"]] == [443, 6443, 15432]
    assert agent["to"][0] == {"ipBlock": {"cidr": "169.254.170.23/32"}}


def test_replicas_spread_over_nodes_by_the_release_s_own_labels() -> None:
    (constraint,) = one_of(render({}), "Deployment")["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert constraint["labelSelector"] == {"matchLabels": {"app.kubernetes.io/name": NAME, "app.kubernetes.io/instance": NAME}}


@pytest.mark.parametrize(
    ("values", "told", "untold"),
    [
        pytest.param({}, ["EVERY Secret of the cluster", "queueUrl is empty", "secretPrefix is empty"], ["mode is Open"], id="as it comes"),
        pytest.param(SOME, ["every Secret of shop, bank", "kubectl -n shop apply"], ["EVERY Secret of the cluster"], id="some namespaces"),
        pytest.param({"tenancy": {"mode": "Open"}}, ["tenancy.mode is Open"], [], id="open"),
        pytest.param({"crds": {"keep": False}}, ["EVERY resource go with it"], [], id="a CRD that goes"),
        pytest.param(
            {"aws": {"secretPrefix": "p/", "events": {"queueUrl": "https://sqs.eu-west-1.amazonaws.com/1/q"}}}, [], ["WARNING"], id="set up"
        ),
    ],
)
def test_the_notes_say_what_comes_next_and_what_to_know(values: Json, told: list[str], untold: list[str]) -> None:
    notes = notes_of(values)
    assert "rollout status deploy/rotated-rds" in notes
    assert [words for words in told if words not in notes] == []
    assert [words for words in untold if words in notes] == []


def notes_of(values: Json) -> str:
    text = helm("install", NAME, str(CHART), "--namespace", NAME, "--dry-run=client", "--values", "-", stdin=yaml.safe_dump(values))
    return text.partition("NOTES:")[2]
