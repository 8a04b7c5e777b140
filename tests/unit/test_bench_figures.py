"""How the bench judges a figure."""

import pytest

from bench.figures import Figure, quantile, table


@pytest.mark.parametrize(("share", "value"), [(0.5, 100), (0.99, 198), (1.0, 200), (0.0, 1)])
def test_a_quantile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert quantile([float(one) for one in range(200, 0, -1)], share) == value


def test_a_promise_is_kept_up_to_its_limit() -> None:
    assert Figure("p99", 1.0, "s", promise=1).kept
    assert Figure("p99", 1.001, "s", promise=1).kept is False
    assert Figure("p99", 1.0, "s").kept is None


def test_where_more_is_better_the_promise_is_the_least() -> None:
    assert Figure("first sync", 60, "/s", promise=54, more=True).kept
    assert Figure("first sync", 50, "/s", promise=54, more=True).kept is False


def test_a_ratio_above_one_is_better_than_external_secrets() -> None:
    assert Figure("p99", 0.5, "s", eso=59.1).ratio == pytest.approx(118.2)
    assert Figure("first sync", 27, "/s", eso=54, more=True).ratio == pytest.approx(0.5)
    assert Figure("AWS calls", 0, "", eso=1000).ratio is None


def test_a_promise_that_is_not_kept_stands_out_in_the_table() -> None:
    lines = table([Figure("p99", 2, "s", promise=1, eso=59.1), Figure("logins", 0, "", promise=0)])
    assert [line.split("|")[4].strip() for line in lines] == ["kept", "-" * 6, "NO", "yes"]
