"""kopf decorators: each body says "look at this resource", none decides."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import kopf

from rotated_rds.clients import argo
from rotated_rds.clients.argo import EVERY
from rotated_rds.clients.kubernetes import SECRETS, Kubernetes
from rotated_rds.engine import Engine
from rotated_rds.model.document import Json
from rotated_rds.model.resource import GROUP, MANAGER, PLURAL, VERSION, Key
from rotated_rds.neighbours import dependents_of, resource_of_secret

LABEL = "app.kubernetes.io/managed-by"


def key_of(body: kopf.Body) -> Key:
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


def register(
    registry: kopf.OperatorRegistry,
    engine: Engine,
    kubernetes: Kubernetes,
    note: Callable[[Key, Json], None],
    farewell: Callable[[Json], None],
) -> None:
    """Attach the handlers to a registry. They cannot fail, and they return None (a value would be patched into status).

    note, farewell: told of each resource that is seen, and of each that is gone.
    """

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def resource_changed(type: str | None, body: kopf.Body, **_: object) -> None:  # noqa: A002  kopf's own argument
        """Tell the engine that a resource was seen, or is gone."""
        if type == "DELETED":
            engine.drop(key_of(body))
            engine.pool.submit(farewell, dict(body))
        else:
            note(key_of(body), dict(body))
            engine.poke(key_of(body), dict(body))

    @kopf.on.event("", "v1", "secrets", labels={LABEL: MANAGER}, registry=registry)
    async def secret_changed(type: str | None, body: kopf.Body, **_: object) -> None:  # noqa: A002  kopf's own argument
        """A Secret of ours was changed or deleted by somebody else."""
        secret, gone = dict(body), type == "DELETED"
        if gone:
            kubernetes.secrets_written.drop(secret)
        if (key := resource_of_secret(secret)) is not None:
            engine.poke(key, unless=None if gone else lambda: kubernetes.secrets_written.told(secret))

    for plural in ("deployments", "statefulsets", "daemonsets"):

        @kopf.on.event("apps", "v1", plural, registry=registry)
        async def workload_changed(body: kopf.Body, **_: object) -> None:
            workload_moved(engine, kubernetes, dict(body))

        del workload_changed
    del resource_changed, secret_changed


def workload_moved(engine: Engine, kubernetes: Kubernetes, body: Json) -> None:
    """A workload that may depend on some of our Secrets is other than it was."""
    namespace = body["metadata"]["namespace"]
    kubernetes.workloads_moved(namespace)
    for key in dependents_of(body, engine.ties_in(namespace)):
        engine.poke(key)


async def follow_rollouts(engine: Engine, kubernetes: Kubernetes, namespaces: Sequence[str], every: float = EVERY) -> None:
    """Argo Rollouts, for as long as the API server serves them. kopf looks for a kind once, and ends the operator when it goes.

    every: seconds between two looks while there are none.
    """
    loop, stopped = asyncio.get_running_loop(), threading.Event()
    places = namespaces or (None,)
    threads = ThreadPoolExecutor(len(places), "rollouts")

    def tell(body: Json) -> None:
        loop.call_soon_threadsafe(workload_moved, engine, kubernetes, body)

    try:
        while True:
            if await loop.run_in_executor(threads, kubernetes.look_for_rollouts):
                each = (loop.run_in_executor(threads, argo.follow_rollouts, kubernetes, place, tell, stopped) for place in places)
                await asyncio.gather(*each)
            else:
                await asyncio.sleep(every)
    finally:
        stopped.set()


def configure(settings: kopf.OperatorSettings) -> None:
    """KOPF.md's findings: a chunked list, short-lived workers, a finalizer name that nobody uses, endless retries."""
    settings.posting.enabled = False
    settings.persistence.finalizer = f"{GROUP}/kopf"
    settings.scanning.disabled = True
    settings.queueing.idle_timeout = 0.2
    settings.watching.chunk_size = 500
    # On the server: what is not ours must not even travel here.
    settings.watching.label_selectors["v1", "secrets"] = SECRETS
    settings.networking.error_backoffs = Backoffs()


class Backoffs:
    """Endless short pauses; kopf iterates anew for each outage, so it must not be a generator."""

    def __iter__(self) -> "Backoffs._Pauses":
        return self._Pauses()

    class _Pauses:
        def __init__(self) -> None:
            self._next = 0.2

        def __iter__(self) -> "Backoffs._Pauses":
            return self

        def __next__(self) -> float:
            pause, self._next = self._next, min(1.0, self._next * 2)
            return pause
