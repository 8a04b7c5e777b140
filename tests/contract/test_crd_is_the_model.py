"""The CRD and the model tell the same resource: names, types, what is required, words to choose from, defaults, columns."""

import json
import re
from collections.abc import Callable, Generator, Iterable
from datetime import timedelta
from typing import cast

import pytest
from pydantic import BaseModel

from rotated_rds.model.durations import duration_text
from rotated_rds.model.errors import Refused
from rotated_rds.model.resource import GROUP, KIND, PLURAL, REQUESTS, VERSION
from rotated_rds.model.spec import Spec, parse_spec
from rotated_rds.model.status import Status
from rotated_rds.model.template import secret_data
from tests.support import crd
from tests.support.crd import NODES, Node, Schema, nodes

SMALLEST: Schema = {"database": {"instance": "orders"}, "user": {"name": "app"}, "rotation": {"password": {}}}
COLUMNS = [
    ("READY", "string", 0, '.status.conditions[?(@.type=="Ready")].status'),
    ("REASON", "string", 0, '.status.conditions[?(@.type=="Ready")].reason'),
    ("ENGINE", "string", 0, ".status.database.engine"),
    ("USER", "string", 0, ".status.username"),
    ("VERSION", "string", 0, ".status.version"),
    ("ROTATED", "date", 0, ".status.rotation.lastRotated"),
    ("NEXT", "string", 0, ".status.rotation.next"),
    ("AGE", "date", 0, ".metadata.creationTimestamp"),
    ("MESSAGE", "string", 1, '.status.conditions[?(@.type=="Ready")].message'),
]


def in_place(schema: Schema, known: Schema) -> Schema:
    """pydantic's schema as an API server would write it: references followed, `or null` taken away and noted as `nullable`."""
    if "anyOf" in schema:
        options: list[Schema] = [one for one in schema["anyOf"] if one != {"type": "null"}]
        (only,) = options
        return {**in_place(only, known), "nullable": True}
    if "$ref" in schema:
        return in_place(known[schema["$ref"].rpartition("/")[2]], known)
    found = dict(schema)
    if "properties" in found:
        found["properties"] = {name: in_place(child, known) for name, child in found["properties"].items()}
    for inner in ("items", "additionalProperties"):
        if isinstance(found.get(inner), dict):
            found[inner] = in_place(found[inner], known)
    return found


def of_model(model: type[BaseModel], root: str) -> dict[str, Schema]:
    """path → schema of everything that a model reads (spec) or writes (status)."""
    whole = model.model_json_schema(by_alias=True, mode="serialization" if model is Status else "validation")
    return by_path(nodes({"properties": {root: in_place(whole, whole["$defs"])}}))


def by_path(found: Iterable[Node]) -> dict[str, Schema]:
    return {node.path: node.schema for node in found}


def told(root: str) -> dict[str, Schema]:
    return by_path(node for node in NODES if re.match(rf"{root}\b", node.path))


CRD_SPEC, CRD_STATUS = told("spec"), told("status")
SPEC, STATUS = of_model(Spec, "spec"), of_model(Status, "status")
BOTH = [*((path, CRD_SPEC, SPEC) for path in CRD_SPEC), *((path, CRD_STATUS, STATUS) for path in CRD_STATUS)]


def each(schema: dict[str, Schema], wanted: Callable[[Schema], object]) -> list[str]:
    return [path for path, one in schema.items() if wanted(one)]


def with_value(body: Schema, path: str, value: object) -> Schema:
    """The body with one field set. path: from `spec`, without it."""
    first, _, rest = path.partition(".")
    return {**body, first: with_value(body.get(first, {}), rest, value) if rest else value}


def test_the_model_reads_every_field_of_the_spec_and_no_other() -> None:
    assert set(SPEC) == set(CRD_SPEC)


def test_the_model_writes_every_field_of_the_status_and_no_other() -> None:
    assert set(STATUS) == set(CRD_STATUS)


@pytest.mark.parametrize(("path", "schema", "model"), BOTH, ids=[path for path, _, _ in BOTH])
def test_a_field_has_one_type(path: str, schema: dict[str, Schema], model: dict[str, Schema]) -> None:
    assert model[path]["type"] == schema[path]["type"]


def test_the_spec_requires_what_the_model_requires() -> None:
    required = {path: sorted(one.get("required", [])) for path, one in CRD_SPEC.items() if one["type"] == "object"}
    assert required == {path: sorted(one.get("required", [])) for path, one in SPEC.items() if one["type"] == "object"}


@pytest.mark.parametrize("path", each(CRD_STATUS, lambda one: one.get("required")))
def test_what_the_status_requires_is_always_written(path: str) -> None:
    written = {name for name, one in STATUS[path]["properties"].items() if not one.get("nullable")}
    assert set(CRD_STATUS[path]["required"]) <= written


@pytest.mark.parametrize("path", [path for path in CRD_SPEC if path != "spec.target.keys[]"])
def test_a_field_of_the_spec_offers_the_model_s_words(path: str) -> None:
    assert CRD_SPEC[path].get("enum") == SPEC[path].get("enum")


def test_the_keys_of_the_target_are_those_that_can_be_written() -> None:
    with pytest.raises(Refused) as refused:
        secret_data(["none-such"], {}, {})
    assert refused.value.message.partition("is none of ")[2].split() == CRD_SPEC["spec.target.keys[]"]["enum"]


@pytest.mark.parametrize("path", each(STATUS, lambda one: one.get("enum")))
def test_a_field_of_the_status_tells_the_model_s_words(path: str) -> None:
    around = CRD_STATUS[path.partition("[")[0]]["description"]
    said = set(re.findall(r"\w+", f"{CRD_STATUS[path]['description']} {around}"))
    assert [word for word in STATUS[path]["enum"] if word not in said] == []
    assert CRD_STATUS[path].get("enum") in (None, STATUS[path]["enum"])


@pytest.mark.parametrize("path", each(CRD_SPEC, lambda one: "default" in one))
def test_a_default_that_the_schema_fills_in_is_the_model_s(path: str) -> None:
    filled = with_value(SMALLEST, path.removeprefix("spec."), CRD_SPEC[path]["default"])
    assert parse_spec(filled) == parse_spec(SMALLEST)


def operator_defaults() -> dict[str, str]:
    """Where the operator decides what an absent field means: path → the default, as a person writes it."""
    found = {f"spec.{path}": value for path, value in leaves(parse_spec(SMALLEST).model_dump(by_alias=True)) if not reached(SMALLEST, path)}
    return {path: written(value) for path, value in found.items() if value is not None and "default" not in CRD_SPEC[path]}


def leaves(body: Schema, path: str = "") -> Generator[tuple[str, object]]:
    for name, value in body.items():
        if isinstance(value, dict):
            yield from leaves(cast("Schema", value), f"{path}{name}.")
        elif not isinstance(value, tuple):
            yield f"{path}{name}", value


def reached(body: object, path: str) -> bool:
    first, _, rest = path.partition(".")
    return isinstance(body, dict) and first in body and (not rest or reached(cast("Schema", body)[first], rest))


def written(value: object) -> str:
    return duration_text(value) if isinstance(value, timedelta) else value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize(("path", "default"), operator_defaults().items(), ids=list(operator_defaults()))
def test_a_default_of_the_operator_is_told(path: str, default: str) -> None:
    assert re.search(rf"(perator's default {re.escape(default)}|\b{re.escape(default)} when absent)\b", CRD_SPEC[path]["description"])


def test_the_schema_s_status_of_what_nobody_looked_at_is_the_model_s() -> None:
    default = CRD_STATUS["status"]["default"]
    assert Status.model_validate(default) == Status()
    assert default == {"observedGeneration": Status().observed_generation}


def test_the_requests_are_the_model_s() -> None:
    told_of = CRD_STATUS["status.requests"]["description"].partition(": ")[2].rstrip(".").split(", ")
    assert sorted(told_of) == sorted(REQUESTS)


def test_the_names_are_the_model_s() -> None:
    names = crd.CRD["names"]
    assert (crd.CRD["group"], names["kind"], names["plural"], crd.VERSION["name"]) == (GROUP, KIND, PLURAL, VERSION)
    assert (names["shortNames"], names["categories"], crd.CRD["scope"]) == (["rrs"], ["rotated-rds"], "Namespaced")


def test_the_printer_columns_are_the_contract_s() -> None:
    columns = crd.VERSION["additionalPrinterColumns"]
    assert [(one["name"], one["type"], one.get("priority", 0), one["jsonPath"]) for one in columns] == COLUMNS


@pytest.mark.parametrize("path", [path for _, _, _, path in COLUMNS if path.startswith(".status")])
def test_a_printer_column_shows_what_the_model_writes(path: str) -> None:
    assert re.sub(r"\[\?\(.*?\)\]", "[]", path).removeprefix(".") in STATUS
