"""A kubelet's smallest part, simulated: an application process for each running pod, with what its Secrets hold at that moment.

`python -m tests.bed.kubelet BED NAMESPACE SELECTOR` watches until it is ended. A pod whose Secret is missing gets no process;
a process that ends by itself is not started again.
"""

import base64
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.bed.api import Api, ApiError
from tests.bed.bed import Bed
from tests.bed.kubeconfig import admin_kubeconfig
from tests.bed.paths import REPO
from tests.bed.processes import Recorded
from tests.bed.progress import say

Json = dict[str, Any]
NAME = "application-starter"


def start(bed: Bed, namespace: str, selector: str) -> Recorded:
    """The watcher as a process of the bed."""
    return bed.processes.start(NAME, [sys.executable, "-m", "tests.bed.kubelet", bed.name, namespace, selector], cwd=REPO)


def folder(bed: Bed, namespace: str) -> Path:
    """Where the processes of a namespace's pods count."""
    place = bed.folder / "application" / namespace
    place.mkdir(parents=True, exist_ok=True)
    return place


def environment(api: Api, pod: Json) -> dict[str, str]:
    """What the first container is given: values, and keys of Secrets as they stand now. ApiError where a Secret is missing."""
    container: Json = pod["spec"]["containers"][0]
    sources: list[Json] = container.get("envFrom", [])
    single: list[Json] = container.get("env", [])
    namespace: str = pod["metadata"]["namespace"]
    given: dict[str, str] = {}
    for source in sources:
        if "secretRef" in source:
            content = _content(api, namespace, source["secretRef"]["name"])
            given |= {source.get("prefix", "") + key: value for key, value in content.items()}
    for one in single:
        reference: Json | None = one.get("valueFrom", {}).get("secretKeyRef")
        given[one["name"]] = _content(api, namespace, reference["name"])[reference["key"]] if reference else one.get("value", "")
    return given


def _content(api: Api, namespace: str, name: str) -> dict[str, str]:
    found = api.call("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
    content: dict[str, str] = found.get("data", {})
    return {key: base64.b64decode(value).decode() for key, value in content.items()}


@dataclass
class Kubelet:
    """Which pod has which process."""

    bed: Bed
    api: Api
    namespace: str
    selector: str
    running: dict[str, Recorded] = field(default_factory=dict[str, Recorded])

    def run(self) -> None:
        """Look, then watch; anew whenever the watch ends."""
        while True:
            found = self.api.call("GET", self._path)
            names = {pod["metadata"]["name"] for pod in found["items"]}
            self._end(name for name in list(self.running) if name not in names)
            for change in self._changes(found):
                self.see(change)

    @property
    def _path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods?labelSelector={quote(self.selector)}"

    def _changes(self, found: Json) -> Iterator[Json]:
        yield from ({"type": "ADDED", "object": pod} for pod in found["items"])
        yield from self.api.watch(f"{self._path}&resourceVersion={found['metadata']['resourceVersion']}")

    def see(self, change: Json) -> None:
        """One change of a pod: its process is there exactly while it runs."""
        if change["type"] == "ERROR":
            return
        pod: Json = change["object"]
        name: str = pod["metadata"]["name"]
        if change["type"] == "DELETED" or "deletionTimestamp" in pod["metadata"]:
            self._end([name])
        elif pod.get("status", {}).get("phase") == "Running" and name not in self.running:
            self._start(name, pod)

    def _start(self, name: str, pod: Json) -> None:
        try:
            given = environment(self.api, pod)
        except (ApiError, KeyError) as missing:
            say(f"{name}: no process, its environment is not there: {missing}")
            return
        words = [sys.executable, "-m", "tests.bed.application", folder(self.bed, self.namespace) / f"{name}.json"]
        plain = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        self.running[name] = self.bed.processes.start(name, words, env={**plain, **given}, cwd=REPO)
        say(f"{name}: started, process {self.running[name].pid}")

    def _end(self, names: Iterable[str]) -> None:
        for name in names:
            if (one := self.running.pop(name, None)) is not None:
                self.bed.processes.end(one)
                say(f"{name}: ended")


def main(bed: str, namespace: str, selector: str) -> None:
    one = Bed(bed)
    Kubelet(one, Api(admin_kubeconfig(one)), namespace, selector).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
