"""What a watch lets us remember of the API server: lists until something moves, and which word of it is only our own, come back."""

import threading
import time
from collections.abc import Callable, Sequence

from rotated_rds.model.document import Json

AGE = 10.0
"""Seconds that a list is believed at the most: as long as a watch that is cut may leave it wrong."""

KEPT = 3
"""Writes remembered of an object: a pass makes no more."""


class Lists:
    """Lists that passes share. Only for who also tells of every event: a list that began before one is not kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Sequence[Json]]] = {}
        self._moves: dict[str, int] = {}

    def get(self, place: str, fetch: Callable[[], Sequence[Json]]) -> Sequence[Json]:
        """The list of a place, fetched if there is none to believe. Raises what `fetch` raises."""
        began = self._clock()
        with self._lock:
            kept = self._kept.get(place)
            moves = self._moves.get(place, 0)
        if kept is not None and began - kept[0] < AGE:
            return kept[1]
        found = fetch()
        with self._lock:
            if self._moves.get(place, 0) == moves:
                self._kept = {one: held for one, held in self._kept.items() if began - held[0] < AGE} | {place: (began, found)}
        return found

    def moved(self, place: str) -> None:
        """Something in it is other than it was."""
        with self._lock:
            self._kept.pop(place, None)
            self._moves[place] = self._moves.get(place, 0) + 1


class Echoes:
    """The last versions of each object that we wrote ourselves: what the watch tells of them is no news."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wrote: dict[tuple[str, str], tuple[str, ...]] = {}

    def note(self, written: Json) -> None:
        with self._lock:
            place, version = _place(written), str(written["metadata"]["resourceVersion"])
            self._wrote[place] = (*self._wrote.get(place, ())[1 - KEPT :], version)

    def told(self, seen: Json) -> bool:
        """Whether a body is as we left it."""
        with self._lock:
            return str(seen["metadata"]["resourceVersion"]) in self._wrote.get(_place(seen), ())

    def drop(self, seen: Json) -> None:
        with self._lock:
            self._wrote.pop(_place(seen), None)


def _place(body: Json) -> tuple[str, str]:
    return body["metadata"]["namespace"], body["metadata"]["name"]
