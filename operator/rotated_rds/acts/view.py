"""One run of the pipeline: what every stage and act may look at."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rotated_rds.clients.secretsmanager import SecretsManager
from rotated_rds.model.leaving import with_strategy
from rotated_rds.model.resource import REQUEST_LIMIT, Key, Resource
from rotated_rds.model.secret import SecretState
from rotated_rds.model.spec import Spec, Strategy
from rotated_rds.model.status import Kind, Status
from rotated_rds.model.tenancy import Permit, Rule

if TYPE_CHECKING:
    from rotated_rds.clients.world import World  # the rotation function uses acts, and has no Kubernetes client


@dataclass(frozen=True)
class Pass:
    """One run of the pipeline: what every stage may look at.

    listed: what the sweep showed of the secret, if it differs from what was known; look: AWS is to be read in this pass.
    request: the one request to carry out, (name, text). noticed_at: when AWS's label moved, where an event said so.
    clock: for moments after `now`, the pass's beginning.
    begun: what a rotation under way may use although it would not be allowed to begin now.
    towards: the spec's strategy, while another is in force, which `spec` names then (SAFETY.md E4).
    """

    world: "World"
    resource: Resource
    spec: Spec
    before: Status
    now: datetime
    listed: SecretState | None = None
    look: bool = False
    request: tuple[str, str] | None = None
    noticed_at: datetime | None = None
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    begun: Rule | None = None
    towards: Strategy | None = None

    @property
    def key(self) -> Key:
        return self.resource.key

    @property
    def secrets(self) -> SecretsManager:
        return self.world.secrets(self.key, self.spec)

    @property
    def permit(self) -> Permit:
        """What the namespace may use, in the account that this resource's identity acts in."""
        permit = self.world.permit(self.key, self.spec)
        return permit if self.begun is None else replace(permit, rules=(*permit.rules, self.begun))

    @property
    def wanted(self) -> Spec:
        """The spec with the strategy that it asks for."""
        return self.spec if self.towards is None else with_strategy(self.spec, self.towards)

    @property
    def generation(self) -> int:
        """The generation that this pass speaks of: a rotation finished with an older spec says nothing of the present one."""
        return self.resource.generation if self.wanted == self.resource.spec else self.before.observed_generation

    def settled(self, kind: Kind) -> bool:
        """The stage's condition holds, and for the present spec: what it did needs no second look."""
        known = self.before.condition(kind)
        return known is not None and known.true and known.observed_generation == self.generation

    def asks(self, *names: str) -> bool:
        """Whether the request of this pass is one of these; one whose text is too long asks for nothing."""
        return self.request is not None and self.request[0] in names and len(self.request[1]) <= REQUEST_LIMIT
