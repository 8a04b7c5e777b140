"""The operator's settings: one table of flag, environment variable, Helm value, reader, default and help, read into frozen Settings."""
# ruff: noqa: RUF009  a row is a field, made once

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar
from urllib.parse import urlsplit

import click
import yaml

from rotated_rds.model.durations import parse_duration
from rotated_rds.model.errors import Refused
from rotated_rds.model.tenancy import Tenancy, TenancyError, parse

T = TypeVar("T")
P = ParamSpec("P")
SWEEP = timedelta(seconds=60)
SWEEP_BEHIND_QUEUE = timedelta(minutes=10)
HIGHEST_PORT = 65_535
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_CLUSTER = re.compile(r"[A-Za-z0-9._-]{1,63}")
_PREFIX = re.compile(r"[A-Za-z0-9/_+=.@-]{0,256}")
_ROLE = re.compile(r"[A-Za-z0-9/+=,.@_-]{1,512}")
_LISTEN = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\[\]\s]*):(?P<port>[0-9]{1,5})")


class Listen(NamedTuple):
    """Where metrics and health are served. host: "" for every interface; port: 0 for any free one."""

    host: str
    port: int


class Setting(NamedTuple):
    """One row of the table. name: the field's in Settings; helm: the chart's value, "" where it has none; default: as one would type it."""

    name: str
    flag: str
    env: str
    helm: str
    read: Callable[[str], Any]
    default: str
    help: str

    @property
    def repeatable(self) -> bool:
        return self.read is _namespaces

    @property
    def switch(self) -> bool:
        return self.read is _switch


def _text(text: str) -> str | None:
    return text or None


def _namespaces(text: str) -> tuple[str, ...]:
    names = tuple(_label(name) for name in re.split(r"[,\s]+", text) if name)
    if text and not names:
        raise ValueError("write a name: a list of none would mean all")
    return names


def _label(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise ValueError("write small letters, digits and -, at most 63")
    return text


def _or_none(read: Callable[[str], T]) -> Callable[[str], T | None]:
    return lambda text: read(text) if text else None


def _fitting(pattern: re.Pattern[str], mend: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"write {mend}")
        return text

    return read


def _queue(text: str) -> str | None:
    if text and not (text.startswith(("https://", "http://")) and urlsplit(text).netloc and urlsplit(text).path.count("/") > 1):
        raise ValueError("write the queue's URL: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME")
    return text or None


def _file(text: str) -> Path | None:
    if text and not Path(text).is_file():
        raise ValueError("there is no such file")
    return Path(text) if text else None


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text, "duration", timedelta(milliseconds=100), timedelta(hours=24))
    except Refused as refused:
        raise ValueError(refused.message.partition(": ")[2]) from None


def _number(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text):
        raise ValueError("write a whole number from 1 to 9999")
    return int(text)


def _workers(text: str) -> int:
    workers = _number(text)
    if workers == 1:
        raise ValueError("write at least 2: half of them may be in logins")
    return workers


def _switch(text: str) -> bool:
    words = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
    if text.casefold() not in words:
        raise ValueError("write true or false")
    return words[text.casefold()]


def _listen(text: str) -> Listen:
    parts = _LISTEN.fullmatch(text)
    if not parts or int(parts["port"]) > HIGHEST_PORT:
        raise ValueError("write :8080, 127.0.0.1:8080 or [::1]:8080")
    return Listen(parts["host"].strip("[]"), int(parts["port"]))


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"write one of {', '.join(words)}")
        return text

    return read


def _row(names: tuple[str, str, str], read: Callable[[str], T], default: str, text: str) -> T:
    """Make a field of Settings out of a row; names: flag, environment variable, Helm value."""
    return field(default=read(default), metadata={"row": (*names, read, default, text)})


def _env(name: str) -> str:
    return f"ROTATED_RDS_{name}"


@dataclass(frozen=True)
class Settings:
    """What the operator was told, read and checked."""

    namespaces: tuple[str, ...] = _row(
        ("--namespace", _env("NAMESPACES"), "watch.namespaces"), _namespaces, "", "Namespaces to watch; repeatable. Default: all."
    )
    selector: str | None = _row(
        ("--selector", _env("SELECTOR"), "watch.selector"), _text, "", "Label selector over resources: one release's share of them."
    )
    queue_url: str | None = _row(
        ("--queue-url", _env("QUEUE_URL"), "aws.events.queueUrl"), _queue, "", "SQS queue with AWS's events. Default: sweep only."
    )
    sweep_interval: timedelta | None = _row(
        ("--sweep-interval", _env("SWEEP_INTERVAL"), "aws.sweepInterval"),
        _or_none(_duration),
        "",
        "How often AWS is asked what changed. Default: 60s; 10m for the account and Region of the queue.",
    )
    cluster_name: str | None = _row(
        ("--cluster-name", _env("CLUSTER"), "clusterName"),
        _or_none(_fitting(_CLUSTER, "letters, digits and . _ -, at most 63")),
        "",
        "First part of the owner tag, at most 63 characters. Default: the uid of the namespace kube-system.",
    )
    secret_prefix: str = _row(
        ("--secret-prefix", _env("SECRET_PREFIX"), "aws.secretPrefix"),
        _fitting(_PREFIX, "what a secret's name may hold: letters, digits and /_+=.@-"),
        "",
        "Begins the name of each AWS secret: tells clusters of one AWS account apart.",
    )
    stack_role: str | None = _row(
        ("--stack-role", _env("STACK_ROLE"), "aws.stackRole"),
        _or_none(_fitting(_ROLE, "the role's name, with its path if it has one, and no ARN")),
        "",
        "CloudFormation's role, by name, for method HostedLambda. Default: none, that method is refused.",
    )
    tenancy_file: Path | None = _row(
        ("--tenancy-file", _env("TENANCY_FILE"), "tenancy.mode, tenancy.rules"),
        _file,
        "",
        "YAML: which namespace may use what. Default: each its own secrets.",
    )
    ca_file: Path | None = _row(("--ca-file", _env("CA_FILE"), "caBundle.*"), _file, "", "PEM file with more CAs for databases.")
    min_rotation_interval: timedelta = _row(
        ("--min-rotation-interval", _env("MIN_ROTATION_INTERVAL"), "limits.minRotationInterval"), _duration, "5s",
        "Between two requested rotations of one resource.",
    )  # fmt: skip
    max_rotations: int = _row(
        ("--max-rotations", _env("MAX_ROTATIONS"), "limits.rotations"), _number, "10", "Rotations at once in the whole release."
    )
    max_rollouts: int = _row(
        ("--max-rollouts", _env("MAX_ROLLOUTS"), "limits.rollouts"), _number, "10", "Rollouts at once in the whole release."
    )
    workers: int = _row(("--workers", _env("WORKERS"), "workers"), _workers, "16", "Passes at once, half of them in logins at most.")
    leader_elect: bool = _row(("--leader-elect", _env("LEADER_ELECT"), ""), _switch, "true", "Work only while holding the Lease.")
    lease_namespace: str | None = _row(
        ("--lease-namespace", _env("LEASE_NAMESPACE"), ""),
        _or_none(_label),
        "",
        "Where the Lease is. Default: the pod's namespace, else the kubeconfig's, else default.",
    )
    release: str = _row(("--release", _env("RELEASE"), ""), _label, "rotated-rds", "Names the Lease, with the selector.")
    listen: Listen = _row(
        ("--listen", _env("LISTEN"), "metrics.port"), _listen, ":8080", "Address of metrics and health; port 0: any free one, logged."
    )
    per_resource_metrics: bool = _row(
        ("--per-resource-metrics", _env("PER_RESOURCE_METRICS"), "metrics.perResource"), _switch, "true", "Two gauges a resource."
    )
    log_format: str = _row(("--log-format", _env("LOG_FORMAT"), "log.format"), _one_of("json", "text"), "json", "json or text.")
    log_level: str = _row(
        ("--log-level", _env("LOG_LEVEL"), "log.level"),
        _one_of("debug", "info", "warning", "error"),
        "info",
        "debug, info, warning or error.",
    )

    def sweep(self, *, queued: bool) -> timedelta:
        """How often to sweep an account and Region; queued: the queue speaks for it."""
        return self.sweep_interval or (SWEEP_BEHIND_QUEUE if queued else SWEEP)


SETTINGS = tuple(Setting(each.name, *each.metadata["row"]) for each in fields(Settings))


class _Read(click.ParamType[Any]):
    """Reads one setting. click adds flag and variable to what it says."""

    name = "value"

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self.setting.read(value.strip())
        except ValueError as error:
            return self.fail(f"{value[:80]!r}: {error}", param, ctx)


def settings_options(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command every setting as an option, and hand it `settings=Settings(…)`. Stands below @click.command."""

    @functools.wraps(command)
    def with_settings(**given: Any) -> T:
        told = {setting.name: given.pop(setting.name) for setting in SETTINGS}
        for setting in SETTINGS:
            if setting.repeatable:
                told[setting.name] = tuple(chain.from_iterable(told[setting.name]))
        return command(settings=Settings(**told), **given)

    return functools.reduce(lambda made, setting: _option(setting)(made), reversed(SETTINGS), with_settings)


def _option(setting: Setting) -> Callable[[Callable[..., T]], Callable[..., T]]:
    optional: dict[str, Any] = {"is_flag": False, "flag_value": "true"} if setting.switch else {}
    return click.option(
        setting.flag,
        setting.name,
        envvar=setting.env,
        type=_Read(setting),
        multiple=setting.repeatable,
        default=None if setting.repeatable else setting.default,
        show_default=bool(setting.default),
        show_envvar=True,
        help=setting.help,
        **optional,
    )


def load_tenancy(path: Path | None) -> Tenancy:
    """Read the tenancy file; without one every namespace has its own secrets only. Raises click.UsageError that names the place."""
    if path is None:
        return Tenancy()
    try:
        return parse(yaml.safe_load(path.read_text(encoding="utf-8")))
    except TenancyError as error:
        raise _bad_tenancy(str(error)) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise _bad_tenancy(f"line {line}: {error.problem}") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _bad_tenancy(f"cannot be read ({type(error).__name__})") from None


def _bad_tenancy(what: str) -> click.UsageError:
    return click.UsageError(f"--tenancy-file (env var: '{_env('TENANCY_FILE')}'): {what}")
