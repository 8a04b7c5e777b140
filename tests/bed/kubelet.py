"""A kubelet's smallest part, simulated: an application process for each running pod, with what its Secrets hold at that moment.

`python -m tests.bed.kubelet BED NAMESPACE SELECTOR` watches until it is ended. A pod whose Secret is missing gets no process;
a process that ends by itself is not started again. A deleted pod is there until its process has ended, as on a real node.
"""

import base64
import http
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

from tests.bed import application
from tests.bed.api import Api, ApiError
from tests.bed.bed import Bed
from tests.bed.kubeconfig import admin_kubeconfig
from tests.bed.paths import REPO
from tests.bed.processes import Recorded, until
from tests.bed.progress import say

Json = dict[str, Any]
NAME = "application-starter"
HELD = "bed/process"
"""The annotation of a pod that has a process: kwok takes the pod away only after it is gone (stages.yaml)."""


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


def let_go(api: Api, namespace: str, selector: str) -> None:
    """Leave the pods to kwok again, once nobody runs their processes any more."""
    for pod in api.call("GET", _path(namespace, selector))["items"]:
        if HELD in pod["metadata"].get("annotations", {}):
            _mark(api, namespace, pod["metadata"]["name"], None)


def _path(namespace: str, selector: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods?labelSelector={quote(selector)}"


def _mark(api: Api, namespace: str, pod: str, text: str | None) -> Json | None:
    """Set the annotation, or take it off; the pod as it is then, None when it is gone."""
    change = {"metadata": {"annotations": {HELD: text}}}
    try:
        return api.call("PATCH", f"/api/v1/namespaces/{namespace}/pods/{pod}", change, content="application/merge-patch+json")
    except ApiError as error:
        if error.code != http.HTTPStatus.NOT_FOUND:
            raise
        return None


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
            found = self.api.call("GET", _path(self.namespace, self.selector))
            names = {pod["metadata"]["name"] for pod in found["items"]}
            self._end(name for name in list(self.running) if name not in names)
            for change in self._changes(found):
                self.see(change)

    def _changes(self, found: Json) -> Iterator[Json]:
        yield from ({"type": "ADDED", "object": pod} for pod in found["items"])
        version = found["metadata"]["resourceVersion"]
        yield from self.api.watch(f"{_path(self.namespace, self.selector)}&resourceVersion={version}")

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
        held = _mark(self.api, self.namespace, name, "runs")
        if held is None or "deletionTimestamp" in held["metadata"]:
            _mark(self.api, self.namespace, name, None)
            return
        self.running[name] = self._fork(name, given)
        say(f"{name}: started, process {self.running[name].pid}")

    def _fork(self, name: str, given: Mapping[str, str]) -> Recorded:
        """A process of ours that has imported the drivers already: that is half a second of CPU time a pod.

        It waits until it is recorded, so that whatever becomes of it is seen as any other process's end.
        """
        place, log = folder(self.bed, self.namespace) / f"{name}.json", self.bed.processes.log(name)
        theirs, ours = os.pipe()
        if (pid := os.fork()) == 0:
            os.close(ours)
            _become(place, log, given, theirs)
        os.close(theirs)
        until(f"{name} is a session of its own", lambda: os.getsid(pid) == pid, every=0.002)
        recorded = self.bed.processes.record(name, pid)
        os.close(ours)
        return recorded

    def _end(self, names: Iterable[str]) -> None:
        for name in names:
            if (one := self.running.pop(name, None)) is not None:
                self.bed.processes.end(one)
                _mark(self.api, self.namespace, name, None)
                say(f"{name}: ended")


def _become(place: Path, log: Path, given: Mapping[str, str], recorded: int) -> NoReturn:
    """In the fork: the application, in a session of its own, with its own environment and log; nothing of the parent's runs on."""
    try:
        os.setsid()
        out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for theirs in (1, 2):
            os.dup2(out, theirs)
        plain = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        os.environ.clear()
        os.environ.update({**plain, **given})
        os.read(recorded, 1)  # until the parent closes its end
        application.main(place)
    except Exception:  # noqa: BLE001  the log is all that is left of it
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main(bed: str, namespace: str, selector: str) -> None:
    one = Bed(bed)
    Kubelet(one, Api(admin_kubeconfig(one)), namespace, selector).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
