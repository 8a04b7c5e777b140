"""The resource's schema as text: what every field tells, what may not stand in it, and that tables and page keep up with it."""

import json
import re
from collections.abc import Generator
from functools import cache
from typing import Any, cast

import pytest
import yaml

from rotated_rds.model.errors import Reason
from tests.bed.paths import REPO
from tests.support.crd import FIELDS, FILE, NODES, OURS, ROOT, Node, Schema

CASES = REPO / "tests" / "integration" / "crd"
PAGE = (REPO / "docs" / "reference.md").read_text()
_SENTENCE = re.compile(r"[.?](?=\s[A-Z]|$)")
_LITERAL = re.compile(r"'([^']*)'")


RULES = [rule for schema in (ROOT, *(node.schema for node in NODES)) for rule in schema.get("x-kubernetes-validations", [])]


def says(rule: Schema) -> str:
    """A rule's message, or the words that open its computed one."""
    computed = _LITERAL.match(rule.get("messageExpression", ""))
    return computed[1] if computed else rule["message"]


def cases(name: str) -> Any:
    return yaml.safe_load((CASES / f"{name}.yaml").read_text())


@cache
def told() -> list[str]:
    """How the refusals begin that tests/integration/test_crd.py sees the API server give."""
    bodies = [*cases("refused"), *cases("updates")]
    found = [case["says"] for case in bodies if "says" in case] + [group["says"] for group in cases("schedules")["refused"]]
    return [*found, "metadata.name: at most 63 characters"]


def paths_in(value: object, path: str) -> Generator[str]:
    """The paths of a body, spelled as those of the schema: list items without their index."""
    yield path
    if isinstance(value, dict):
        for key, inner in cast("Schema", value).items():
            yield from paths_in(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from paths_in(item, f"{path}[]")


def row(node: Node) -> str:
    """The field's row in docs/reference.md."""
    text = str(node.schema["description"]).replace("<", "&lt;").replace("|", "\\|")
    return f"| `{node.path}` | {kind(node.schema)} | {default(node.schema)} | {text} |"


def kind(schema: Schema) -> str:
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "integer" and "maximum" in schema:
        return f"integer {schema['minimum']} to {schema['maximum']}"
    words = {"object": "map" if "additionalProperties" in schema else "object", "array": "list"}
    most = next((schema[limit] for limit in ("maxLength", "maxItems", "maxProperties") if limit in schema), None)
    return f"{words.get(schema['type'], schema['type'])}{f' ≤ {most}' if most else ''}"


def default(schema: Schema) -> str:
    if "default" not in schema or schema["type"] == "object":
        return ""
    value = schema["default"]
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`` {text.replace('|', chr(92) + '|')} ``" if "`" in text else f"`{text}`"


def test_every_field_is_described_in_one_to_three_sentences() -> None:
    texts = {node.path: str(node.schema.get("description", "")) for node in FIELDS}
    assert [path for path, text in texts.items() if not (text.endswith(".") and len(text) <= 330)] == []
    assert [path for path, text in texts.items() if not 1 <= len(_SENTENCE.findall(text)) <= 3] == []


def test_only_plain_defaults_stand_in_the_schema() -> None:
    assert {node.path: node.schema["default"] for node in NODES if "default" in node.schema} == {
        "spec.database.tls": {},
        "spec.database.tls.mode": "verify-full",
        "spec.database.unreachablePolicy": "Wait",
        "spec.rotation.password.length": 32,
        "spec.rotation.password.exclude": " %+~`#$&*()|[]{}:;<>?!'\"/@\\^,=",
        "spec.rotation.password.requireEachType": True,
        "spec.target": {},
        "spec.target.deletionPolicy": "Delete",
        "spec.restarts": {},
        "spec.restarts.discover": True,
        "spec.restarts.volumes": True,
        "spec.restarts.readyTimeout": "10m",
        "spec.suspend": False,
        "status": {"observedGeneration": -1},
    }


def test_no_default_stands_inside_a_list_item() -> None:
    assert [node.path for node in NODES if node.in_list and "default" in node.schema] == []


def test_a_default_of_the_operator_does_not_stand_in_the_schema() -> None:
    assert [node.path for node in FIELDS if "perator's default" in node.schema["description"] and "default" in node.schema] == []


def test_the_crd_stays_far_below_what_a_client_side_apply_can_carry() -> None:
    assert len(FILE.read_bytes()) < 90 * 1024
    assert len(json.dumps(yaml.safe_load(FILE.read_text()))) < 90 * 1024


def test_every_list_says_how_it_merges() -> None:
    lists = [node for node in NODES if node.schema["type"] == "array"]
    assert lists
    for node in lists:
        assert node.schema["x-kubernetes-list-type"] in {"map", "set", "atomic"}, node.path


def test_every_text_list_and_map_of_the_spec_has_a_limit() -> None:
    limits = {"string": ("maxLength", "enum"), "array": ("maxItems",), "object": ("maxProperties", "properties")}
    spec = [node for node in NODES if node.path.startswith("spec")]
    assert [node.path for node in spec if not {*limits.get(node.schema["type"], node.schema)} & {*node.schema}] == []


def test_a_status_carries_no_enum_but_the_conditions_own_so_that_an_operator_may_be_newer_than_the_crd() -> None:
    assert [node.path for node in NODES if node.path.startswith("status") and "enum" in node.schema] == ["status.conditions[].status"]


@pytest.mark.parametrize("rule", RULES, ids=says)
def test_a_rule_names_a_field_that_exists_and_the_mend(rule: Schema) -> None:
    field, _, mend = rule["message"].partition(": ")
    assert field in {node.path for node in NODES} | {"metadata.name"}
    assert says(rule).startswith(f"{field}: ")
    assert re.search(r"\b(set|write|remove|put it back|choose|keep|rename|give|mend|name|shorten|use|7 to 30 days)\b", mend)


def test_every_rule_has_refused_somebody() -> None:
    assert [says(rule) for rule in RULES if not any(one in says(rule) or one.startswith(says(rule)) for one in told())] == []


def test_every_field_of_the_spec_stands_in_a_body_that_is_taken() -> None:
    taken = {path for case in cases("accepted") for path in paths_in(case["spec"], "spec")}
    assert [node.path for node in OURS if node.path.startswith("spec.") and node.path not in taken] == []


def test_every_field_of_the_status_stands_in_the_full_status() -> None:
    shown = {re.sub(r"^status\.requests\.[a-z-]+", "status.requests.<request>", path) for path in paths_in(cases("status"), "status")}
    assert [node.path for node in OURS if node.path.startswith("status.") and node.path not in shown] == []


def test_the_reference_holds_the_row_of_every_field_and_no_other() -> None:
    rows = {line for line in PAGE.splitlines() if line.startswith(("| `spec.", "| `status."))}
    assert rows == {row(node) for node in OURS}


def test_the_reference_explains_every_reason() -> None:
    explained = {match[1] for match in re.finditer(r"^\| `([A-Za-z]+)` \| [^|]+\. \| [^|]+ \|$", PAGE, re.MULTILINE)}
    assert {str(reason) for reason in Reason} <= explained
