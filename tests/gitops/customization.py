"""What stands beside the Lua and is made from it and from the operator's own bodies: Argo CD's test data, and the argocd-cm patch."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.gitops.bodies import READY, Case, Json, body, cases
from tests.gitops.verdicts import CUSTOMIZATION, HEALTH, Health

ACTIONS = ("rotate", "sync", "suspend", "resume")
PATCH = CUSTOMIZATION.parents[2] / "argocd-cm-patch.yaml"
_KEY = "rotated-rds.io_RotatedRDSSecret"
_HOW = """\
# Made by `python -m tests.gitops --write` from the Lua beside it. It adds two keys to argocd-cm and leaves the others alone:
# kubectl apply --server-side --field-manager=rotated-rds -f examples/gitops/argocd/argocd-cm-patch.yaml
"""
WHEN = "argocd 2026-11-25T12:00:00Z"


@dataclass(frozen=True)
class Sample:
    """One file of test data. says: the condition whose message Argo CD is to show, after its reason where it is not well; or the words."""

    file: str
    reason: str
    state: str
    status: str
    says: str

    def of(self, every: Sequence[Case]) -> Json:
        return next(dict(case.bodies[0]) for case in every if (case.reason, case.state) == (self.reason, self.state))

    def health(self, resource: Json) -> Health:
        told = next((one for one in resource["status"].get("conditions", []) if one["type"] == self.says), None)
        if told is None:
            return Health(self.status, self.says)
        well = self.status in ("Healthy", "Suspended")
        return Health(self.status, told["message"] if well else f"{told['reason']}: {told['message']}")


_UNSEEN = "applied, nobody has looked (the operator is down)"
SAMPLES = (
    Sample("healthy", "Succeeded", "any condition True", "Healthy", "Ready"),
    Sample("healthy_heldBack", "HeldBack", "RotationReady True", "Healthy", "Ready"),
    Sample("progressing_notSeen", "", _UNSEEN, "Progressing", "The operator has not looked at this resource yet"),
    Sample("progressing_changed", "", "changed, nobody has looked", "Progressing", "The operator has not looked at this generation yet"),
    Sample("progressing_rolling", "Rolling", "WorkloadsCurrent False", "Progressing", "Ready"),
    Sample("degraded_loginFailed", "LoginFailed", "CredentialVerified False", "Degraded", "Stalled"),
    Sample("degraded_accessDenied", "AccessDenied", "any condition False, for 11 minutes", "Degraded", "Stalled"),
    Sample("suspended", "", "suspended when all was well", "Suspended", "Suspended"),
)


def files() -> Mapping[Path, str]:
    """All of them, by path."""
    return dict([*_health(), *_actions(), (PATCH, _patch())])


def write() -> None:
    for path, text in files().items():
        path.write_text(text)


def _health() -> Iterator[tuple[Path, str]]:
    every, tests = list(cases()), list[Json]()
    for sample in SAMPLES:
        resource, name = sample.of(every), f"testdata/{sample.file}.yaml"
        health = sample.health(resource)
        tests.append({"healthStatus": {"status": health.status, "message": health.message}, "inputPath": name})
        yield CUSTOMIZATION / name, _yaml(resource)
    yield CUSTOMIZATION / "health_test.yaml", _yaml({"tests": tests})


def _actions() -> Iterator[tuple[Path, str]]:
    ready = body(READY.body())
    suspended = _with_spec(ready, suspend=True)
    inputs = {"ready": ready, "suspended": suspended}
    outputs = {
        "rotate": ("ready", _annotated(ready, "rotate")),
        "sync": ("ready", _annotated(ready, "sync")),
        "suspend": ("ready", suspended),
        "resume": ("suspended", ready),
    }
    each = [
        {"action": action, "inputPath": f"testdata/{given}.yaml", "expectedOutputPath": f"testdata/{action}.yaml"}
        for action, (given, _) in outputs.items()
    ]
    offered = [{"inputPath": f"testdata/{name}.yaml", "result": _offered(suspended=name == "suspended")} for name in inputs]
    yield CUSTOMIZATION / "actions/action_test.yaml", _yaml({"actionTests": each, "discoveryTests": offered})
    for name, resource in (inputs | {action: after for action, (_, after) in outputs.items()}).items():
        yield CUSTOMIZATION / f"actions/testdata/{name}.yaml", _yaml(resource)


def _offered(*, suspended: bool) -> list[Json]:
    """While suspended only `resume` does something."""
    return [{"name": action, "disabled": suspended != (action == "resume")} for action in ACTIONS]


def _with_spec(resource: Json, **spec: Any) -> Json:
    return {**resource, "spec": {**resource["spec"], **spec}}


def _annotated(resource: Json, request: str) -> Json:
    return {**resource, "metadata": {**resource["metadata"], "annotations": {f"rotated-rds.io/{request}": WHEN}}}


def _patch() -> str:
    actions = {
        "discovery.lua": (CUSTOMIZATION / "actions/discovery.lua").read_text(),
        "definitions": [{"name": action, "action.lua": (CUSTOMIZATION / f"actions/{action}/action.lua").read_text()} for action in ACTIONS],
    }
    data = {f"resource.customizations.health.{_KEY}": HEALTH.read_text(), f"resource.customizations.actions.{_KEY}": _yaml(actions)}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm", "namespace": "argocd"}, "data": data}
    return f"{_HOW}{_yaml(config)}"


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)  # pyright: ignore[reportUnknownMemberType]  untyped there


_Dumper.add_representer(str, _text)


def _yaml(document: Json) -> str:
    """Without anchors: each part stands where it is."""
    return yaml.dump(json.loads(json.dumps(document)), Dumper=_Dumper, sort_keys=False, width=140)
