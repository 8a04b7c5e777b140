"""What a person does for each method: before there is a resource, and to have it rotate."""

import json
import secrets

from bench.ways.ground import Ground
from bench.ways.plan import Cell
from bench.ways.shop import PATIENCE, Shop
from bench.ways.specs import NAME, Names, needs_admin
from rotated_rds.model.database import Engine
from rotated_rds.model.spec import Method, Strategy
from tests.bed.bed import Facts
from tests.bed.processes import BedError
from tests.support.alternating import admin_value
from tests.support.databases import new_user, set_password
from tests.support.dual import may_keep_two
from tests.support.masters import Managed

_FIRST = "first-Passw0rd"


def prepare(ground: Ground, shop: Shop, cell: Cell, names: Names) -> None:
    """The user, and what of AWS the method needs."""
    database = ground.bed.facts()[cell.engine]
    match cell.method:
        case Method.RDS_MANAGED:
            Managed(ground.aws, database, name=names.instance).given().turned_on()
        case Method.EXTERNAL:
            new_user(database, names.user, _FIRST)
            ground.aws.secretsmanager().create_secret(Name=names.secret, SecretString=_value(database, names.user, _FIRST))
        case _:
            shop.cluster.given_user(database, names.user, _FIRST, NAME)
            _privilege(ground, cell, database, names)


def _privilege(ground: Ground, cell: Cell, database: Facts, names: Names) -> None:
    if needs_admin(cell):
        ground.aws.secretsmanager().create_secret(Name=names.admin, SecretString=admin_value(database))
    elif cell.strategy is Strategy.DUAL_PASSWORD and cell.engine is Engine.MYSQL:
        may_keep_two(database, names.user)
    if cell.method is Method.LAMBDA:
        ground.aws.control.function(names.function, "ours", pause=0, environment={"ROTATED_RDS_CA_FILE": str(database["ca"])})


def _value(database: Facts, user: str, password: str) -> str:
    place = {"engine": database["engine"], "host": "localhost", "port": database["port"], "dbname": "app"}
    return json.dumps({**place, "username": user, "password": password})


def rotate(ground: Ground, shop: Shop, cell: Cell, names: Names) -> None:
    """Ask for a new password; External: make one by hand, in the database and in AWS. Returns at once."""
    if cell.method is not Method.EXTERNAL:
        shop.cluster.annotate(NAME, rotate=secrets.token_hex(6))
        return
    database, password = ground.bed.facts()[cell.engine], f"by-hand-{secrets.token_hex(8)}-A1"
    set_password(database, names.user, password)
    ground.aws.secretsmanager().put_secret_value(SecretId=names.secret, SecretString=_value(database, names.user, password))


def expect_done(shop: Shop, cell: Cell) -> None:
    """The newest request was carried out. BedError, in the operator's own words, when it was not."""
    if cell.method is Method.EXTERNAL:
        return
    asked = shop.cluster.resource(NAME)["metadata"]["annotations"]["rotated-rds.io/rotate"]
    answer = shop.cluster.expect_request(NAME, "rotate", asked, seconds=PATIENCE)
    if answer["result"] != "Done":
        raise BedError(f"rotate: {answer['result']}: {answer.get('message', '')}")
