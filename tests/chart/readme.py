"""The table of values in the chart's README: from the comments in values.yaml and the types in values.schema.json."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import yaml

from tests.support.chart import CHART

BEGIN, END = "<!-- values: begin, made by `make chart` -->", "<!-- values: end -->"
_HEAD = "| value | type | default | meaning |\n| --- | --- | --- | --- |\n"


@dataclass(frozen=True)
class Value:
    """One value that a person may set. path: with dots; meaning: the comment above it."""

    path: str
    default: Any
    meaning: str


def values() -> list[Value]:
    """Every value of values.yaml in its order: what has a comment is one, a map without a comment is a group of them."""
    text = (CHART / "values.yaml").read_text()
    root = yaml.compose(text, yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    return list(_values(root, "", text.splitlines(), cast("dict[str, Any]", yaml.safe_load(text))))


def _values(group: yaml.MappingNode, prefix: str, lines: list[str], defaults: dict[str, Any]) -> Iterator[Value]:
    for key, node in group.value:
        path, default = f"{prefix}{key.value}", defaults[key.value]
        meaning = _comment_above(lines, key.start_mark.line)
        if isinstance(node, yaml.MappingNode) and node.value and not meaning:
            yield from _values(node, f"{path}.", lines, default)
        else:
            yield Value(path, default, meaning)


def _comment_above(lines: list[str], line: int) -> str:
    found: list[str] = []
    while line and lines[line - 1].lstrip().startswith("# "):
        line -= 1
        found.insert(0, lines[line].lstrip().removeprefix("# "))
    return " ".join(found)


def schema() -> dict[str, Any]:
    return json.loads((CHART / "values.schema.json").read_text())


def schema_of(path: str) -> dict[str, Any]:
    """What the schema says of a value. Raises KeyError where it does not know it."""
    root = schema()
    found = root
    for name in path.split("."):
        found = _resolved(root, found)["properties"][name]
    return _resolved(root, found)


def _resolved(root: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    return root["definitions"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node


def _type(path: str) -> str:
    node = schema_of(path)
    types = [str(one["type"]) for one in node.get("oneOf", [node]) if "type" in one]
    return " or ".join({"object": "map", "array": "list", "boolean": "bool", "integer": "int"}.get(one, one) for one in types)


def table() -> str:
    return _HEAD + "".join(_row(one) for one in values())


def _row(one: Value) -> str:
    cells = [f"`{one.path}`", _type(one.path), f"`{json.dumps(one.default, ensure_ascii=False)}`", one.meaning]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def page() -> str:
    """The chart's README as it should stand: its own prose, and the table between the two marks."""
    before, _, rest = (CHART / "README.md").read_text().partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n{END}{rest.partition(END)[2]}"
