"""Argo Rollouts, followed for as long as the API server serves them: their CRD comes and goes, and kopf ends with it."""

import logging
import threading
from collections.abc import Callable

from rotated_rds.clients.apiserver import ApiServer, Gone
from rotated_rds.model.argo import GROUP, PLURAL, VERSION
from rotated_rds.model.document import Json, entries
from rotated_rds.model.errors import Problem, Refused

log = logging.getLogger(__name__)
EVERY = 60.0
"""Seconds between two looks for the CRD, and after a refusal."""

SILENCE = 90.0
"""Seconds without a word after which a watch is begun anew: the API server sends a bookmark each minute."""

_PAUSE = 1.0  # seconds, after a watch that has ended
_GROUP = f"/apis/{GROUP}/{VERSION}"


def serves_rollouts(api: ApiServer) -> bool:
    """Whether there are Rollouts here. Raises Unavailable. Who may not ask for the kinds is told by the watch."""
    try:
        return any(one["name"] == PLURAL for one in entries(api.get(_GROUP), "resources"))
    except Refused:
        return True


def follow_rollouts(api: ApiServer, namespace: str | None, tell: Callable[[Json], None], stopped: threading.Event) -> None:
    """Tell of every Rollout that is there, changes or goes; returns when they are served no more, or it is stopped.

    namespace: None for all. The first request without a version tells of all that are there: no list of our own.
    """
    path = f"{_GROUP}/namespaces/{namespace}/{PLURAL}" if namespace else f"{_GROUP}/{PLURAL}"
    since: str | None = None
    while not stopped.is_set():
        try:
            since = _until_it_ends(api, path, since, tell)
        except Gone:
            return
        except Problem as problem:
            log.warning("Argo Rollouts are not followed: %s", problem.message)
            since = None
            stopped.wait(EVERY if isinstance(problem, Refused) else _PAUSE)
        else:
            stopped.wait(_PAUSE)


def _until_it_ends(api: ApiServer, path: str, since: str | None, tell: Callable[[Json], None]) -> str | None:
    """The version to go on from; None where the server no longer knows it."""
    query = {"resourceVersion": since} if since else {}
    for event, body in api.follow(path, SILENCE, allowWatchBookmarks="true", **query):
        if event == "ERROR":
            return None
        since = body["metadata"]["resourceVersion"]
        if event != "BOOKMARK":
            tell(body)
    return since
