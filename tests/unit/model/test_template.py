"""The Secret's keys hold whatever a password may hold, and a template can neither escape, grow nor tell."""

import base64
import json
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.exceptions import SecurityError

from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.template import DEFAULT_KEYS, SANDBOX, Fields, check_template, secret_data

PASSWORD = "pä:/@\\ %'\"{{x}}"
POSTGRES: Fields = {
    "username": "app",
    "password": PASSWORD,
    "host": "db.example",
    "port": 5432,
    "dbname": "shop",
    "engine": "postgres",
    "reader_host": "ro.example",
    "version_id": "0123456789abcdef",
}
MYSQL: Fields = {**POSTGRES, "engine": "mysql", "port": 3306, "dbname": None, "reader_host": ""}
anything = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60)


def rendered(text: str, fields: Fields = POSTGRES) -> str:
    return secret_data((), {"x": text}, fields)["x"].decode()


def refusal_of(text: str, fields: Fields = POSTGRES) -> Refused:
    with pytest.raises(Refused, match=r"^spec\.target\.template\.x: ") as refused:
        rendered(text, fields)
    assert refused.value.reason is Reason.TEMPLATE_FAILED
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    return refused.value


def test_the_default_keys_hold_the_credential_as_it_is() -> None:
    assert secret_data(DEFAULT_KEYS, {}, POSTGRES) == {
        "username": b"app",
        "password": PASSWORD.encode(),
        "host": b"db.example",
        "port": b"5432",
        "dbname": b"shop",
        "engine": b"postgres",
        "reader_host": b"ro.example",
    }


def test_a_key_without_a_value_is_left_out() -> None:
    assert secret_data((*DEFAULT_KEYS, "pgpass"), {}, MYSQL).keys() == {"username", "password", "host", "port", "engine"}


@pytest.mark.parametrize(
    ("key", "fields", "value"),
    [
        pytest.param("uri", {"password": "a/b@c"}, "postgresql://app:a%2Fb%40c@db.example:5432/shop", id="a password never ends its place"),
        pytest.param("uri", {"host": "fd00::1", "password": "p"}, "postgresql://app:p@[fd00::1]:5432/shop", id="IPv6 stands in brackets"),
        pytest.param("uri", {**MYSQL, "password": "p"}, "mysql://app:p@db.example:3306", id="MySQL without a database"),
        pytest.param("uri", {**MYSQL, "engine": "mariadb", "password": "p"}, "mysql://app:p@db.example:3306", id="MariaDB speaks MySQL"),
        pytest.param("uri", {"dbname": "a b/c", "password": "p"}, "postgresql://app:p@db.example:5432/a%20b%2Fc", id="any database name"),
        pytest.param("jdbc_url", {}, "jdbc:postgresql://db.example:5432/shop", id="JDBC has no credential"),
        pytest.param("jdbc_url", {"host": "fd00::1"}, "jdbc:postgresql://[fd00::1]:5432/shop", id="IPv6 in JDBC"),
        pytest.param("jdbc_url", MYSQL, "jdbc:mysql://db.example:3306/", id="JDBC wants the slash"),
        pytest.param("jdbc_url", {**MYSQL, "engine": "mariadb"}, "jdbc:mariadb://db.example:3306/", id="MariaDB's own driver"),
        pytest.param("pgpass", {"password": "a:b\\c"}, "db.example:5432:shop:app:a\\:b\\\\c\n", id="pgpass escapes colon and backslash"),
        pytest.param("pgpass", {"host": "::1", "password": "p"}, "\\:\\:1:5432:shop:app:p\n", id="IPv6 in pgpass"),
    ],
)
def test_a_ready_made_key(key: str, fields: dict[str, str | int | None], value: str) -> None:
    assert secret_data([key], {}, {**POSTGRES, **fields})[key].decode() == value


@given(username=anything, password=anything, dbname=anything)
def test_a_uri_gives_any_credential_back(username: str, password: str, dbname: str) -> None:
    uri = secret_data(["uri"], {}, {**POSTGRES, "username": username, "password": password, "dbname": dbname})["uri"].decode()
    parts = urlsplit(uri)
    assert (unquote(parts.username or ""), unquote(parts.password or ""), unquote(parts.path[1:])) == (username, password, dbname)
    assert (parts.hostname, parts.port) == ("db.example", 5432)


@given(anything.filter(lambda text: not set(text) & {"\n", "\r"}))
def test_pgpass_gives_any_password_back(password: str) -> None:
    line = secret_data(["pgpass"], {}, {**POSTGRES, "password": password})["pgpass"].decode()
    words, escaped = [""], False
    for character in line.removesuffix("\n"):  # as libpq's passwordFromFile reads
        if character == ":" and not escaped:
            words.append("")
        elif character == "\\" and not escaped:
            escaped = True
            continue
        else:
            words[-1] += character
        escaped = False
    assert words == ["db.example", "5432", "shop", "app", password]


def test_a_line_break_is_never_written_into_pgpass() -> None:
    with pytest.raises(Refused, match="pgpass cannot hold a line break"):
        secret_data(["pgpass"], {}, {**POSTGRES, "password": "a\nb"})


def test_what_is_no_text_is_refused_by_name_and_not_quoted() -> None:
    with pytest.raises(Refused) as refused:
        secret_data(["uri"], {}, {**POSTGRES, "password": "hidden\ud800"})
    assert refused.value.message == "spec.target: password: the value is no valid text in UTF-8"
    assert refused.value.__suppress_context__


def test_an_unknown_key_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Refused, match=r"spec\.target\.keys: 'url' is none of .* uri jdbc_url pgpass") as refused:
        secret_data(["url"], {}, POSTGRES)
    assert refused.value.reason is Reason.INVALID_SPEC


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("{{ host }}:{{ port }}\n", "db.example:5432\n", id="names, and the last line break stays"),
        pytest.param("{{ password }}", PASSWORD, id="no escaping unless asked for"),
        pytest.param("{{ url_password }}", "p%C3%A4%3A%2F%40%5C%20%25%27%22%7B%7Bx%7D%7D", id="url_password is encoded"),
        pytest.param("{{ 'a/b ä' | urlencode }}", "a%2Fb%20%C3%A4", id="urlencode spares nothing"),
        pytest.param("{{ 'ä' | b64encode }}", base64.b64encode("ä".encode()).decode(), id="b64encode is of UTF-8"),
        pytest.param("{{ port | json }}", "5432", id="a port is a JSON number"),
        pytest.param("{{ {'u': username, 'p': [port]} | json }}", '{"u": "app", "p": [5432]}', id="json of what the template builds"),
        pytest.param("{{ port + 1 }}", "5433", id="sums"),
        pytest.param("{{ host ~ ':' ~ port }}", "db.example:5432", id="texts joined"),
        pytest.param("{% if reader_host %}{{ reader_host }}{% else %}{{ host }}{% endif %}", "ro.example", id="a condition"),
        pytest.param("{{ 'pg' if engine == 'postgres' else 'my' }}", "pg", id="a choice"),
        pytest.param("{{ version_id[:8] }}", "01234567", id="a part of a text"),
        pytest.param("{% raw %}{{ password }}{% endraw %}{# note #}", "{{ password }}", id="raw text"),
    ],
)
def test_a_template_renders(text: str, value: str) -> None:
    assert rendered(text) == value


def test_a_known_name_without_a_value_is_empty() -> None:
    assert rendered("<{{ dbname }}{% if reader_host %}x{% endif %}>", MYSQL) == "<>"


@given(anything)
def test_json_gives_any_password_back(password: str) -> None:
    assert json.loads(rendered("{{ password | json }}", {**POSTGRES, "password": password})) == password


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("a\n{{ pasword }}", "line 2: unknown name 'pasword': write one of username password", id="an unknown name"),
        pytest.param("{{ range }}", "unknown name 'range'", id="Jinja's own globals"),
        pytest.param("{{ self }}", "unknown name 'self'", id="the template itself"),
        pytest.param("{{ host | upper }}", "filters are urlencode, b64encode, json", id="an unknown filter"),
        pytest.param("{{ host | json(1) }}", "without arguments", id="a filter's argument"),
        pytest.param("{{ host", "line 1: ", id="an open tag"),
        pytest.param("{{ host.upper() }}", "Call is not allowed", id="a method"),
        pytest.param("{{ password.__class__ }}", "Getattr is not allowed", id="an attribute"),
        pytest.param("{{ password['__class__'] }}", "a number or a range", id="an attribute by its name in brackets"),
        pytest.param("{{ 'a' * 30000000 }}", "Mul is not allowed", id="a text multiplied"),
        pytest.param("{{ 9 ** 9 ** 9 }}", "Pow is not allowed", id="a tower of powers"),
        pytest.param("{{ '%999999999d' % 1 }}", "Mod is not allowed", id="a text padded without end"),
        pytest.param("{{ '{:999999999}'.format(1) }}", "Call is not allowed", id="a format without end"),
        pytest.param("{% for a in host %}{% endfor %}", "For is not allowed", id="a loop"),
        pytest.param("{% set a = host ~ host %}", "Assign is not allowed", id="an assignment, with which texts double"),
        pytest.param("{% macro m() %}{% endmacro %}", "Macro is not allowed", id="a macro"),
        pytest.param("{% include 'x' %}", "Include is not allowed", id="another file"),
        pytest.param("{{ host is defined }}", "Test is not allowed", id="a test"),
        pytest.param("{{ {'a': 1}['a'] }}", "a number or a range", id="a lookup"),
        pytest.param("{{ host + port }}", "do not fit together", id="a text and a number"),
        pytest.param("{{ version_id[99] }}", "do not fit together", id="a place beyond the end"),
        pytest.param("{{ [host] }}", "do not fit together", id="a list without json"),
        pytest.param("{{ '\\ud800' }}", "no valid text", id="half a character"),
        pytest.param("{{ '\\ud800' | b64encode }}", "do not fit together", id="half a character in a filter"),
        pytest.param("{{ host" + " | b64encode" * 150 + " }}", "than a filter takes", id="filters piled up"),
        pytest.param("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "too deeply nested", id="brackets without end"),
        pytest.param("{{ " + "not " * 900 + "1 }}", "too deeply nested", id="negations without end"),
        pytest.param("{{ host" + " | json" * 5000 + " }}", "too deeply nested", id="filters without end"),
        pytest.param("{{ " + "9" * 5000 + " }}", "a number too long", id="a number without end"),
        pytest.param("{{ host }}" * 257, "more than 256 uses of names", id="names without end"),
        pytest.param("x" * 65_537, "longer than 64 KiB", id="a text without end"),
    ],
)
def test_what_could_escape_or_grow_is_refused_by_key(text: str, says: str) -> None:
    message = refusal_of(text).message
    assert says in message
    assert len(message) < 400


def test_the_output_is_capped_at_what_a_secret_holds() -> None:
    fields = {**POSTGRES, "password": "x" * 4096}
    assert len(rendered("{{ password }}" * 255, fields)) == 255 * 4096
    assert "more text than a Secret holds" in refusal_of("{{ password }}" * 256 + "x", fields).message


def test_keys_and_templates_together_are_capped_too() -> None:
    fields = {**POSTGRES, "password": "x" * 4096}
    with pytest.raises(Refused, match="together make more than 1 MiB"):
        secret_data((), {"a": "{{ password }}" * 200, "b": "{{ password }}" * 200}, fields)


def test_a_value_too_long_for_a_template_is_named_and_still_mirrored_as_a_key() -> None:
    fields = {**POSTGRES, "password": "x" * 4097}
    assert "password is longer than 4096" in refusal_of("{{ host }}", fields).message
    assert len(secret_data(["password", "uri"], {}, fields)["password"]) == 4097


@pytest.mark.parametrize(
    "text", ["{{ password + port }}", "{{ password[99] }}", "{{ -password }}", "{{ [password] }}", "{{ password | up }}"]
)
def test_no_error_quotes_the_password(text: str) -> None:
    refused = refusal_of(text)
    assert PASSWORD not in repr(refused)
    assert PASSWORD not in refused.message


def test_a_template_is_refused_before_there_is_any_credential() -> None:
    check_template({"good": "{{ password }}"})
    with pytest.raises(Refused, match=r"spec\.target\.template\.bad: line 1: unknown name 'x'"):
        check_template({"good": "{{ password }}", "bad": "{{ x }}"})


@pytest.mark.parametrize("text", ["{{ 'a' * 3 }}", "{{ 2 ** 3 }}", "{{ 7 % 2 }}", "{{ host.__class__ }}", "{{ unknown }}"])
def test_the_sandbox_stands_even_where_the_list_of_what_is_allowed_does_not(text: str) -> None:
    with pytest.raises((SecurityError, TypeError)):
        SANDBOX.from_string(text).render(host="db")
