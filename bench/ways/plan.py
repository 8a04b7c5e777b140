"""Which cells there are, what each is to show, and which of them words choose."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from rotated_rds.model.database import Engine
from rotated_rds.model.spec import Method, Strategy

ENGINES = (Engine.POSTGRES, Engine.MYSQL, Engine.MARIADB)
_AXES = (tuple(Method), tuple(Strategy), ENGINES)


@dataclass(frozen=True)
class Cell:
    """One way. Its name is a namespace's too."""

    method: Method
    strategy: Strategy
    engine: Engine

    @property
    def name(self) -> str:
        return "-".join(("ways", *self.axes)).lower()

    @property
    def axes(self) -> tuple[str, str, str]:
        return self.method.value, self.strategy.value, self.engine.value

    @property
    def possible(self) -> bool:
        """Whether it can be at all (docs/strategies.md); what cannot is to be refused by the API server."""
        offered = {
            Method.OPERATOR: tuple(Strategy),
            Method.LAMBDA: (Strategy.SINGLE_USER, Strategy.ALTERNATING_USERS),
            Method.HOSTED_LAMBDA: (Strategy.SINGLE_USER, Strategy.ALTERNATING_USERS),
        }
        two_passwords = self.strategy is Strategy.DUAL_PASSWORD
        return self.strategy in offered.get(self.method, (Strategy.SINGLE_USER,)) and not (two_passwords and self.engine is Engine.POSTGRES)

    @property
    def promised(self) -> bool:
        """Whether no log-in may fail: the credential before goes on working until nobody uses it."""
        return self.possible and self.strategy.keeps_the_old

    @property
    def goes_back(self) -> bool:
        """Whether a rotation can be taken back: the operator's own only (SAFETY.md D5)."""
        return self.promised and self.method is Method.OPERATOR


@dataclass(frozen=True)
class Amount:
    """How many rotations: of cells that promise something, and of the others."""

    many: int = 20
    few: int = 5

    def of(self, cell: Cell) -> int:
        return self.many if cell.promised else self.few


def cells() -> list[Cell]:
    """All, also those that cannot be."""
    return [Cell(method, strategy, engine) for method, strategy, engine in product(*_AXES)]


def chosen(words: Sequence[str]) -> list[Cell]:
    """The cells that words leave: `alternating mysql` is AlternatingUsers on MySQL by each method; `mysql mariadb` both engines.

    A word is the beginning of a method's, a strategy's or an engine's name. Raises ValueError for one that begins none.
    """
    wanted: tuple[set[str], ...] = tuple(set() for _ in _AXES)
    for word in words:
        begun = [(place, value) for place, axis in enumerate(_AXES) for value in axis if value.lower().startswith(word.lower())]
        if not begun:
            raise ValueError(f"there is no {word}; there are {', '.join(value for axis in _AXES for value in axis)}")
        for place, value in begun:
            wanted[place].add(value)
    return [cell for cell in cells() if all(not some or value in some for value, some in zip(cell.axes, wanted, strict=True))]
