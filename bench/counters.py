"""What others counted: the API server its requests, PostgreSQL its logins, the bed's AWS its calls."""

import re
from collections import Counter
from dataclasses import dataclass

from bench.ground import Ground, Run
from tests.support.databases import logged

_SAMPLE = re.compile(r"^apiserver_request_total\{(?P<labels>.*)\} (?P<count>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_KINDS = frozenset({"secrets", "rotatedrdssecrets", "deployments", "statefulsets", "daemonsets", "pods", "configmaps", "events"})
_WRITES = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE"})
_LOGIN = re.compile(r"connection authorized: user=bench\d\d ")


@dataclass(frozen=True)
class Counts:
    """All of it at one moment.

    kubernetes: by verb and kind, watches aside; beside the operator only the garbage collector asks for these kinds, now and then.
    """

    kubernetes: "Counter[tuple[str, str]]"
    aws: "Counter[str]"
    logins: int

    def since(self, before: "Counts") -> "Counts":
        return Counts(self.kubernetes - before.kubernetes, self.aws - before.aws, self.logins - before.logins)

    @property
    def writes(self) -> int:
        """The Lease's renewals are no writes of this count."""
        return sum(times for (verb, _), times in self.kubernetes.items() if verb in _WRITES)

    @property
    def events(self) -> int:
        return self.kubernetes["POST", "events"] + self.kubernetes["PATCH", "events"]

    def told(self) -> str:
        """Each kind of call, for who looks for what costs."""
        kubernetes = ", ".join(f"{verb} {kind} {times}" for (verb, kind), times in self.kubernetes.most_common())
        return f"Kubernetes: {kubernetes or 'none'}; AWS: {dict(self.aws) or 'none'}; logins: {self.logins}"


def counts(ground: Ground, run: Run) -> Counts:
    return Counts(_kubernetes(ground), _aws(run), len(_LOGIN.findall(logged(ground.fleet.database))))


def _kubernetes(ground: Ground) -> "Counter[tuple[str, str]]":
    found: Counter[tuple[str, str]] = Counter()
    for sample in _SAMPLE.finditer(str(ground.api.call("GET", "/metrics"))):
        labels = dict(_LABEL.findall(sample["labels"]))
        if labels["resource"] in _KINDS and labels["verb"] not in ("WATCH", "CONNECT"):
            kind = f"{labels['resource']}/{labels['subresource']}" if labels.get("subresource") else labels["resource"]
            found[labels["verb"], kind] += int(float(sample["count"]))
    return found


def _aws(run: Run) -> "Counter[str]":
    return Counter({operation: sum(codes.values()) for operation, codes in run.aws.control.counts().items()})
