"""One rotation on request, step by step: request → new password → Secret → workload ready, among a thousand others."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.figures import Figure, median
from bench.ground import Ground, Run
from bench.rolled import annotated, complete, is_ready
from bench.watching import SECRETS, Watching, watching
from tests.bed.api import Api
from tests.support.databases import can_log_in
from tests.support.resources import Cluster, a_resource

ROUNDS = 5
REPLICAS = 3
_SPACE, _NAME, _USER = "bench-app", "orders", "bench_app"
_REST = 6.0  # seconds between two requests: more than --min-rotation-interval


@dataclass(frozen=True)
class Round:
    """Seconds from the request."""

    stored: float
    changed: float
    secret: float
    restarted: float
    rolled: float
    ready: float


@dataclass(frozen=True)
class _Watches:
    secrets: Watching
    deployments: Watching
    resources: Watching


def request(ground: Ground) -> list[Figure]:
    """Rolls are kwok's: its Pods are ready a moment after they are made, so that what is measured is the operator."""
    run = ground.running(queued=True)
    cluster = Cluster(ground.api, _SPACE)
    space = f"/apis/rotated-rds.io/v1alpha1/namespaces/{_SPACE}/rotatedrdssecrets"
    _given(ground, cluster)
    with (
        watching(ground.token, SECRETS) as secrets,
        watching(ground.token, f"/apis/apps/v1/namespaces/{_SPACE}/deployments") as deployments,
        watching(ground.token, space) as resources,
    ):
        watches = _Watches(secrets, deployments, resources)
        began = time.monotonic()
        cluster.given_resource(a_resource(_SPACE, _NAME, ground.fleet.database, _USER))
        first = secrets.first("the first Secret", lambda sight: sight.place == (_SPACE, _NAME), after=began).at - began
        cluster.expect_ready(_NAME)
        rounds = [_round(ground, run, cluster, watches, number) for number in range(ROUNDS)]
    return [Figure("new resource → Secret", first, "s"), *_figures(rounds)]


def _given(ground: Ground, cluster: Cluster) -> None:
    if ground.api.get(f"/api/v1/namespaces/{_SPACE}") is None:
        _make_space(ground.api)
        cluster.given_user(ground.fleet.database, _USER, "first-Passw0rd", _NAME)
        cluster.given_deployment(_NAME, _NAME, replicas=REPLICAS)


def _make_space(api: Api) -> None:
    api.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _SPACE}})


def _round(ground: Ground, run: Run, cluster: Cluster, watches: _Watches, number: int) -> Round:
    time.sleep(_REST)
    before = cluster.status(_NAME)["versionId"]
    began, wall = time.monotonic(), time.time()
    cluster.annotate(_NAME, rotate=f"round {number} {wall}")
    secret = watches.secrets.first(
        "the new Secret", lambda one: one.place == (_SPACE, _NAME) and one.version not in (None, before), after=began
    )
    version = secret.version
    restarted = watches.deployments.first("the restart", lambda one: annotated(one.body, _NAME) == version, after=began)
    rolled = watches.deployments.first(
        "the roll-out", lambda one: annotated(one.body, _NAME) == version and complete(one.body), after=began
    )
    ready = watches.resources.first("Ready", lambda one: is_ready(one.body, version), after=began)
    assert can_log_in(ground.fleet.database, _USER, secret.content("password"))
    calls = [call for call in run.aws.control.calls() if call["time"] >= wall]
    stored, changed = (_ended(calls, name) - wall for name in ("PutSecretValue", "UpdateSecretVersionStage"))
    return Round(stored, changed, *(sight.at - began for sight in (secret, restarted, rolled, ready)))


def _ended(calls: Sequence[Mapping[str, Any]], operation: str) -> float:
    first = next(call for call in calls if call["operation"] == operation)
    return float(first["time"] + first["seconds"])


def _figures(rounds: Sequence[Round]) -> list[Figure]:
    names = {
        "stored": "request → new password stored in AWS",
        "changed": "request → works in the database, AWSCURRENT moved",
        "secret": "request → Secret",
        "restarted": "request → Deployment restarted",
        "rolled": f"request → {REPLICAS} Pods rolled",
        "ready": "request → resource Ready",
    }
    return [Figure(title, median([getattr(one, name) for one in rounds]), "s") for name, title in names.items()]
