"""What the scenes play on: the bed with its real node, the image, a person's kubectl, helm and console, the passwords of this run."""

import shlex
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rotated_rds.model.document import entries
from tests.bed import build, parts
from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.kubeconfig import admin_kubeconfig
from tests.bed.kubectl import Kubectl
from tests.bed.node import containers_of
from tests.bed.paths import REPO
from tests.bed.processes import until
from tests.demo.claims import Claims
from tests.demo.screen import TYPED, Screen
from tests.node import context
from tests.node.helm import Helm
from tests.support.aws import Aws
from tests.support.databases import can_log_in
from tests.support.resources import Cluster

PARTS = ("node", "postgres", "aws")
HOME, RELEASE = "rotated-rds", "rotated-rds"
NAMESPACE, NAME, USER, DEPLOYMENT, REPLICAS = "shop", "orders-db", "app", "orders", 3
ADMIN = "shop/admin"  # an administrator's AWS secret, which the tenancy must name
PATIENCE = 180.0  # seconds that a condition may take on a busy machine
CHART = REPO / "helm" / "rotated-rds"
_RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"

Json = dict[str, Any]


@dataclass
class Ground:
    """anew: build the image without the store's layers. aws: the operator's own identity; person: somebody with a console."""

    bed: Bed
    screen: Screen
    claims: Claims
    anew: bool = False
    image: str = ""
    figures: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    passwords: list[str] = field(default_factory=list[str])

    def rise(self) -> None:
        """Bring the bed up, and the two namespaces, in both of which no Pod may have a privilege."""
        build.ensure(["helm"], self.bed.say)
        parts.bring_up(self.bed, PARTS)
        self.api = Api(admin_kubeconfig(self.bed))
        self.kubectl = Kubectl(admin_kubeconfig(self.bed))
        self.helm = Helm(admin_kubeconfig(self.bed), self.bed.folder / "helm")
        self.cluster, self.home = Cluster(self.api, NAMESPACE), Cluster(self.api, HOME)
        self.aws, self.person = Aws(self.bed.facts()["aws"]), Aws(self.bed.facts()["aws"])
        for name in (NAMESPACE, HOME):
            self.kubectl("create", "namespace", name)
            self.kubectl("label", "namespace", name, _RESTRICTED)
            account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
            until("a Pod can be made", lambda account=account: self.api.get(account) is not None)

    @property
    def database(self) -> Facts:
        return self.bed.facts()["postgres"]

    @property
    def containers(self) -> Any:
        return containers_of(self.bed)

    @contextmanager
    def timed(self, figure: str) -> Generator[None]:
        """The block's seconds, as a figure of this run."""
        begun = time.monotonic()
        yield
        self.figures.append((figure, f"{time.monotonic() - begun:.1f} s"))

    def type(self, *words: str) -> str:
        """A person's kubectl, shown as it is run."""
        self.screen.say(f"kubectl {shlex.join(words)}", TYPED)
        return self.kubectl(*(str(REPO / word) if word.startswith("examples/") else word for word in words))

    def type_helm(self, *words: str) -> str:
        """A person's helm, shown as it is run; the chart by its name."""
        self.screen.say(f"helm {shlex.join(words)}", TYPED)
        return self.helm(*(str(CHART) if word == "helm/rotated-rds" else word for word in words))

    def values(self, **more: Json) -> Path:
        """The values of this installation, as a file."""
        queue = self.person.change_queue("node", f"{NAMESPACE}/")
        told: Json = {
            "image": {"repository": context.NAME, "tag": context.TAG, "pullPolicy": "Never"},
            "aws": {"region": self.aws.region, "endpointUrl": self.aws.endpoint, "events": {"queueUrl": queue.url}},
            "limits": {"minRotationInterval": "1s"},
            "uninstall": {"listFirst": True},
            "tenancy": {"rules": [{"namespaces": [NAMESPACE], "adminSecrets": [ADMIN]}]},
            "extraEnv": [{"name": name, "value": self.aws.environment[name]} for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")],
            **more,
        }
        path = self.bed.folder / "values.yaml"
        path.write_text(yaml.safe_dump(told))
        return path

    # seen

    def pods(self, namespace: str, selector: str) -> dict[str, Json]:
        """Pods that are not being deleted, by uid."""
        path = f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector.replace('=', '%3D')}"
        found = self.api.call("GET", path)["items"]
        return {pod["metadata"]["uid"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}

    def operators(self) -> dict[str, Json]:
        return self.pods(HOME, "app.kubernetes.io/name=rotated-rds")

    def applications(self) -> dict[str, Json]:
        return self.pods(NAMESPACE, "app=orders")

    def settled(self, name: str = NAME, deployment: str = DEPLOYMENT, replicas: int = REPLICAS) -> dict[str, Json]:
        """An application's Pods, once the resource is Ready and says that they run on what the Secret holds; waits for that."""
        until(f"{deployment} runs on what the Secret holds", lambda: self._is_settled(name, deployment, replicas), seconds=PATIENCE)
        return self.pods(NAMESPACE, f"app={deployment}")

    def _is_settled(self, name: str, deployment: str, replicas: int) -> bool:
        told = [one for one in entries(self.cluster.status(name), "workloads") if one["name"] == deployment]
        state = [(one["state"], one.get("versionId")) for one in told]
        pods = self.pods(NAMESPACE, f"app={deployment}").values()
        return state == [("Ready", self.secret_version(name))] and len(pods) == replicas and all(is_ready(pod) for pod in pods)

    def log(self, pod: Json, *words: str) -> str:
        return self.kubectl("logs", "-n", pod["metadata"]["namespace"], pod["metadata"]["name"], *words)

    def secret_version(self, name: str = NAME) -> str:
        """The AWS version that the Kubernetes Secret holds."""
        found = self.cluster.secret(name)
        return found["metadata"]["annotations"]["rotated-rds.io/version-id"] if found else ""

    def password(self) -> str:
        """The Secret's password, kept for the search at the end."""
        password = self.cluster.content(NAME)["password"]
        self.passwords.append(password)
        return password

    def logs_in(self, password: str) -> bool:
        return can_log_in(self.database, USER, password)

    def versions(self) -> dict[str, list[str]]:
        """Every version of the AWS secret, with its labels."""
        found = self.person.secretsmanager().list_secret_version_ids(SecretId=f"{NAMESPACE}/{NAME}", IncludeDeprecated=True)
        return {one.get("VersionId", ""): one.get("VersionStages", []) for one in found["Versions"]}

    def current(self) -> str:
        """AWSCURRENT's version id."""
        return next(version for version, labels in self.versions().items() if "AWSCURRENT" in labels)


def is_ready(pod: Json) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))
