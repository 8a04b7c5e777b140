"""What somebody had before: External Secrets and Reloader, for real where their programs are named, else the Secret as they leave it."""

import base64
import json
import os
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.bed.api import Api
from tests.bed.bed import Bed
from tests.bed.kubeconfig import admin_kubeconfig
from tests.bed.kubectl import Kubectl
from tests.bed.processes import free_port, until
from tests.support.aws import Aws
from tests.support.kinds import given_kinds
from tests.support.resources import Cluster

Json = dict[str, Any]
GROUP = "external-secrets.io/v1"
MANAGED = {"reconcile.external-secrets.io/managed": "true", "reconcile.external-secrets.io/created-by": "recorded"}
SECRET = "orders-db"
EXTERNAL_SECRETS, CRDS, RELOADER = (os.environ.get(name) for name in ("EXTERNAL_SECRETS", "EXTERNAL_SECRETS_CRDS", "RELOADER"))
RELOADED = {"reloader.stakater.com/auto": "true"}
# Held against External Secrets itself, where that runs.
AS_LEFT: Json = {
    "type": "Opaque",
    "labels": ["reconcile.external-secrets.io/created-by", "reconcile.external-secrets.io/managed"],
    "annotations": ["reconcile.external-secrets.io/data-hash"],
    "owners": [
        {"apiVersion": GROUP, "kind": "ExternalSecret", "name": SECRET, "controller": True, "blockOwnerDeletion": True},
    ],
    "written": [(f"externalsecrets.external-secrets.io/{SECRET}", "Update", ["f:data", "f:metadata", "f:type"])],
}


def shape(secret: Json) -> Json:
    """What of a Secret says whose it is: all but its content, its own names and numbers."""
    place = secret["metadata"]
    owners = [{key: value for key, value in one.items() if key != "uid"} for one in place.get("ownerReferences", [])]
    written = [(one["manager"], one["operation"], sorted(one["fieldsV1"])) for one in place["managedFields"]]
    return {
        "type": secret["type"],
        "labels": sorted(place.get("labels", {})),
        "annotations": sorted(place.get("annotations", {})),
        "owners": owners,
        "written": written,
    }


def external_secret(secret_id: str) -> Json:
    """Every key of the AWS secret, as most people have it."""
    spec = {
        "refreshInterval": "5s",
        "secretStoreRef": {"name": "aws", "kind": "SecretStore"},
        "target": {"name": SECRET},
        "dataFrom": [{"extract": {"key": secret_id}}],
    }
    return {"apiVersion": GROUP, "kind": "ExternalSecret", "metadata": {"name": SECRET}, "spec": spec}


@dataclass
class Recorded:
    """The Secret as External Secrets 2.9.0 left it on this bed, and its owner without its controller; Reloader's mark on the Deployment."""

    cluster: Cluster
    aws: Aws

    def given(self, secret_id: str) -> None:
        given_kinds(self.cluster.api, [_the_kind_alone()])
        owner = self.cluster.api.call("POST", self.cluster.path("externalsecrets", group=GROUP), external_secret(secret_id))
        value: Json = json.loads(self.aws.secretsmanager().get_secret_value(SecretId=secret_id)["SecretString"])
        reference = {key: owner[key] for key in ("apiVersion", "kind")} | {key: owner["metadata"][key] for key in ("name", "uid")}
        data = {key: base64.b64encode(str(text).encode()).decode() for key, text in value.items()}
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {
                "name": SECRET,
                "labels": MANAGED,
                "annotations": {"reconcile.external-secrets.io/data-hash": "recorded"},
                "ownerReferences": [{**reference, "controller": True, "blockOwnerDeletion": True}],
            },
            "data": data,
        }
        manager = f"externalsecrets.external-secrets.io/{SECRET}"
        self.cluster.api.call("POST", f"{self.cluster.path('secrets', group='v1')}?fieldManager={manager}", body)

    def still_there(self) -> bool:
        return self.cluster.api.get(self.cluster.path("externalsecrets", SECRET, GROUP)) is not None


@dataclass
class Real(Recorded):
    """External Secrets' own controller and Reloader, as processes on the bed."""

    bed: Bed

    def given(self, secret_id: str) -> None:
        api, place = self.cluster.api, self.cluster.namespace
        self.cluster.given_secret("aws-keys", {"id": self.aws.caller, "secret": "bed"})
        keys = {
            f"{word}SecretRef": {"name": "aws-keys", "key": key} for word, key in (("accessKeyID", "id"), ("secretAccessKey", "secret"))
        }
        provider = {"aws": {"service": "SecretsManager", "region": self.aws.region, "auth": {"secretRef": keys}}}
        store = {"apiVersion": GROUP, "kind": "SecretStore", "metadata": {"name": "aws"}, "spec": {"provider": provider}}
        api.call("POST", f"/apis/{GROUP}/namespaces/{place}/secretstores", store)
        api.call("POST", self.cluster.path("externalsecrets", group=GROUP), external_secret(secret_id))
        until("External Secrets makes the Secret", lambda: self.cluster.secret(SECRET) is not None)

    def comes_back(self, secret_id: str) -> None:
        """The ExternalSecret is applied again, and takes the Secret over."""
        self.cluster.api.call("POST", self.cluster.path("externalsecrets", group=GROUP), external_secret(secret_id))
        until("External Secrets owns the Secret", lambda: "ExternalSecret" in [one["kind"] for one in self._owners()])

    def _owners(self) -> list[Json]:
        return (self.cluster.secret(SECRET) or {"metadata": {}})["metadata"].get("ownerReferences", [])


@contextmanager
def real_controllers(bed: Bed, aws: Aws, namespace: str) -> Generator[None]:
    """External Secrets and Reloader while the block runs, with the administrator's rights; both named by the environment."""
    assert EXTERNAL_SECRETS
    assert CRDS
    assert RELOADER
    kubeconfig = admin_kubeconfig(bed)
    Kubectl(kubeconfig)("apply", "--server-side", "--force-conflicts", "-f", CRDS)
    given_kinds(Api(kubeconfig), [one for one in yaml.load_all(Path(CRDS).read_text(), yaml.CSafeLoader) if one])
    everywhere = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    endpoints = {"AWS_SECRETSMANAGER_ENDPOINT": aws.endpoint, "AWS_STS_ENDPOINT": aws.endpoint}
    flags = ["--metrics-addr=0", f"--live-addr=127.0.0.1:{free_port()}", f"--namespace={namespace}"]
    quiet = [
        f"--enable-{kind}-reconciler=false" for kind in ("cluster-store", "cluster-external-secret", "cluster-push-secret", "push-secret")
    ]
    started = [
        bed.processes.start(f"external-secrets-{namespace}", [EXTERNAL_SECRETS, *flags, *quiet], env=everywhere | endpoints),
        bed.processes.start(f"reloader-{namespace}", [RELOADER, f"--namespaces={namespace}"], env=everywhere),
    ]
    try:
        yield
    finally:
        for one in started:
            bed.processes.end(one)


def _the_kind_alone() -> Json:
    """Where External Secrets' own CRDs are not there: a Secret's owner must exist, or the Secret is collected."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    names = {"kind": "ExternalSecret", "plural": "externalsecrets", "singular": "externalsecret"}
    spec = {"group": "external-secrets.io", "scope": "Namespaced", "names": names, "versions": [version]}
    metadata = {"name": "externalsecrets.external-secrets.io"}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": metadata, "spec": spec}


@dataclass
class Watched:
    """Every version of one Secret that a watch has shown."""

    cluster: Cluster
    changes: list[tuple[str, Json]] = field(default_factory=list[tuple[str, Json]])

    def start(self) -> "Watched":
        threading.Thread(target=self._watch, daemon=True).start()
        until("the watch shows the Secret", lambda: bool(self.changes))
        return self

    def _watch(self) -> None:
        path = f"{self.cluster.path('secrets', group='v1')}?fieldSelector=metadata.name%3D{SECRET}"
        for change in self.cluster.api.watch(path, seconds=600):
            self.changes.append((change["type"], change["object"]))

    def up_to_now(self) -> Sequence[tuple[str, Json]]:
        """All changes until now: the watch is waited for until it has shown what stands."""
        now = self.cluster.secret(SECRET)
        assert now is not None
        until("the watch has caught up", lambda: self.changes[-1][1]["metadata"]["resourceVersion"] == now["metadata"]["resourceVersion"])
        return self.changes


def kubectl(bed: Bed, namespace: str, *words: str) -> str:
    """What docs/migrate.md has people type."""
    return Kubectl(admin_kubeconfig(bed))("-n", namespace, *words)
