"""A cell from its beginning to its end."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.ways import methods, refusals, specs
from bench.ways.ground import Ground
from bench.ways.plan import Amount, Cell
from bench.ways.shop import PATIENCE, Shop, shop
from bench.ways.specs import NAME, Names
from bench.ways.told import Played, Told
from tests.bed.processes import BedError


def play(ground: Ground, cell: Cell, amount: Amount) -> Told:
    """One cell; what ends it early is in what is told of it."""
    names = Names.of(cell, ground.aws.function_arn(cell.name))
    resource = specs.resource(cell, ground.bed.facts()[cell.engine], names)
    ground.make_namespace(cell.name)
    if (refused := refusals.by_the_api_server(ground.api, cell, resource)) is not None:
        return refused
    if not cell.possible:
        return refusals.by_the_operator(ground.api, cell, resource)
    with shop(ground, cell.name) as made:
        course, broke = Course(ground, made, cell, names), ""
        try:
            methods.prepare(ground, made, cell, names)
            made.cluster.given_resource(resource)
            made.cluster.expect_ready(NAME, PATIENCE)
            made.open()
            course.run(amount.of(cell))
        except (BedError, AssertionError) as error:
            broke = str(error).partition("\n")[0].partition("; status: ")[0]
        return course.told(broke)


@dataclass
class Course:
    """What has been seen so far."""

    ground: Ground
    shop: Shop
    cell: Cell
    names: Names
    ready: list[float] = field(default_factory=list[float])
    halted: bool = False
    back: bool = False

    def run(self, rotations: int) -> None:
        """So many rotations, with a halted rollout and a rollback among them where they can be."""
        for number in range(rotations):
            if self.cell.promised and number == rotations // 3:
                self._halt()
            if self.cell.goes_back and number == 2 * rotations // 3:
                self._go_back()
            self.ready.append(self.shop.expect_rolled(self._ask))
            self._rest()

    def told(self, broke: str) -> Played:
        tally, during = self.shop.tally(), time.monotonic() - self.shop.opened if self.shop.opened else 0.0
        return Played(self.cell, self.ready, tally.logins, tally.failed, during, self.halted, self.back, broke, tally.error)

    def _ask(self) -> None:
        methods.rotate(self.ground, self.shop, self.cell, self.names)

    def _halt(self) -> None:
        """One more rotation, which is halted, and goes on."""
        with self._halted():
            self.halted = True
            self.shop.expect_logins()
        self.shop.cluster.expect_ready(NAME, PATIENCE)
        self._rest()

    def _go_back(self) -> None:
        """One more rotation, which is halted and taken back. Ready stays False until the next one: somebody wanted that password away."""
        cluster, before = self.shop.cluster, self.shop.cluster.content(NAME)
        with self._halted():  # until it has ended the password before is kept, whatever the grace
            cluster.annotate(NAME, rollback="back")
            answer = cluster.expect_request(NAME, "rollback", "back", PATIENCE)
            if answer["result"] != "Done" or cluster.content(NAME) != before:
                raise BedError(f"rollback: {answer['result']}: {answer.get('message', '')}")
        cluster.expect_condition(NAME, "WorkloadsCurrent", "True", seconds=PATIENCE)
        self.back = True
        self.shop.expect_logins()

    @contextmanager
    def _halted(self) -> Generator[None]:
        """A rotation whose first new Pod finds no node; at the end it finds one."""
        self.ground.take_pods(on=False)
        try:
            self._ask()
            self.shop.cluster.expect_condition(NAME, "WorkloadsCurrent", "False", "Halted", seconds=PATIENCE)
            yield
        finally:
            self.ground.take_pods(on=True)

    def _rest(self) -> None:
        """What was asked for is done, and all log in."""
        methods.expect_done(self.shop, self.cell)
        self.shop.expect_logins()
