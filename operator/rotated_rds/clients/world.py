"""The clients in one value, and what a resource may reach of them."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rotated_rds.clients.aws import Aws, AwsIdentity, AwsSessions
from rotated_rds.clients.cafiles import CaFiles
from rotated_rds.clients.functions import Functions
from rotated_rds.clients.kubernetes import Kubernetes
from rotated_rds.clients.logins import Logins
from rotated_rds.clients.rds import Rds
from rotated_rds.clients.secretsmanager import SecretsManager
from rotated_rds.model.claims import Claims
from rotated_rds.model.resource import Key
from rotated_rds.model.spec import Spec
from rotated_rds.model.tenancy import Permit, Tenancy


@dataclass
class Ages:
    """When something was last done for a resource, in this process's memory: after a start it may be done once more."""

    _at: dict[tuple[str, Key], datetime] = field(default_factory=dict[tuple[str, Key], datetime])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, key: Key, now: datetime) -> None:
        with self._lock:
            self._at[what, key] = now

    def older_than(self, what: str, key: Key, span: timedelta, now: datetime) -> bool:
        """Whether it was done, and longer ago than `span`. What this process never did counts from its first question."""
        with self._lock:
            return now - self._at.setdefault((what, key), now) >= span

    def fresh(self, what: str, key: Key, span: timedelta, now: datetime) -> bool:
        """Whether this process did it, and not longer ago than `span`."""
        return self.known(what, key) and not self.older_than(what, key, span, now)

    def forget(self, what: str, key: Key) -> None:
        with self._lock:
            self._at.pop((what, key), None)

    def known(self, what: str, key: Key) -> bool:
        with self._lock:
            return (what, key) in self._at

    def drop(self, key: Key) -> None:
        with self._lock:
            for known in [one for one in self._at if one[1] == key]:
                del self._at[known]


@dataclass(frozen=True)
class House:
    """What the whole release agrees on. cluster: the owner tag's first part; prefix: of default secret names."""

    cluster: str
    prefix: str
    tenancy: Tenancy
    min_rotation_interval: timedelta
    max_rotations: int
    max_rollouts: int
    stack_role: str | None = None  # CloudFormation's, by name: for the stacks of method HostedLambda
    namespaces: tuple[str, ...] = ()  # those that it watches; none for all


@dataclass(frozen=True)
class World:
    """Everything outside."""

    kubernetes: Kubernetes
    sessions: AwsSessions
    logins: Logins
    ca_files: CaFiles
    claims: Claims
    house: House
    ages: Ages
    busy: Callable[[str], int]  # how many resources rotate ("rotation") or roll ("rollout") right now, in the whole release
    functions: Functions = field(default_factory=Functions)

    def identity(self, key: Key, spec: Spec) -> AwsIdentity:
        """Whose rights this resource uses in AWS."""
        return AwsIdentity.of(key, spec.aws.region, spec.aws.role_arn, spec.aws.external_id, self.house.cluster)

    def aws(self, key: Key, spec: Spec) -> Aws:
        return self.sessions.of(self.identity(key, spec))

    def secrets(self, key: Key, spec: Spec) -> SecretsManager:
        return SecretsManager(self.aws(key, spec))

    def rds(self, key: Key, spec: Spec) -> Rds:
        return Rds(self.aws(key, spec))

    def account(self, key: Key, spec: Spec) -> str:
        """The AWS account that this resource's identity acts in."""
        return str(self.aws(key, spec).once("sts", "get_caller_identity")["Account"])

    def permit(self, key: Key, spec: Spec) -> Permit:
        """The namespace's tenancy. The role itself is checked before it is assumed, against the operator's own account."""
        if spec.aws.role_arn:
            own = self.sessions.of(AwsIdentity())
            self._permit(key, str(own.once("sts", "get_caller_identity")["Account"])).check_role(spec.aws.role_arn)
        permit = self._permit(key, self.account(key, spec))
        if spec.aws.region:
            permit.check_region(spec.aws.region)
        return permit

    def _permit(self, key: Key, account: str) -> Permit:
        return self.house.tenancy.permit(key.namespace, self.house.prefix, account, self.sessions.own_region or "")

    def owner(self, key: Key) -> str:
        """The owner tag's value (SAFETY.md A5)."""
        return f"{self.house.cluster}/{key.namespace}/{key.name}"
