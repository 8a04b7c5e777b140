"""What kstatus's own library and Argo CD's Lua make of a resource."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bed import build
from tests.bed.paths import REPO
from tests.bed.processes import BedError
from tests.gitops.bodies import Case

Json = dict[str, Any]
CUSTOMIZATION = REPO / "examples/gitops/argocd/resource_customizations/rotated-rds.io/RotatedRDSSecret"
HEALTH = CUSTOMIZATION / "health.lua"


@dataclass(frozen=True)
class Health:
    """Argo CD's word for it, and its message."""

    status: str
    message: str = ""


def kstatus(bodies: Sequence[Json]) -> list[str]:
    """The status by sigs.k8s.io/cli-utils. BedError where Flux's fork of it says otherwise."""
    answers: list[Json] = json.loads(_run("kstatus", [], bodies))
    if split := [one for one in answers if one["status"] != one["flux"]]:
        raise BedError(f"kstatus and Flux's fork of it disagree: {split}")
    return [str(one["status"]) for one in answers]


def argocd(bodies: Sequence[Json]) -> list[Health]:
    """By health.lua; what is being deleted Argo CD judges itself, before any script (gitops-engine's GetResourceHealth)."""
    deleted = Health("Progressing", "Pending deletion")
    answers = lua(HEALTH, bodies)
    return [deleted if "deletionTimestamp" in one["metadata"] else Health(**answer) for one, answer in zip(bodies, answers, strict=True)]


def lua(script: Path, bodies: Sequence[Json]) -> list[Json]:
    """What the script returns for each, run as Argo CD runs it. BedError with the script's own when it fails."""
    answers: list[Json] = json.loads(_run("argolua", [str(script)], bodies))
    if failed := [one["error"] for one in answers if "error" in one]:
        raise BedError(f"{script.name}: {failed[0]}")
    return [one["returned"] for one in answers]


def argocd_differs(pairs: Sequence[Json]) -> list[Json]:
    """Those of the pairs (config, live and, for its server-side diff, predicted) that Argo CD would call OutOfSync: live and wanted."""
    answers: list[Json] = json.loads(_run("argodiff", [], pairs))
    return [one for one in answers if one["modified"]]


def _run(program: str, words: Sequence[str], bodies: Sequence[Json]) -> str:
    build.ensure([program])
    done = subprocess.run([build.program(program), *words], input=json.dumps(bodies), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BedError(f"{program}: {done.stderr}")
    return done.stdout


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    reason: str
    state: str
    kstatus: str
    argocd: str


def rows(cases: Sequence[Case]) -> list[Row]:
    """BedError where a row's bodies are judged differently."""
    bodies = [body for case in cases for body in case.bodies]
    judged = iter(list(zip(kstatus(bodies), argocd(bodies), strict=True)))
    return [_row(case, [next(judged) for _ in case.bodies]) for case in cases]


def _row(case: Case, verdicts: Sequence[tuple[str, Health]]) -> Row:
    told = {(status, health.status) for status, health in verdicts}
    if len(told) != 1:
        raise BedError(f"{case.reason} ({case.state}) is judged as {sorted(told)}, by where it stands")
    ((status, health),) = told
    return Row(case.reason, case.state, status, health)


def table(cases: Sequence[Case]) -> str:
    """Markdown."""
    lines = [f"| {f'`{row.reason}`' if row.reason else ''} | {row.state} | {row.kstatus} | {row.argocd} |" for row in rows(cases)]
    return "\n".join(["| reason | state | kstatus | Argo CD |", "| --- | --- | --- | --- |", *lines, ""])
