"""Go durations are read as Go reads them, and errors name the field."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotated_rds.model.durations import duration_text, parse_duration
from rotated_rds.model.errors import Reason, Refused


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("90s", 90, id="seconds may pass a minute"),
        pytest.param("1h30m", 5400, id="units add up"),
        pytest.param("1.5h", 5400, id="fractions are Go's"),
        pytest.param("300ms", 0.3, id="ms is not minutes and seconds"),
        pytest.param("0s", 0, id="zero is a duration"),
    ],
)
def test_a_go_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text, "spec.x") == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "1d", "-5m", ".5h", "1h 30m", "1H", "90", "10m\n", "٣s", "9" * 30 + "h"])
def test_what_go_or_the_contract_refuses_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(Refused, match=r"^spec\.restarts\.readyTimeout: ") as refused:
        parse_duration(text, "spec.restarts.readyTimeout")
    assert refused.value.reason is Reason.INVALID_SPEC


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        pytest.param("10s", True, id="the lower bound itself fits"),
        pytest.param("24h", True, id="the upper bound itself fits"),
        pytest.param("9999ms", False, id="below the lower bound"),
        pytest.param("24h1ms", False, id="above the upper bound"),
    ],
)
def test_bounds_are_inclusive_and_named(text: str, fits: bool) -> None:
    bounds = (timedelta(seconds=10), timedelta(hours=24))
    if fits:
        assert bounds[0] <= parse_duration(text, "spec.x", *bounds) <= bounds[1]
    else:
        with pytest.raises(Refused, match="at least 10s and at most 24h"):
            parse_duration(text, "spec.x", *bounds)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (90, "1m30s"), (600, "10m"), (86_400, "24h"), (0.25, "250ms")])
def test_a_span_is_written_in_its_shortest_form(seconds: float, text: str) -> None:
    assert duration_text(timedelta(seconds=seconds)) == text


@given(st.integers(0, 10**12))
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    span = timedelta(milliseconds=milliseconds)
    assert parse_duration(duration_text(span), "spec.x") == span
