"""`rotated-rds policy`: JSON on stdout and nothing else there, what it comes to on stderr, mistakes named with the mend."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from rotated_rds.__main__ import main
from rotated_rds.model.iam import policy
from rotated_rds.model.policies import Request, Site, by_prefix
from rotated_rds.model.spec import Method
from tests.bed.aws.iam import read
from tests.bed.paths import REPO

SITE = ("--region", "eu-west-1", "--account", "123456789012")
RESOURCE = {
    "apiVersion": "rotated-rds.io/v1alpha1",
    "kind": "RotatedRDSSecret",
    "metadata": {"name": "db", "namespace": "shop"},
    "spec": {"database": {"instance": "orders"}, "user": {"name": "app"}},
}


def run(*words: str, stdin: str | None = None, **environment: str) -> Result:
    clean = dict.fromkeys(("AWS_REGION", "ROTATED_RDS_SECRET_PREFIX", "ROTATED_RDS_CLUSTER", "ROTATED_RDS_QUEUE_URL"))
    return CliRunner().invoke(main, ["policy", *words], input=stdin, env={**clean, **environment})


def printed(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_it_prints_the_table_s_policy() -> None:
    expected = policy(by_prefix(Request(site=Site("eu-west-1", "123456789012"), prefix="k1/", cluster="prod")))
    assert printed(run(*SITE, "--secret-prefix", "k1/", "--cluster-name", "prod")) == expected


def test_the_operator_s_own_variables_count_here_too() -> None:
    by_variable = run("--account", "123456789012", AWS_REGION="eu-west-1", ROTATED_RDS_SECRET_PREFIX="k1/", ROTATED_RDS_CLUSTER="prod")
    assert printed(by_variable) == printed(run(*SITE, "--secret-prefix", "k1/", "--cluster-name", "prod"))


def test_the_summary_counts_and_warns_on_stderr() -> None:
    result = run()
    lines = result.stderr.splitlines()
    assert all(line.startswith("# ") for line in lines)
    actions = {action for rule in read(json.loads(result.stdout)) for action in rule.actions}
    assert lines[0].startswith(f"# {len(actions)} actions in ")
    assert [word for word in ("--secret-prefix", "--cluster-name", "--function", "--account") if word not in result.stderr] == []


CHOOSING = [
    line.partition("#")[0] for line in (REPO / "docs" / "choosing.md").read_text().splitlines() if line.startswith("rotated-rds policy")
]


@pytest.mark.parametrize("line", CHOOSING)
def test_a_command_of_the_page_that_helps_to_choose_prints_a_policy(line: str) -> None:
    words = shlex.split(line)[2:]
    common = [] if "…" not in words else [*SITE, "--secret-prefix", "prod/", "--cluster-name", "prod"]
    assert printed(run(*(word for word in words if word != "…"), *common))["Statement"]


def test_the_page_that_helps_to_choose_has_a_command_for_each_method() -> None:
    assert {method for line in CHOOSING for method in Method if f"--method {method.value} " in line} == set(Method)


def test_a_narrow_policy_brings_no_warning() -> None:
    narrow = run(
        *SITE, "--secret-prefix", "k1/", "--cluster-name", "prod", "--function", "arn:aws:lambda:eu-west-1:123456789012:function:r"
    )
    assert len(narrow.stderr.splitlines()) == 1


@pytest.mark.parametrize("kind", ["file", "stdin", "list"])
def test_resources_come_from_a_file_or_stdin_alone_or_as_kubectl_s_list(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "resources.yaml"
    file.write_text(yaml.safe_dump_all([{"kind": "ConfigMap", "metadata": {"name": "x"}}, RESOURCE]))
    listed = yaml.safe_dump({"kind": "List", "items": [RESOURCE]})
    given = {"file": (str(file), None), "stdin": ("-", file.read_text()), "list": ("-", listed)}[kind]
    document = printed(run(*SITE, "-f", given[0], stdin=given[1]))
    change = next(one for one in document["Statement"] if "secretsmanager:PutSecretValue" in one["Action"])
    assert change["Resource"] == "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-??????"


def test_a_policy_that_is_too_long_says_so() -> None:
    many = yaml.safe_dump_all([{**RESOURCE, "metadata": {"name": f"db-{number}", "namespace": "shop"}} for number in range(40)])
    assert "too long for one managed policy" in run(*SITE, "-f", "-", stdin=many).stderr


@pytest.mark.parametrize(
    ("words", "stdin", "said"),
    [
        (("-f", "-"), "kind: [", "-f"),
        (("-f", "-"), yaml.safe_dump({**RESOURCE, "spec": {"database": {"instance": 7}}}), "db: spec.database.instance"),
        (("--trust", "irsa"), None, "--oidc-issuer"),
        (("--trust", "irsa", "--oidc-issuer", "https://x/1"), None, "--account"),
        (("--trust", "role"), None, "--operator-role"),
        (("--for-role", "arn:aws:iam::1:role/x"), None, "-f"),
        (("--kms-key", "alias/rds"), None, "--kms-key"),
        (("--queue-url", "q"), None, "--queue-url"),
        (("--method", "HostedLambda"), None, "--stack-role"),
        (("--method", "Nobody"), None, "--method"),
    ],
)
def test_a_mistake_is_named_with_the_option_and_nothing_is_printed(words: tuple[str, ...], stdin: str | None, said: str) -> None:
    result = run(*words, stdin=stdin)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


@pytest.mark.parametrize(
    ("words", "action"),
    [
        (("irsa", "--oidc-issuer", "https://x/1", *SITE), "sts:AssumeRoleWithWebIdentity"),
        (("pod-identity",), "sts:TagSession"),
        (("role", "--operator-role", "arn:aws:iam::1:role/x", "--external-id", "e"), "sts:AssumeRole"),
    ],
    ids=["irsa", "pod-identity", "role"],
)
def test_a_trust_policy_is_printed_instead(words: tuple[str, ...], action: str) -> None:
    rules = read(printed(run("--trust", *words)))
    assert action in [one for rule in rules for one in rule.actions]
    assert all(rule.principals for rule in rules)
