"""The demo's scenery: the bed's parts, the operator, the person at the keyboard, and the simulated application."""

import json
import shlex
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from tests.bed import kubelet, parts
from tests.bed.api import Api
from tests.bed.application import Tally, total
from tests.bed.bed import Bed, Facts
from tests.bed.kubeconfig import admin_kubeconfig
from tests.bed.kubectl import Kubectl
from tests.bed.paths import REPO
from tests.demo.claims import Claims
from tests.demo.screen import TYPED, Screen
from tests.demo.watched import Watched
from tests.support.aws import Aws
from tests.support.databases import can_log_in
from tests.support.operators import Operator
from tests.support.releases import HOME
from tests.support.resources import Cluster

PARTS = ("kubernetes", "postgres", "aws")
NAMESPACE, NAME, USER, DEPLOYMENT, REPLICAS = "shop", "orders-db", "app", "orders", 3
SECRET_ID = f"{NAMESPACE}/{NAME}"


@dataclass
class Scenery:
    """What the scenes play with. aws: as the operator; person: as somebody with a console. passwords: every one of this run.

    name: the resource's, and its Secret's; secret_id: its AWS secret; region: another than the bed's.
    """

    bed: Bed
    screen: Screen
    claims: Claims
    name: str = NAME
    secret_id: str = SECRET_ID
    region: str | None = None
    passwords: list[str] = field(default_factory=list[str])
    figures: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def __post_init__(self) -> None:
        parts.bring_up(self.bed, PARTS)
        self.api = Api(admin_kubeconfig(self.bed))
        self.kubectl = Kubectl(admin_kubeconfig(self.bed))
        self.cluster = Cluster(self.api, NAMESPACE)
        facts = self.bed.facts()["aws"]
        facts = {**facts, "region": self.region or facts["region"]}
        self.aws, self.person = Aws(facts), Aws(facts)
        self.operator = Operator(self.bed, self.aws, (), release=HOME)
        self.place = kubelet.folder(self.bed, NAMESPACE)

    @property
    def database(self) -> Facts:
        return self.bed.facts()["postgres"]

    def parts(self) -> str:
        """What is real here, and what is not."""
        kubernetes = self.api.call("GET", "/version")["gitVersion"].removeprefix("v")
        simulated = f"AWS simulated (moto {version('moto')}) · pods simulated (kwok)"
        return f"Kubernetes {kubernetes} · PostgreSQL {self.database['version']} · {simulated}"

    @property
    def pid(self) -> int:
        """The operator's process."""
        assert self.operator.process is not None, "the operator was not started"
        return self.operator.process.pid

    def watch(self) -> None:
        """From now on every change of the resource is seen."""
        self.watched = Watched(self.api, self.cluster.path("rotatedrdssecrets"), self.name)

    def type(self, *words: str) -> None:
        """A person's kubectl, shown as it is run."""
        self.screen.say(f"kubectl {shlex.join(words)}", TYPED)
        self.kubectl(*(str(REPO / word) if word.startswith("examples/") else word for word in words))

    def logins(self) -> Tally:
        """What the simulated application has counted so far."""
        return total(self.place)

    def secret(self) -> dict[str, Any]:
        found = self.cluster.secret(self.name)
        assert found is not None, f"there is no Secret {self.name}"
        return found

    def published(self) -> str:
        """The AWS version that the Secret holds."""
        return self.secret()["metadata"]["annotations"]["rotated-rds.io/version-id"]

    def password(self) -> str:
        """The Secret's password."""
        return self.known(self.cluster.content(self.name)["password"])

    def known(self, password: str) -> str:
        """One more password for the search at the end."""
        self.passwords.append(password)
        return password

    def logs_in(self, password: str) -> bool:
        return can_log_in(self.database, USER, password)

    def versions(self) -> dict[str, list[str]]:
        """Every version of the AWS secret, with its labels."""
        found = self.person.secretsmanager().list_secret_version_ids(SecretId=self.secret_id, IncludeDeprecated=True)
        return {one.get("VersionId", ""): one.get("VersionStages", []) for one in found["Versions"]}

    def current(self) -> tuple[str, dict[str, Any]]:
        """AWSCURRENT's version id and its value."""
        found = self.person.secretsmanager().get_secret_value(SecretId=self.secret_id)
        return found["VersionId"], json.loads(found["SecretString"])
