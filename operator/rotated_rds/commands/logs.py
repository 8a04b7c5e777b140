"""How the operator logs: one stream, and no line that could hold a credential."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

from rotated_rds.settings import Settings


def set_up(settings: Settings) -> None:
    """One tree; kopf and botocore speak up only when something is wrong (botocore's debug lines hold secrets)."""
    stream = logging.StreamHandler(sys.stdout)
    plain = "%(asctime)s %(levelname)-7s %(message)s"
    stream.setFormatter(
        JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s") if settings.log_format == "json" else logging.Formatter(plain)
    )
    logging.basicConfig(level=settings.log_level.upper(), handlers=[stream], force=True)
    if settings.log_level != "debug":
        stream.addFilter(_without_traceback)
    for name in ("kopf", "botocore", "boto3", "urllib3", "kubernetes", "aiohttp", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("kopf.objects").setLevel(logging.CRITICAL)  # its lines carry tracebacks; our handlers cannot fail


def _without_traceback(record: logging.LogRecord) -> bool:
    """A traceback's lines and texts may hold a credential: they are for level debug."""
    if record.exc_info and record.exc_info[0]:
        record.msg, record.args = f"{record.getMessage()} ({record.exc_info[0].__name__})", ()
    record.exc_info, record.exc_text = None, None
    return True
