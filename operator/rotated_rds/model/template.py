"""What the Kubernetes Secret holds: the ready-made keys, and target.template in a language without loops or calls."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rotated_rds.model.database import Engine
from rotated_rds.model.errors import Reason, Refused

DEFAULT_KEYS = ("username", "password", "host", "port", "dbname", "engine", "reader_host")
NAMES = (*DEFAULT_KEYS, "url_username", "url_password", "version_id")
SECRET_LIMIT = 1_048_576  # bytes; the API server takes no larger Secret
TEXT_LIMIT = 65_536  # characters of one template
NAMES_LIMIT = 256  # uses of a name in one template
VALUE_LIMIT = 4_096  # characters of a value that a template may use
FILTER_LIMIT = 16_384  # characters that a filter takes
# Whoever may write a resource may write a template, and all tenants share this process. Without loops, calls, assignments,
# attributes, `*`, `**` and `%` nothing can multiply, so the limits above bound time and memory.
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.List, nodes.Dict, nodes.Pair,
    nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Filter, nodes.Concat,
    nodes.Add, nodes.Sub, nodes.Neg, nodes.Getitem, nodes.Slice,
)  # fmt: skip

Fields = Mapping[str, str | int | None]


class _GrownError(ValueError):
    """More text than a Secret could hold; says nothing of the text."""


def _urlencode(value: object) -> str:
    return quote(_limited(value), safe="")


def _b64encode(value: object) -> str:
    return base64.b64encode(_limited(value).encode()).decode()


def _json(value: object) -> str:
    return _limited(json.dumps(value))


def _limited(value: object) -> str:
    text = _printed(value)
    if len(text) > FILTER_LIMIT:
        raise _GrownError
    return text


def _printed(value: object) -> str:
    """Print texts and numbers; a list or None in a Secret would be Python's spelling of a mistake."""
    if isinstance(value, str | int):
        return str(value)
    raise TypeError


_FILTERS: Mapping[str, Callable[[object], str]] = {"urlencode": _urlencode, "b64encode": _b64encode, "json": _json}


class _Sandbox(ImmutableSandboxedEnvironment):
    """The second wall, behind the list of what may be written: both would have to fail."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, finalize=_printed, keep_trailing_newline=True, autoescape=False)
        self.filters = dict(_FILTERS)
        self.tests = {}
        self.globals = {}

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002  Jinja2's signature
        raise SecurityError(f"{operator} is not allowed")


SANDBOX = _Sandbox()


def secret_data(keys: Iterable[str], template: Mapping[str, str], fields: Fields) -> dict[str, bytes]:
    """Write the Secret's data, not yet in base64. A key without a value is left out.

    fields: username, password, host, port, dbname, engine, reader_host, version_id; absent, None and "" are no value.
    Raises Refused(TemplateFailed) that names the key, never a value.
    """
    known = {name: value for name in NAMES if (value := fields.get(name)) is not None and value != ""}
    for name, value in known.items():
        _encoded(str(value), f"spec.target: {name}")
    texts = {key: text for key in keys if (text := _ready_made(key, known)) is not None}
    data = {key: text.encode() for key, text in texts.items()}
    for key, text in template.items():
        field = f"spec.target.template.{key}"
        data[key] = _encoded(_rendered(text, field, known), field)
    if sum(len(key) + len(value) for key, value in data.items()) > SECRET_LIMIT:
        raise Refused(Reason.TEMPLATE_FAILED, "spec.target: keys and templates together make more than 1 MiB, a Secret's limit: write less")
    return data


def check_template(template: Mapping[str, str]) -> None:
    """Refuse what cannot be rendered for any credential. Raises Refused(TemplateFailed) that names the key."""
    for key, text in template.items():
        _compiled(text, f"spec.target.template.{key}")


def _encoded(text: str, field: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Refused(Reason.TEMPLATE_FAILED, f"{field}: the value is no valid text in UTF-8") from None


def _ready_made(key: str, known: Mapping[str, str | int]) -> str | None:
    if key in DEFAULT_KEYS:
        return str(known[key]) if key in known else None
    if key not in _READY_MADE:
        raise Refused(Reason.INVALID_SPEC, f"spec.target.keys: {key[:40]!r} is none of {' '.join((*DEFAULT_KEYS, *_READY_MADE))}")
    return _READY_MADE[key](known)


def _uri(known: Mapping[str, str | int]) -> str:
    scheme = "postgresql" if known["engine"] == Engine.POSTGRES else "mysql"
    login = f"{_quoted(known['username'])}:{_quoted(known['password'])}"
    database = f"/{_quoted(known['dbname'])}" if "dbname" in known else ""
    return f"{scheme}://{login}@{_url_host(known['host'])}:{known['port']}{database}"


def _jdbc_url(known: Mapping[str, str | int]) -> str:
    scheme = "postgresql" if known["engine"] == Engine.POSTGRES else known["engine"]
    return f"jdbc:{scheme}://{_url_host(known['host'])}:{known['port']}/{_quoted(known.get('dbname', ''))}"


def _pgpass(known: Mapping[str, str | int]) -> str | None:
    """Write one line as libpq reads it, backslash and colon escaped. A line break cannot be written at all."""
    if known["engine"] != Engine.POSTGRES:
        return None
    words = [str(known.get(name, "*")) for name in ("host", "port", "dbname", "username", "password")]
    if any("\n" in word or "\r" in word for word in words):
        raise Refused(Reason.TEMPLATE_FAILED, "spec.target.keys: pgpass cannot hold a line break, and the credential has one: leave it out")
    return ":".join(word.replace("\\", "\\\\").replace(":", "\\:") for word in words) + "\n"


_READY_MADE: Mapping[str, Callable[[Mapping[str, str | int]], str | None]] = {"uri": _uri, "jdbc_url": _jdbc_url, "pgpass": _pgpass}


def _quoted(value: str | int) -> str:
    return quote(str(value), safe="")


def _url_host(host: str | int) -> str:
    """Put an IPv6 address in brackets; its zone, if any, begins with an escaped % (RFC 6874)."""
    text = str(host)
    return f"[{text.strip('[]').replace('%', '%25')}]" if ":" in text else text


def _rendered(text: str, field: str, known: Mapping[str, str | int]) -> str:
    template = _compiled(text, field)
    for name, value in known.items():
        if len(str(value)) > VALUE_LIMIT:
            raise Refused(Reason.TEMPLATE_FAILED, f"{field}: {name} is longer than 4096 characters: too long for a template")
    urls = {f"url_{name}": _quoted(known.get(name, "")) for name in ("username", "password")}
    try:
        return _joined(template.generate({**dict.fromkeys(NAMES, ""), **known, **urls}))
    except _GrownError:
        raise Refused(Reason.TEMPLATE_FAILED, f"{field}: more text than a Secret holds (1 MiB), or than a filter takes (16 KiB)") from None
    except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError):
        # The error's own text may quote a value.
        raise Refused(Reason.TEMPLATE_FAILED, f"{field}: texts and numbers do not fit together: write port ~ '' for a text") from None


def _joined(parts: Iterable[str]) -> str:
    joined: list[str] = []
    left = SECRET_LIMIT
    for part in parts:
        left -= len(part)
        if left < 0:
            raise _GrownError
        joined.append(part)
    return "".join(joined)


def _compiled(text: str, field: str) -> Template:
    """Compile, or take from the cache. The cache knows texts of specs, never values."""
    if len(text) > TEXT_LIMIT:
        raise Refused(Reason.TEMPLATE_FAILED, f"{field}: longer than 64 KiB: write less")
    try:
        return _compile(text)
    except TemplateSyntaxError as error:
        raise Refused(Reason.TEMPLATE_FAILED, f"{field}: line {error.lineno}: {str(error.message)[:200]}") from None
    except (RecursionError, MemoryError, SyntaxError, ValueError, OverflowError):
        raise Refused(Reason.TEMPLATE_FAILED, f"{field}: too deeply nested, or a number too long: write it simpler") from None


@lru_cache(maxsize=1024)
def _compile(text: str) -> Template:
    tree = SANDBOX.parse(text)
    if sum(1 for _ in tree.find_all(nodes.Name)) > NAMES_LIMIT:
        raise TemplateSyntaxError(f"more than {NAMES_LIMIT} uses of names: write less", 1)
    _check(tree)
    return SANDBOX.from_string(tree)


def _check(node: nodes.Node) -> None:
    mend = _mend(node)
    if mend:
        raise TemplateSyntaxError(mend, node.lineno)
    for child in node.iter_child_nodes():
        _check(child)


def _mend(node: nodes.Node) -> str | None:
    """Say what is wrong with one node, None when it may stand."""
    match node:
        case nodes.Name(name=name) if name not in NAMES:
            return f"unknown name {name!r}: write one of {' '.join(NAMES)}"
        case nodes.Filter(name=name, args=args, kwargs=kwargs) if name not in _FILTERS or args or kwargs or node.node is None:
            return f"the filters are {', '.join(_FILTERS)}, without arguments"
        case nodes.Getitem(arg=nodes.Slice() | nodes.Const(value=int()) | nodes.Neg()):
            return None
        case nodes.Getitem():
            return "what stands in [ ] is a number or a range such as [:8]"
        case _ if not isinstance(node, _ALLOWED):
            return f"{type(node).__name__} is not allowed: write names, texts, filters, + and ~, comparisons and if"
        case _:
            return None
