"""Only `*` is special, and what is filled in stays literal."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotated_rds.model.globs import Glob

NAMES = {"namespace": "team-a", "prefix": "prod/"}
few = st.text("ab*/[?.", max_size=8)


@pytest.mark.parametrize(
    ("glob", "text", "matches"),
    [
        pytest.param("*", "a/b/c", True, id="a star matches slashes"),
        pytest.param("*", "", True, id="a star matches nothing"),
        pytest.param("a*a", "a", False, id="head and tail do not share a letter"),
        pytest.param("a*b*c", "a-b-c", True, id="stars in a row of texts"),
        pytest.param("a*b*c", "a-c", False, id="each text between stars is needed"),
        pytest.param("db[12]", "db1", False, id="brackets are letters"),
        pytest.param("db[12]", "db[12]", True, id="brackets match themselves"),
        pytest.param("db?", "db1", False, id="a question mark is a letter"),
        pytest.param("a.c", "abc", False, id="a dot is a letter"),
        pytest.param("DB", "db", False, id="case counts"),
        pytest.param("db", "db\n", False, id="a line break is not overlooked"),
        pytest.param("{prefix}{namespace}/*", "prod/team-a/db", True, id="names are filled in"),
        pytest.param("{prefix}{namespace}/*", "prod/team-ab/db", False, id="a longer namespace is another one"),
        pytest.param("{other}", "{other}", True, id="what stands for nothing is a text"),
    ],
)
def test_a_glob(glob: str, text: str, matches: bool) -> None:
    assert Glob.of(glob, NAMES).matches(text) is matches


@pytest.mark.parametrize("value", ["*", "a*", "{prefix}", "[a-z]"])
def test_a_value_is_never_itself_a_glob(value: str) -> None:
    glob = Glob.of("{namespace}/*", {"namespace": value, "prefix": "x"})
    assert glob.matches(f"{value}/db")
    assert not glob.matches("a/db")


@given(few, few)
def test_a_glob_matches_as_the_regular_expression_of_its_parts(glob: str, text: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, glob.split("*"))), text, re.DOTALL)
    assert Glob.of(glob, {}).matches(text) is (expected is not None)


def test_host_names_match_in_either_case_and_with_the_roots_dot() -> None:
    assert Glob.of("*.Example.com.", {}).folded().matches("db.example.com")
