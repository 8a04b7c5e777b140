"""An RDS instance, or a cluster, of a test's own whose master password RDS manages: a real user of the bed's database behind it."""

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from tests.bed.bed import Facts
from tests.bed.processes import until
from tests.support.aws import Aws
from tests.support.databases import new_master

Json = dict[str, Any]
_AURORA = {"postgres": "postgresql", "mysql": "mysql"}
BY_HAND = "by-hand-Passw0rd"


@dataclass
class Managed:
    """`aws` is somebody with all rights, not the operator. kind: instance or cluster."""

    aws: Aws
    database: Facts
    kind: str = "instance"
    name: str = field(default_factory=lambda: f"m{secrets.token_hex(5)}")

    def __post_init__(self) -> None:
        self.user = f"u{self.name}"
        self.rds, self.secretsmanager = self.aws.rds(), self.aws.secretsmanager()

    def given(self) -> "Managed":
        """The instance and its master, whose password was set by hand."""
        new_master(self.database, self.user, BY_HAND)
        place = {"host": "localhost", "port": self.database["port"], "user": self.user, "server": dict(self.database)}
        engine = self.database["engine"] if self.kind == "instance" else f"aurora-{_AURORA[str(self.database['engine'])]}"
        self.aws.control.place(**{self.kind: self.name}, engine=engine, **place)
        return self

    def turned_on(self) -> "Managed":
        """RDS manages the password, as after `aws rds modify-db-instance`."""
        if self.kind == "instance":
            self.rds.modify_db_instance(DBInstanceIdentifier=self.name, ManageMasterUserPassword=True, ApplyImmediately=True)
        else:
            self.rds.modify_db_cluster(DBClusterIdentifier=self.name, ManageMasterUserPassword=True, ApplyImmediately=True)
        self.comes("active")
        return self

    def turned_off(self) -> None:
        self.rds.modify_db_instance(
            DBInstanceIdentifier=self.name, ManageMasterUserPassword=False, MasterUserPassword=BY_HAND, ApplyImmediately=True
        )

    def order(self, hold: str | None = None, *, impaired: bool = False) -> None:
        """Where the next rotation waits, or that it fails; without words it goes on."""
        self.aws.control.master(**{self.kind: self.name}, hold=hold, impaired=impaired)

    def comes(self, status: str) -> None:
        until(f"{self.name} is {status}", lambda: self.secret["SecretStatus"] == status)

    @property
    def secret(self) -> Json:
        shown: Any = (
            self.rds.describe_db_instances(DBInstanceIdentifier=self.name)["DBInstances"][0]
            if self.kind == "instance"
            else self.rds.describe_db_clusters(DBClusterIdentifier=self.name)["DBClusters"][0]
        )
        return shown["MasterUserSecret"]

    @property
    def arn(self) -> str:
        return str(self.secret["SecretArn"])

    @property
    def value(self) -> Json:
        """AWSCURRENT's JSON."""
        return json.loads(self.secretsmanager.get_secret_value(SecretId=self.arn)["SecretString"])

    @property
    def described(self) -> Json:
        return dict(self.secretsmanager.describe_secret(SecretId=self.arn))
