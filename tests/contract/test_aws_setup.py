"""examples/aws agree with the table of rights and with each other, and the real linters find nothing to say."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import hcl2
import pytest

from rotated_rds.model.iam import METHODS, policy
from rotated_rds.model.policies import Request, Site, by_prefix
from tests.bed import build
from tests.bed.paths import REPO
from tests.contract.aws_setup import BLOCKS, CLOUDFORMATION, OPTIONAL, written

FOLDER = REPO / "examples/aws/terraform"
TERRAFORM = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.tf"))}
WHOLE = "\n".join(TERRAFORM.values())


@pytest.mark.parametrize("path", BLOCKS, ids=lambda path: path.name)
def test_a_template_s_policy_is_the_table_s(path: Path) -> None:
    text = path.read_text()
    assert written(text, BLOCKS[path]()) == text, "run python -m tests.contract.aws_setup --write"


def test_cfn_lint_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([linter, "--include-checks", "I", "--", CLOUDFORMATION], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def snake(name: str) -> str:
    """EksClusterName → eks_cluster_name."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.replace("CloudTrail", "Cloudtrail")).lower()


def parameters(text: str) -> dict[str, str]:
    """Name → description, as the template has them."""
    block = text.partition("\nParameters:\n")[2].partition("\nConditions:\n")[0]
    return {snake(name): told for name, told in re.findall(r"^  (\w+):\n    Type: String\n    Description: (.+)$", block, re.MULTILINE)}


def test_both_ask_for_the_same_and_tell_it_alike() -> None:
    variables = dict(re.findall(r'variable "(\w+)" \{\n  description = "(.+)"', TERRAFORM["variables.tf"]))
    assert {name: told.rstrip(".") for name, told in variables.items()} == {
        name: told.rstrip(".") for name, told in parameters(CLOUDFORMATION.read_text()).items()
    }


def test_both_give_the_same_out() -> None:
    outputs = re.findall(r'^output "(\w+)"', TERRAFORM["outputs.tf"], re.MULTILINE)
    template = re.findall(r"^  (\w+):$", CLOUDFORMATION.read_text().partition("\nOutputs:\n")[2], re.MULTILINE)
    assert outputs == [snake(name) for name in template]


def test_every_variable_is_used_and_every_one_that_is_used_is_there() -> None:
    assert set(re.findall(r"\bvar\.(\w+)", WHOLE)) == set(re.findall(r'^variable "(\w+)"', WHOLE, re.MULTILINE))
    assert {variable for _, variable in OPTIONAL.values()} <= set(re.findall(r'^variable "(\w+)"', WHOLE, re.MULTILINE))


def events(text: str) -> list[list[str]]:
    """The words of each list that an event pattern names, in order."""
    keys = ("source", "detail-type", "labelUpdated", "eventSource", "eventName")
    found = re.findall(rf'"?({"|".join(keys)})"?\s*[:=]\s*\[([^\]]+)\]', text)
    return [[key, *(word.strip().strip('"') for word in words.split(",") if word.strip())] for key, words in found]


def test_both_listen_to_the_same_events() -> None:
    assert events(TERRAFORM["main.tf"]) == events(CLOUDFORMATION.read_text())
    assert len(events(TERRAFORM["main.tf"])) == 7


NUMBERS = {
    "MessageRetentionPeriod": "message_retention_seconds",
    "VisibilityTimeout": "visibility_timeout_seconds",
    "maxReceiveCount": "maxReceiveCount",
}


@pytest.mark.parametrize("name", NUMBERS)
def test_both_set_their_queues_alike(name: str) -> None:
    def numbers(word: str, text: str) -> list[str]:
        return re.findall(rf"\b{word}\s*[:=]\s*(\d+)", text)

    assert numbers(name, CLOUDFORMATION.read_text()) == numbers(NUMBERS[name], TERRAFORM["main.tf"]) != []


@pytest.mark.skipif(bool(build.missing(["tflint"])), reason="NOT RUN: tflint is not built: python -m tests.bed.build tflint")
def test_tflint_finds_nothing_by_any_of_its_rules(tmp_path: Path) -> None:
    rules = tmp_path / "all.hcl"
    rules.write_text('plugin "terraform" {\n  enabled = true\n  preset  = "all"\n}\n')
    linter = [build.program("tflint"), f"--chdir={FOLDER}", f"--config={rules}", "--no-color"]
    done = subprocess.run(linter, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


# Terraform's module is read by a parser of its language as well; no provider is at hand that would plan it

DATA = {
    "data.aws_partition.current.partition": "aws",
    "data.aws_partition.current.dns_suffix": "amazonaws.com",
    "data.aws_region.current.id": "eu-west-1",
    "data.aws_caller_identity.current.account_id": "123456789012",
    "aws_sqs_queue.events.arn": "arn:aws:sqs:eu-west-1:123456789012:q",
    "var.secret_prefix": "k1/",
    "var.cluster_name": "prod",
}
EXTRAS = {
    "admin_secret_arn": ("admins", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:admins/*"),
    "function_arn": ("functions", "arn:aws:lambda:eu-west-1:123456789012:function:rotate"),
    "kms_key_arn": ("keys", "arn:aws:kms:eu-west-1:123456789012:key/1"),
    "assume_role_arn": ("roles", "arn:aws:iam::210987654321:role/db"),
}


@pytest.mark.parametrize("name", TERRAFORM)
def test_a_file_of_terraform_s_can_be_read(name: str) -> None:
    assert cast("Any", hcl2).loads(TERRAFORM[name])


def resolved(value: Any, given: dict[str, str]) -> Any:
    """A parsed expression with its references filled in: text, lists, objects, and `x != ""`."""
    if isinstance(value, dict):
        return {key.strip('"'): resolved(one, given) for key, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [resolved(one, given) for one in cast("list[Any]", value)]
    if not isinstance(value, str):
        return value
    if compared := re.fullmatch(r'\$\{(\S+) != ""\}', value):
        return given[compared[1]] != ""
    return re.sub(r"\$\{([^}]+)\}", lambda found: given[found[1]], value.strip('"'))


@pytest.mark.parametrize("extras", [(), tuple(EXTRAS)], ids=["plain", "with all extras"])
def test_terraform_s_policy_is_the_command_s(extras: tuple[str, ...]) -> None:
    given = {**DATA, **{f"var.{name}": EXTRAS[name][1] if name in extras else "" for name in EXTRAS}}
    parsed = cast("Any", hcl2).loads(TERRAFORM["policy.tf"])["locals"][0]["rights"]
    rights = [resolved(one, given) for one in parsed if resolved(one["when"], given)]
    more: dict[str, Any] = {EXTRAS[name][0]: (EXTRAS[name][1],) for name in extras}
    asked = Request(METHODS, Site("eu-west-1", "123456789012"), "k1/", "prod", queue=DATA["aws_sqs_queue.events.arn"], **more)
    expected: Any = policy(by_prefix(asked))["Statement"]
    if not extras:  # the command's default is any function, the module's is none
        expected = [one for one in expected if one["Sid"] not in ("Rotate", "Invoke", "Preflight")]
    assert [one["statement"] for one in rights] == expected
