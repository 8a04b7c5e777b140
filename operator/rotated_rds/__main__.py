"""The command: `rotated-rds` and `python -m rotated_rds`."""

import os
from typing import Any

os.environ["PSYCOPG_IMPL"] = "python"  # SAFETY.md B1: before psycopg is first imported

import click

from rotated_rds import __version__
from rotated_rds.commands import policy
from rotated_rds.settings import Settings, settings_options


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rotated-rds")
def main() -> None:
    """Rotate database passwords kept in AWS Secrets Manager, verify them, mirror them, restart who depends on them."""


@main.command(name="run")
@settings_options
def run_command(settings: Settings) -> None:
    """Run the operator."""
    from rotated_rds.commands.run import run  # noqa: PLC0415  kopf costs a second of CPU: --help need not pay it

    run(settings)


@main.command(name="policy")
@policy.policy_options
def policy_command(**given: Any) -> None:
    """Print the least IAM policy for the operator's role, or its trust policy: JSON on stdout, what it comes to on stderr."""
    policy.run(given)


if __name__ == "__main__":
    main()
