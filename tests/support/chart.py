"""The chart, rendered by helm itself."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import yaml

from tests.bed import build
from tests.bed.paths import REPO

CHART = REPO / "helm" / "rotated-rds"
NAME = "rotated-rds"  # the release and its namespace, where nothing else is said


class HelmError(Exception):
    """What helm complains of."""


def helm(*words: str, stdin: str | None = None) -> str:
    """Call helm with its own words; returns what it prints."""
    build.ensure(["helm"])
    done = subprocess.run([build.program("helm"), *words], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HelmError(done.stderr or done.stdout)
    return done.stdout


def template(values: Mapping[str, object], *words: str, release: str = NAME, namespace: str = NAME) -> str:
    """The text of a rendering. words: more of `helm template`'s flags. Raises HelmError."""
    return helm("template", release, str(CHART), "--namespace", namespace, "--values", "-", *words, stdin=json.dumps(dict(values)))


def render(values: Mapping[str, object], *, release: str = NAME, namespace: str = NAME) -> list[dict[str, Any]]:
    """Every object of a rendering, hooks and tests too. Raises HelmError."""
    return list(documents(_rendered(json.dumps(values), release, namespace)))


@cache
def _rendered(values: str, release: str, namespace: str) -> str:
    return template(json.loads(values), release=release, namespace=namespace)


def documents(text: str) -> Iterator[dict[str, Any]]:
    for one in yaml.load_all(text, yaml.CSafeLoader):
        if one:
            yield one


def of_kind(objects: Sequence[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [one for one in objects if one["kind"] in kinds]


def one_of(objects: Sequence[dict[str, Any]], kind: str, name: str = NAME) -> dict[str, Any]:
    """The one object of that kind and name."""
    (found,) = [one for one in of_kind(objects, kind) if one["metadata"]["name"] == name]
    return found
