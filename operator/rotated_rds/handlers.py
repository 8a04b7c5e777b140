"""kopf decorators: each body says "look at this resource", none decides."""

import kopf

from rotated_rds.clients.kubernetes import SECRETS, Kubernetes
from rotated_rds.engine import Engine
from rotated_rds.model.resource import GROUP, MANAGER, PLURAL, VERSION, Key
from rotated_rds.neighbours import dependents_of, resource_of_secret

LABEL = "app.kubernetes.io/managed-by"


def key_of(body: kopf.Body) -> Key:
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


def register(registry: kopf.OperatorRegistry, engine: Engine, kubernetes: Kubernetes) -> None:
    """Attach the handlers to a registry. They cannot fail, and they return None (a value would be patched into status)."""

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def resource_changed(type: str | None, body: kopf.Body, **_: object) -> None:  # noqa: A002  kopf's own argument
        """Tell the engine that a resource was seen, or is gone."""
        if type == "DELETED":
            engine.drop(key_of(body))
        else:
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
            """A workload that depends on some of our Secrets moved."""
            namespace = body["metadata"]["namespace"]
            kubernetes.workloads_moved(namespace)
            for key in dependents_of(dict(body), engine.ties_in(namespace)):
                engine.poke(key)

        del workload_changed
    del resource_changed, secret_changed


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
