"""One operator process with all its ways outside under traps, and the resource that it rotates."""

import contextlib
import json
import secrets
from collections.abc import Callable, Generator
from dataclasses import dataclass

from tests.bed.api import Api
from tests.bed.bed import Bed, Facts
from tests.bed.kubeconfig import admin_kubeconfig
from tests.bed.processes import until
from tests.support.aws import Aws
from tests.support.databases import new_master, through
from tests.support.dual import may_keep_two
from tests.support.nursery import shortened
from tests.support.operators import Operator
from tests.support.releases import identity, install
from tests.support.resources import Cluster, Json, a_resource
from tests.support.tcp import Relay
from tests.support.walk.gate import Gate
from tests.support.walk.traps import ApiTrap, AwsTrap, How, SqlTrap, Trap

# A Lease would cost 15 s a kill (one test of its own waits for it); a sweep would be a call that no rotation makes.
_SETTINGS = {
    "ROTATED_RDS_LEADER_ELECT": "false",
    "ROTATED_RDS_MIN_ROTATION_INTERVAL": "100ms",
    "ROTATED_RDS_SWEEP_INTERVAL": "24h",
    "ROTATED_RDS_WORKERS": "2",
    # The quarter of an hour of a stopped function, and the minutes until something that could not be is looked at again.
    **shortened(handover__FUNCTION_RUNS=0.3, handover__LOOK_AGAIN=0.1, retained___AGAIN=0.5, leave___AGAIN=0.5),
}


@dataclass
class Lane:
    """database: the server itself; eye: AWS as the test sees it, so that its calls are nobody's."""

    bed: Bed
    cluster: Cluster
    database: Facts
    operator: Operator
    eye: Aws
    relay: Relay
    traps: dict[str, Trap]

    @property
    def front(self) -> Facts:
        """The database as the operator reaches it."""
        return through(self.database, self.relay.port)

    def strike(self, trap: Trap, how: How, at_rest: Callable[[], bool]) -> None:
        """The trap has sprung: kill the process and start the next, as the order says."""
        if not how.kills:
            return
        self.operator.kill()
        if how is not How.LATE:
            trap.clear()
        seen = trap.calls()
        self.operator.start()
        if how is How.LATE:
            met = at_rest if trap.late_at_rest else lambda: trap.calls() > seen or at_rest()
            until("the next process is at work, or done", met, every=0.05)
            trap.let_arrive()

    def body(self, name: str) -> Json:
        return self.cluster.resource(name)

    def user(self, name: str) -> str:
        return f"{name}_{self.cluster.namespace}".replace("-", "_")[-32:]

    def secret(self, name: str) -> str:
        return f"{self.cluster.namespace}/{name}"

    def given_user(self, name: str) -> str:
        """The resource's database user, not yet under the operator; returns the password that it has."""
        password = f"first-{secrets.token_hex(8)}-A1"
        self.cluster.given_user(self.database, self.user(name), password, name)
        return password

    def given_resource(self, name: str, **user: str) -> None:
        """A resource whose user's password is given, or, with adminSecretId, set by an administrator."""
        resource = a_resource(self.cluster.namespace, name, self.front, self.user(name))
        if user:
            resource["spec"]["user"] = {"name": self.user(name), **user}
        self.cluster.given_resource(resource)

    def given_alternating(self, name: str, grace: str) -> None:
        """A resource whose two users take turns."""
        rotation = {"strategy": "AlternatingUsers", "gracePeriod": grace}
        user = {"adminSecretId": self.given_admin()}
        self.cluster.given_resource(a_resource(self.cluster.namespace, name, self.front, self.user(name), user=user, rotation=rotation))

    def given_dual(self, name: str, grace: str) -> None:
        """A resource whose user keeps the password before, on MySQL by itself, on MariaDB by an administrator."""
        user = {"adminSecretId": self.given_admin()} if self.database["engine"] == "mariadb" else {}
        if not user:
            may_keep_two(self.database, self.user(name))
        rotation = {"strategy": "DualPassword", "gracePeriod": grace}
        self.cluster.given_resource(a_resource(self.cluster.namespace, name, self.front, self.user(name), user=user, rotation=rotation))

    def given_admin(self) -> str:
        """An administrator of this lane's own; the id of its AWS secret."""
        name, password = f"admin_{secrets.token_hex(4)}", f"admin-{secrets.token_hex(8)}-A1"
        new_master(self.database, name, password)
        value = {"engine": self.database["engine"], "host": "localhost", "port": self.relay.port, "username": name, "password": password}
        self.eye.secretsmanager().create_secret(Name=self.secret(name), SecretString=json.dumps(value))
        return self.secret(name)


@contextlib.contextmanager
def lane(bed: Bed, namespace: str, database: Facts, *, gated: bool = False, **settings: str) -> Generator[Lane]:
    """A running operator for one namespace, ended at the end.

    gated: with a trap for its writes to the API server, whose door costs a handshake a request.
    settings: other than the walk's own, by variable.
    """
    api = Api(admin_kubeconfig(bed))
    install(api)
    aws = Aws(bed.facts()["aws"])
    release = f"walk-{secrets.token_hex(4)}"
    with Relay(int(str(database["port"]))) as relay, contextlib.ExitStack() as doors:
        kubeconfig = identity(bed, release, (namespace,))
        traps: list[Trap] = [AwsTrap(aws.control), SqlTrap(relay)]
        if gated:
            gate = doors.enter_context(Gate(bed))
            kubeconfig = gate.kubeconfig(kubeconfig, bed.folder / "kubeconfigs" / f"{release}.gated.kubeconfig")
            traps.append(ApiTrap(gate))
        operator = Operator(
            bed,
            aws,
            (namespace,),
            release=release,
            environment={**_SETTINGS, **settings},
            kubeconfig=kubeconfig,
        )
        one = Lane(bed, Cluster(api, namespace), database, operator, Aws(bed.facts()["aws"]), relay, {trap.kind: trap for trap in traps})
        operator.start()
        try:
            yield one
        finally:
            for trap in traps:
                trap.clear()
            operator.kill()
