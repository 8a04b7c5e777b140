"""What is remembered of the API server, and what makes it forgotten."""

from rotated_rds.clients.memory import AGE, Echoes, Lists
from rotated_rds.model.document import Json


class Counted:
    """A list that says how often it was fetched."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> list[Json]:
        self.times += 1
        return [{"fetch": self.times}]


def secret(version: int, name: str = "db") -> Json:
    return {"metadata": {"namespace": "shop", "name": name, "resourceVersion": str(version)}}


def test_a_list_is_fetched_once_until_something_moves() -> None:
    lists, fetch = Lists(), Counted()
    assert lists.get("shop", fetch) == lists.get("shop", fetch) == [{"fetch": 1}]
    lists.moved("shop")
    assert lists.get("shop", fetch) == [{"fetch": 2}]


def test_what_moves_elsewhere_spoils_nothing() -> None:
    lists, fetch = Lists(), Counted()
    lists.get("shop", fetch)
    lists.moved("bank")
    assert lists.get("shop", fetch) == [{"fetch": 1}]


def test_a_list_that_began_before_an_event_is_not_kept() -> None:
    lists, fetch = Lists(), Counted()

    def overtaken() -> list[Json]:
        lists.moved("shop")
        return fetch()

    assert lists.get("shop", overtaken) == [{"fetch": 1}]
    assert lists.get("shop", fetch) == [{"fetch": 2}]


def test_a_list_is_believed_for_ten_seconds_at_most() -> None:
    now = [0.0]
    lists, fetch = Lists(lambda: now[0]), Counted()
    lists.get("shop", fetch)
    now[0] = AGE - 0.1
    assert lists.get("shop", fetch) == [{"fetch": 1}]
    now[0] = AGE
    assert lists.get("shop", fetch) == [{"fetch": 2}]


def test_the_watchs_word_of_our_own_write_is_no_news() -> None:
    echoes = Echoes()
    for version in (7, 8, 9):  # a first write is a POST, an apply, and a word on who owns the fields
        echoes.note(secret(version))
    assert all(echoes.told(secret(version)) for version in (7, 8, 9))


def test_somebody_elses_write_is_news() -> None:
    echoes = Echoes()
    echoes.note(secret(7))
    assert not echoes.told(secret(8))
    assert not echoes.told(secret(7, "other"))


def test_only_the_last_three_writes_are_remembered() -> None:
    echoes = Echoes()
    for version in (7, 8, 9, 10):
        echoes.note(secret(version))
    assert not echoes.told(secret(7))


def test_a_deleted_secret_is_forgotten() -> None:
    echoes = Echoes()
    echoes.note(secret(7))
    echoes.drop(secret(9))
    assert not echoes.told(secret(7))
