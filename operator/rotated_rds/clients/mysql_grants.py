"""MySQL and MariaDB: what SHOW GRANTS says, taken apart, so that it compares and can be granted to another account."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_QUOTED = re.compile(r"'(?:[^'\\]|''|\\.)*'|`(?:[^`]|``)*`")
_OPTION = re.compile(r"\sWITH\s.*\bGRANT OPTION\b")
_ADMIN = re.compile(r"\sWITH ADMIN OPTION\b")


@dataclass(frozen=True)
class Grant:
    """One row. verb: GRANT, or REVOKE where a part of a wider grant is taken away. place: what stands behind ON; None for roles.

    option: may be granted on: WITH GRANT OPTION, for roles WITH ADMIN OPTION.
    """

    verb: str
    items: tuple[str, ...]
    place: str | None
    option: bool

    def traits(self) -> Iterator[str]:
        """Each item by itself, so that two accounts compare although their rows are cut differently."""
        where = "" if self.place is None else f" ON {self.place}"
        for item in self.items:
            if item != "USAGE":
                yield f"{self.verb} {item}{where}"
                if self.option and self.place is None:
                    yield f"{self.verb} {item} WITH ADMIN OPTION"
        if self.option and self.place is not None:
            yield f"{self.verb} GRANT OPTION{where}"

    def statement(self, account: str) -> str:
        where = "" if self.place is None else f" ON {self.place}"
        towards = "TO" if self.verb == "GRANT" else "FROM"
        option = "" if not self.option else " WITH ADMIN OPTION" if self.place is None else " WITH GRANT OPTION"
        return f"{self.verb} {', '.join(self.items)}{where} {towards} {account}{option}"


def read_grants(rows: Iterable[str], name: str, host: str) -> list[Grant] | None:
    """The rows of SHOW GRANTS FOR name@host; None where one of them is not understood: it might hold more than we carry over."""
    grants = [_read(row, f"{backticked(name)}@{backticked(host)}") for row in rows if not row.startswith("SET DEFAULT ROLE ")]
    return [one for one in grants if one is not None] if None not in grants else None


def backticked(text: str) -> str:
    return "`" + text.replace("`", "``") + "`"


def _read(row: str, account: str) -> Grant | None:
    verb, _, rest = row.partition(" ")
    towards = f" {'TO' if verb == 'GRANT' else 'FROM'} {account}"
    if verb not in ("GRANT", "REVOKE") or towards not in rest:
        return None
    what, _, tail = rest.rpartition(towards)
    bare = _QUOTED.sub("''", tail)
    place_at = _outside(what, " ON ")
    if place_at is None:
        return Grant(verb, tuple(_items(what)), None, bool(_ADMIN.search(bare)))
    return Grant(verb, tuple(_items(what[:place_at])), what[place_at + 4 :], bool(_OPTION.search(bare)))


def _outside(text: str, wanted: str) -> int | None:
    """Where a word stands outside of quotes."""
    masked = _QUOTED.sub(lambda found: "x" * len(found[0]), text)
    at = masked.find(wanted)
    return None if at < 0 else at


def _items(text: str) -> Iterator[str]:
    """Privileges or roles: `SELECT (`a`, `b`), INSERT` has two."""
    masked = _QUOTED.sub(lambda found: "x" * len(found[0]), text)
    began, depth = 0, 0
    for at, sign in enumerate(masked):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            yield text[began:at].strip()
            began = at + 1
    yield text[began:].strip()
