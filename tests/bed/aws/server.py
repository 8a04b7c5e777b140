"""The parts put together: moto's application, corrected, behind the gateway and the control interface."""

import functools

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from tests.bed.aws import hosted, masters, rds, region, responses, stacks
from tests.bed.aws.control import Control
from tests.bed.aws.events import Bus
from tests.bed.aws.functions import Registry
from tests.bed.aws.gateway import Gateway
from tests.bed.aws.guard import Guard
from tests.bed.aws.region import World
from tests.bed.aws.rotation import Engine
from tests.bed.aws.scheduler import Scheduler
from tests.bed.aws.web import Answer, Asked, Server


class Dispatcher(DomainDispatcherApplication):
    """moto's, which tries some hundred patterns for each request; the answer never changes, so it is kept."""

    def __init__(self) -> None:
        super().__init__(create_backend_app)
        self.get_backend_for_host = functools.cache(super().get_backend_for_host)


def build(host: str, port: int) -> Server:
    """Everything, listening on a port of the host (0: any free one), not yet serving."""
    bus = Bus()
    world = World(announcer=bus)
    engine = Engine(Registry())
    region.install(world)
    responses.install(engine)
    rds.install()
    masters.install()
    stacks.install()
    hosted.install(engine.registry)
    gateway = Gateway(world, Dispatcher(), Guard(world.lock), engine.registry)

    def answer(asked: Asked) -> Answer | None:
        return control.answer(asked) if asked.path.startswith("/bed/") else gateway.answer(asked)

    server = Server(host, port, answer)
    control = Control(gateway, engine, bus, Scheduler(world, engine), f"http://{host}:{server.server_port}")
    return server
