"""The resource's schema as a list of fields, each with its path: for whatever compares the CRD with code or docs."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import yaml

from tests.bed.paths import REPO

Schema = dict[str, Any]
FILE = REPO / "crds" / "rotatedrdssecrets.yaml"
CRD: Schema = yaml.safe_load(FILE.read_text())["spec"]
VERSION: Schema = CRD["versions"][0]
ROOT: Schema = VERSION["schema"]["openAPIV3Schema"]


@dataclass(frozen=True)
class Node:
    """One schema with its path: `spec.secret.tags`, `spec.restarts.workloads[].kind`, `status.requests.<request>.text`."""

    path: str
    schema: Schema
    in_list: bool
    field: bool


def nodes(schema: Schema, path: str = "", *, in_list: bool = False) -> Generator[Node]:
    for name, child in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield Node(here, child, in_list, field=True)
        yield from nodes(child, here, in_list=in_list)
    if "items" in schema:
        yield Node(f"{path}[]", schema["items"], in_list=True, field=False)
        yield from nodes(schema["items"], f"{path}[]", in_list=True)
    if schema.get("additionalProperties"):
        inner = f"{path}.<{path.rpartition('.')[2].removesuffix('s')}>"
        yield Node(inner, schema["additionalProperties"], in_list, field=False)
        yield from nodes(schema["additionalProperties"], inner, in_list=in_list)


NODES = [node for node in nodes(ROOT) if node.path != "metadata"]
FIELDS = [node for node in NODES if node.field]
OURS = [node for node in FIELDS if node.path.startswith(("spec.", "status."))]
