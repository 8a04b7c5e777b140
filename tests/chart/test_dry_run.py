"""The API server takes every rendering of a matrix of values, the bundle and the kustomize base: schemas, strictly, and Pod Security."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bed import build
from tests.bed.api import Api
from tests.bed.kubectl import Kubectl
from tests.bed.paths import REPO
from tests.support.chart import CHART, documents, template
from tests.support.releases import install

CI = sorted((CHART / "ci").glob("*-values.yaml"))
DRY = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
ELSEWHERE = "monitoring.coreos.com/v1"  # kinds of another operator's, tried in tests/integration/test_monitoring_objects.py
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}


def dry_run(kubectl: Kubectl, objects: list[dict[str, Any]]) -> list[str]:
    """What kubectl says of each object. Warnings are refusals here: Pod Security tells them of a Deployment."""
    words = [build.program("kubectl"), "--kubeconfig", kubectl.kubeconfig, "apply", *DRY, "-f", "-"]
    done = subprocess.run(words, input=yaml.safe_dump_all(objects), capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def guarded(api: Api, namespace: str) -> str:
    """A namespace that takes restricted pods only."""
    api.call("PATCH", f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": RESTRICTED}}, content="application/merge-patch+json")
    return namespace


@pytest.mark.parametrize("path", CI, ids=lambda path: path.stem)
def test_a_rendering_is_taken_by_the_api_server(kubectl: Kubectl, guarded: str, path: Path) -> None:
    text = template(yaml.safe_load(path.read_text()) or {}, namespace=guarded)
    objects = [one for one in documents(text) if one["apiVersion"] != ELSEWHERE]
    assert len(dry_run(kubectl, objects)) == len(objects)


def test_a_pod_that_is_not_restricted_would_be_refused_here(kubectl: Kubectl, guarded: str) -> None:
    objects = list(documents(template({"securityContext": {"allowPrivilegeEscalation": True}}, namespace=guarded)))
    with pytest.raises(AssertionError, match="allowPrivilegeEscalation"):
        dry_run(kubectl, objects)


def test_the_bundle_is_taken_by_the_api_server(api: Api, kubectl: Kubectl) -> None:
    install(api)  # its namespace: a dry run makes none
    objects = list(documents((REPO / "helm" / "bundle" / "install.yaml").read_text()))
    assert len(dry_run(kubectl, objects)) == len(objects)


def test_the_kustomize_base_is_taken_in_a_namespace_of_the_user_s(kubectl: Kubectl, guarded: str, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.symlink_to(REPO / "helm" / "kustomize")
    patch = "- op: add\n  path: /spec/template/spec/containers/0/env/-\n  value: {name: AWS_REGION, value: eu-west-1}\n"
    patches = [{"target": {"kind": "Deployment"}, "patch": patch}]
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump({"namespace": guarded, "resources": ["base"], "patches": patches}))
    objects = list(documents(kubectl("kustomize", str(tmp_path))))
    assert {one["metadata"].get("namespace", guarded) for one in objects} == {guarded}
    assert {subject["namespace"] for one in objects for subject in one.get("subjects", [])} == {guarded}
    assert "AWS_REGION" in str([one for one in objects if one["kind"] == "Deployment"])
    assert len(dry_run(kubectl, objects)) == len(objects)
