"""SAFETY.md B1: what PyMySQL's errors tell of a password."""

import ssl

import pymysql
import pytest

from rotated_rds.clients.line import literal
from rotated_rds.clients.mysql import VERDICTS, verdict
from rotated_rds.model.database import Verdict


def wrapped(cause: OSError) -> pymysql.OperationalError:
    """An error as PyMySQL's connect raises it for one of the network's."""
    error = pymysql.OperationalError(2003, "Can't connect")
    error.original_exception = cause  # type: ignore[attr-defined]  # as PyMySQL does
    return error


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1045, Verdict.REFUSED),
        *((number, Verdict.PROVEN) for number in (1044, 1049, 1203, 1226)),
        (1862, Verdict.EXPIRED),
        *((number, Verdict.LOCKED_RIGHT) for number in (3118, 4151)),
        *((number, Verdict.LOCKED) for number in (3955, 4150)),
        (1040, Verdict.BUSY),
        (1053, Verdict.UNREACHABLE),
        (2013, Verdict.UNREACHABLE),
        (2026, Verdict.TLS),
        *((number, Verdict.UNKNOWN) for number in (1129, 1130, 1251, 2059, 1064, 4242)),
    ],
)
def test_B1_verdicts_of_numbers(number: int, expected: Verdict) -> None:
    assert verdict(pymysql.OperationalError(number, "a text that nobody reads")) is expected


def test_B1_only_one_number_may_lead_to_a_write() -> None:
    assert [number for number, told in VERDICTS.items() if told is Verdict.REFUSED] == [1045]


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), Verdict.TLS),
        (ssl.SSLError(1, "wrong version number"), Verdict.TLS),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), Verdict.UNREACHABLE),
        (ConnectionResetError(104, "reset"), Verdict.UNREACHABLE),
        (TimeoutError("timed out"), Verdict.UNREACHABLE),
    ],
)
def test_B1_TLS_is_told_from_the_network_by_its_cause(cause: OSError, expected: Verdict) -> None:
    assert verdict(wrapped(cause)) is expected


@pytest.mark.parametrize("error", [ValueError("x"), IndexError(), pymysql.OperationalError(), pymysql.err.InternalError("text")])
def test_B1_what_has_no_number_is_unknown(error: Exception) -> None:
    assert verdict(error) is Verdict.UNKNOWN


def test_a_literal_ends_only_where_it_should() -> None:
    assert literal("it's \\") == "'it''s \\'"
