"""A table of a page that is made from code: printed, or with `--write` put into its page."""

from collections.abc import Callable, Sequence
from pathlib import Path


def print_or_write(words: Sequence[str], page: Path, table: Callable[[], str], written: Callable[[str], str]) -> int:
    """The command of a table. written: the page's text with the table as it is now."""
    if "--write" in words:
        page.write_text(written(page.read_text()))
    else:
        print(table(), end="")
    return 0
