"""A cell's resource, as a person would write it."""

from dataclasses import dataclass

from bench.ways.plan import Cell
from rotated_rds.model.database import Engine
from rotated_rds.model.spec import Method, Strategy
from tests.bed.bed import Facts
from tests.support.resources import Json, a_resource
from tests.support.stage import a_follower

NAME = "orders"
NO_GRACE = "0s"
"""rotation.gracePeriod: the rotations follow one another as fast as the Pods are replaced."""
READY_TIMEOUT = "10s"
"""restarts.readyTimeout, the shortest there is: so long a halt takes."""


@dataclass(frozen=True)
class Names:
    """What the cell's resource names in the database and in AWS. secret: External's; admin: an administrator's."""

    user: str
    function: str
    admin: str
    secret: str
    instance: str

    @classmethod
    def of(cls, cell: Cell, function_arn: str) -> "Names":
        """function_arn: of a function with that name."""
        user = "_".join(("w", cell.method[:2], cell.strategy[:1], cell.engine)).lower()
        return cls(user, function_arn, f"{cell.name}/admin", f"{cell.name}/theirs", f"ways{cell.engine}")


def needs_admin(cell: Cell) -> bool:
    return cell.strategy is Strategy.ALTERNATING_USERS or (cell.strategy is Strategy.DUAL_PASSWORD and cell.engine is Engine.MARIADB)


def resource(cell: Cell, database: Facts, names: Names) -> Json:
    """Valid in everything but what the cell itself may not be."""
    strategy = {} if cell.strategy is Strategy.SINGLE_USER else {"strategy": cell.strategy.value}
    restarts = {"readyTimeout": READY_TIMEOUT} if cell.strategy.keeps_the_old else {}
    if cell.method is Method.EXTERNAL:
        whole = a_follower(cell.name, NAME, database, names.secret)
        whole["spec"]["rotation"] |= strategy
        return whole
    grace = {"gracePeriod": NO_GRACE} if cell.promised else {}
    spec: Json = {"rotation": {**strategy, **grace, **_method(cell, names)}, "restarts": restarts}
    if cell.method is Method.RDS_MANAGED:
        spec |= {"user": None, "database": {"host": None, "engine": None, "port": None, "instance": names.instance}}
    elif needs_admin(cell):
        spec["user"] = {"adminSecretId": names.admin}
    return a_resource(cell.name, NAME, database, names.user, **spec)


def _method(cell: Cell, names: Names) -> Json:
    match cell.method:
        case Method.LAMBDA:
            return {"method": "Lambda", "functionArn": names.function}
        case Method.HOSTED_LAMBDA:
            return {"method": "HostedLambda", "hostedLambda": {"functionName": cell.name}}
        case Method.RDS_MANAGED:
            return {"method": "RDSManaged", "immediately": None}
        case _:
            return {}
