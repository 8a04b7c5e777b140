"""Every setting is read from flag and variable alike, and a bad value is named without showing another's."""

from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields
from datetime import timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from rotated_rds.model.tenancy import Mode, Tenancy
from rotated_rds.settings import SETTINGS, Listen, Settings, load_tenancy, settings_options


def run(*arguments: str, env: Mapping[str, str] | None = None) -> tuple[Result, list[Settings]]:
    """Run a command that has the settings, in an environment without any other of ours."""
    seen: list[Settings] = []

    @click.command()
    @click.option("--other", default="kept")
    @settings_options
    def command(settings: Settings, other: str) -> None:
        assert other == "kept"
        seen.append(settings)

    clean = dict.fromkeys((setting.env for setting in SETTINGS), None)
    return CliRunner().invoke(command, arguments, env={**clean, **(env or {})}), seen


def told(*arguments: str, env: Mapping[str, str] | None = None) -> Settings:
    result, seen = run(*arguments, env=env)
    assert result.exit_code == 0, result.output
    return seen[0]


def test_nothing_told_means_the_table_s_defaults() -> None:
    assert told() == Settings()


@pytest.mark.parametrize(
    ("flag", "text", "name", "value"),
    [
        ("--namespace", "a,b c", "namespaces", ("a", "b", "c")),
        ("--selector", "team=a", "selector", "team=a"),
        ("--queue-url", "https://sqs.eu-west-1.amazonaws.com/1/q", "queue_url", "https://sqs.eu-west-1.amazonaws.com/1/q"),
        ("--sweep-interval", "1m30s", "sweep_interval", timedelta(seconds=90)),
        ("--cluster-name", "prod-1", "cluster_name", "prod-1"),
        ("--secret-prefix", "prod/", "secret_prefix", "prod/"),
        ("--stack-role", "ops/stacks", "stack_role", "ops/stacks"),
        ("--tenancy-file", __file__, "tenancy_file", Path(__file__)),
        ("--ca-file", __file__, "ca_file", Path(__file__)),
        ("--min-rotation-interval", "1s", "min_rotation_interval", timedelta(seconds=1)),
        ("--max-rotations", "3", "max_rotations", 3),
        ("--max-rollouts", "4", "max_rollouts", 4),
        ("--workers", "2", "workers", 2),
        ("--leader-elect", "false", "leader_elect", False),
        ("--lease-namespace", "ops", "lease_namespace", "ops"),
        ("--release", "second", "release", "second"),
        ("--listen", "127.0.0.1:0", "listen", Listen("127.0.0.1", 0)),
        ("--per-resource-metrics", "off", "per_resource_metrics", False),
        ("--log-format", "text", "log_format", "text"),
        ("--log-level", "debug", "log_level", "debug"),
    ],
)
def test_a_setting_is_read_alike_from_flag_and_variable(flag: str, text: str, name: str, value: object) -> None:
    [setting] = [each for each in SETTINGS if each.flag == flag]
    assert getattr(told(f"{flag}={text}"), name) == value
    assert getattr(told(env={setting.env: text}), name) == value


def test_the_table_above_leaves_no_setting_out() -> None:
    [mark] = [mark for mark in test_a_setting_is_read_alike_from_flag_and_variable.pytestmark if mark.name == "parametrize"]  # type: ignore[attr-defined]  # pytest puts it there
    assert [row[0] for row in mark.args[1]] == [setting.flag for setting in SETTINGS]
    assert [setting.name for setting in SETTINGS] == [each.name for each in fields(Settings)]


@pytest.mark.parametrize(
    ("arguments", "env", "name", "value"),
    [
        pytest.param(["--namespace", "a", "--namespace", "b"], {}, "namespaces", ("a", "b"), id="a repeated flag adds"),
        pytest.param([], {"ROTATED_RDS_NAMESPACES": "a, b"}, "namespaces", ("a", "b"), id="a variable holds a list with commas"),
        pytest.param(["--workers", "3"], {"ROTATED_RDS_WORKERS": "4"}, "workers", 3, id="the flag wins over the variable"),
        pytest.param([], {"ROTATED_RDS_WORKERS": ""}, "workers", 16, id="an empty variable is none"),
        pytest.param(["--leader-elect"], {}, "leader_elect", True, id="a switch alone is on"),
        pytest.param([], {"ROTATED_RDS_LEADER_ELECT": "False"}, "leader_elect", False, id="a switch in capitals, as YAML writes it"),
        pytest.param(["--listen", ":0"], {}, "listen", Listen("", 0), id="a port alone is every interface"),
        pytest.param(["--listen", "[::1]:8080"], {}, "listen", Listen("::1", 8080), id="IPv6 in brackets"),
    ],
)
def test_how_a_setting_may_be_said(arguments: list[str], env: dict[str, str], name: str, value: object) -> None:
    assert getattr(told(*arguments, env=env), name) == value


@pytest.mark.parametrize(
    ("flag", "text", "says"),
    [
        pytest.param("--namespace", "Team A", "small letters", id="a namespace in capitals"),
        pytest.param("--namespace", ",", "would mean all", id="a list of no namespaces"),
        pytest.param("--queue-url", "arn:aws:sqs:eu-west-1:1:q", "the queue's URL", id="an ARN for a URL"),
        pytest.param("--sweep-interval", "60", "write it like 90s", id="a number for a duration"),
        pytest.param("--sweep-interval", "0s", "at least 100ms", id="a sweep without pause"),
        pytest.param("--cluster-name", "a/b", "at most 63", id="a slash would break the owner tag"),
        pytest.param("--cluster-name", "x" * 64, "at most 63", id="a long cluster name"),
        pytest.param("--stack-role", "arn:aws:iam::1:role/x", "no ARN", id="an ARN for a role's name"),
        pytest.param("--secret-prefix", "prod*", "a secret's name", id="a star in the prefix"),
        pytest.param("--tenancy-file", "no-such-file.yaml", "no such file", id="a file that is not there"),
        pytest.param("--workers", "0", "whole number", id="no workers"),
        pytest.param("--workers", "1", "at least 2", id="a worker that could never log in"),
        pytest.param("--max-rotations", "-1", "whole number", id="less than nothing"),
        pytest.param("--leader-elect", "maybe", "true or false", id="neither on nor off"),
        pytest.param("--release", "", "small letters", id="no name"),
        pytest.param("--listen", "8080", "write :8080", id="a port without its colon"),
        pytest.param("--listen", ":70000", "write :8080", id="a port too high"),
        pytest.param("--listen", "::1:8080", "write :8080", id="IPv6 without brackets"),
        pytest.param("--log-format", "xml", "json, text", id="an unknown format"),
        pytest.param("--log-level", "INFO", "debug, info", id="a level in capitals"),
    ],
)
def test_a_bad_value_names_flag_and_variable_and_no_other_value(flag: str, text: str, says: str) -> None:
    [setting] = [each for each in SETTINGS if each.flag == flag]
    other = "--selector" if flag != "--selector" else "--release"
    result, seen = run(f"{flag}={text}", f"{other}=somebody-elses-value")
    assert (result.exit_code, seen) == (2, [])
    assert flag in result.output
    assert setting.env in result.output
    assert says in result.output
    assert "somebody-elses-value" not in result.output


def test_settings_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().workers = 3  # type: ignore[misc]  # the very thing that must fail


def test_help_names_every_flag_and_variable() -> None:
    result, _ = run("--help")
    said = " ".join(result.output.split())
    assert [setting.flag for setting in SETTINGS if setting.flag not in said or setting.env not in said] == []


@pytest.mark.parametrize(
    ("interval", "queued", "seconds"),
    [
        pytest.param(None, False, 60, id="without a queue once a minute"),
        pytest.param(None, True, 600, id="behind a queue every ten minutes"),
        pytest.param("30s", True, 30, id="what was said holds for both"),
    ],
)
def test_how_often_to_sweep(interval: str | None, queued: bool, seconds: int) -> None:
    settings = told(*(["--sweep-interval", interval] if interval else []))
    assert settings.sweep(queued=queued) == timedelta(seconds=seconds)


def test_without_a_tenancy_file_each_namespace_has_its_own() -> None:
    assert load_tenancy(None) == Tenancy(Mode.NAMESPACED)


def test_a_tenancy_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "tenancy.yaml"
    file.write_text('mode: Open\nrules:\n- {namespaces: ["é*"], hosts: [db]}\n', encoding="utf-8")
    tenancy = load_tenancy(file)
    assert (tenancy.mode, tenancy.rules[0].namespaces) == (Mode.OPEN, ("é*",))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"- {namespaces: [a], secret: [x]}\n", "rules[0]: unknown key 'secret'", id="a typo"),
        pytest.param(b"mode: Open\nrules: [", "line 2: ", id="broken YAML"),
        pytest.param(b"!!python/object:os.system {}\n", "line 1: could not determine a constructor", id="a tag that would run code"),
        pytest.param(b"\xff\xfe\xff", "cannot be read (UnicodeDecodeError)", id="no text"),
        pytest.param(b"a: \x00", "cannot be read (ReaderError)", id="a character that YAML forbids"),
    ],
)
def test_a_bad_tenancy_file_is_a_usage_error_with_the_place(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "tenancy.yaml"
    file.write_bytes(content)
    with pytest.raises(click.UsageError) as error:
        load_tenancy(file)
    assert error.value.exit_code == 2
    assert error.value.message.startswith("--tenancy-file (env var: 'ROTATED_RDS_TENANCY_FILE'): ")
    assert says in error.value.message
