"""The operator's policy inside examples/aws, written from the table of rights: `python -m tests.contract.aws_setup --write`.

The template's own parameters stand in for ARNs; a right that only some need stands behind a condition.
"""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from rotated_rds.model.iam import METHODS, Wanted, policy
from tests.bed.paths import REPO

Json = Mapping[str, Any]

CLOUDFORMATION = REPO / "examples/aws/cloudformation.yaml"
TERRAFORM = REPO / "examples/aws/terraform/policy.tf"
_BEGIN, _END = "# The table of rights begins (python -m tests.contract.aws_setup --write).", "# The table of rights ends."


@dataclass(frozen=True)
class Words:
    """How a template spells what differs from place to place."""

    partition: str
    region: str
    account: str
    suffix: str
    prefix: str
    cluster: str
    admin: str
    function: str
    key: str
    role: str
    queue: str

    @property
    def wanted(self) -> Wanted:
        """All that a template can grant."""

        def arn(service: str, rest: str) -> str:
            return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{rest}"

        secrets = (arn("secretsmanager", f"secret:{self.prefix}*"),)
        return Wanted(
            secrets=dict.fromkeys(METHODS, secrets),
            admins=(self.admin,),
            instances=(arn("rds", "db:*"),),
            clusters=(arn("rds", "cluster:*"),),
            functions=(self.function,),
            keys=dict.fromkeys(METHODS, (self.key,)),
            queues=(self.queue,),
            roles=(self.role,),
            owner=f"{self.cluster}/*",
            services=(f"secretsmanager.{self.region}.{self.suffix}",),
        )


IN_CLOUDFORMATION = Words(
    partition="${AWS::Partition}",
    region="${AWS::Region}",
    account="${AWS::AccountId}",
    suffix="${AWS::URLSuffix}",
    prefix="${SecretPrefix}",
    cluster="${ClusterName}",
    admin="${AdminSecretArn}",
    function="${FunctionArn}",
    key="${KmsKeyArn}",
    role="${AssumeRoleArn}",
    queue="${Queue.Arn}",
)
IN_TERRAFORM = Words(
    partition="${data.aws_partition.current.partition}",
    region="${data.aws_region.current.id}",
    account="${data.aws_caller_identity.current.account_id}",
    suffix="${data.aws_partition.current.dns_suffix}",
    prefix="${var.secret_prefix}",
    cluster="${var.cluster_name}",
    admin="${var.admin_secret_arn}",
    function="${var.function_arn}",
    key="${var.kms_key_arn}",
    role="${var.assume_role_arn}",
    queue="${aws_sqs_queue.events.arn}",
)
# Statement → what it waits for: CloudFormation's condition, Terraform's variable.
OPTIONAL = {
    "ReadAdmins": ("HasAdmin", "admin_secret_arn"),
    "Rotate": ("HasFunction", "function_arn"),
    "Invoke": ("HasFunction", "function_arn"),
    "Preflight": ("HasFunction", "function_arn"),
    "Keys": ("HasKey", "kms_key_arn"),
    "Assume": ("HasRole", "assume_role_arn"),
}


def statements(words: Words) -> list[Json]:
    """The whole policy's statements; rows of the same resources stand together, as every method has the same here."""
    found: Any = policy(words.wanted)["Statement"]
    return found


# CloudFormation


def in_yaml() -> str:
    """The statements as YAML with CloudFormation's own tags."""
    lines: list[str] = []
    for one in statements(IN_CLOUDFORMATION):
        if one["Sid"] in OPTIONAL:
            lines += ["- !If", f"  - {OPTIONAL[one['Sid']][0]}", *_item(one, "  "), "  - !Ref AWS::NoValue"]
        else:
            lines += _item(one, "")
    return "\n".join(f"{' ' * 10}{line}" for line in lines)


def _item(statement: Json, indent: str) -> list[str]:
    return [f"{indent}{'- ' if number == 0 else '  '}{line}" for number, line in enumerate(_block(statement))]


def _block(value: Json) -> list[str]:
    lines: list[str] = []
    for key, one in value.items():
        name = key if re.fullmatch(r"[A-Za-z]+", key) and key != "Null" else f'"{key}"'
        if isinstance(one, dict):
            lines += [f"{name}:", *(f"  {line}" for line in _block(cast("Json", one)))]
        elif isinstance(one, list):
            lines += [f"{name}:", *(f"  - {_scalar(each)}" for each in cast("list[object]", one))]
        else:
            lines.append(f"{name}: {_scalar(one)}")
    return lines


def _scalar(value: object) -> str:
    text = str(value)
    if alone := re.fullmatch(r"\$\{([A-Za-z.]+)\}", text):
        return f"!GetAtt {alone[1]}" if "." in alone[1] else f"!Ref {alone[1]}"
    if "${" in text:
        return f"!Sub '{text}'"
    return text if re.fullmatch(r"[A-Za-z]+(:[A-Za-z]+)?", text) and text != "true" else f'"{text}"'


# Terraform


def in_hcl() -> str:
    """The statements as a list of HCL, each with what it waits for."""
    lines: list[str] = []
    for one in statements(IN_TERRAFORM):
        when = f'var.{OPTIONAL[one["Sid"]][1]} != ""' if one["Sid"] in OPTIONAL else "true"
        lines += ["{", f"  when = {when}", "  statement = {", *(f"    {line}" for line in _hcl(one)), "  }", "},"]
    return "\n".join(f"    {line}" for line in lines)


def _hcl(value: Json) -> list[str]:
    """Aligned as `terraform fmt` does: what stands on one line lines up, an object of several lines is on its own."""
    plain = [_name(key) for key, one in value.items() if not isinstance(one, dict)]
    width, lines = max(map(len, plain), default=0), list[str]()
    for key, one in value.items():
        if isinstance(one, dict):
            lines += [f"{_name(key)} = {{", *(f"  {line}" for line in _hcl(cast("Json", one))), "}"]
        else:
            lines.append(f"{_name(key).ljust(width)} = {_term(one)}")
    return lines


def _name(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z]+", key) else f'"{key}"'


def _term(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_term, cast('list[object]', value)))}]"
    alone = re.fullmatch(r"\$\{([A-Za-z_.]+)\}", str(value))
    return alone[1] if alone else json.dumps(value)


# the files


def written(text: str, block: str) -> str:
    """A file's text with the block between its two marks."""
    head, _, rest = text.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    indent = head.rsplit("\n", 1)[1]
    return f"{head}{_BEGIN}\n{block}\n{indent}{_END}{tail}"


BLOCKS = {CLOUDFORMATION: in_yaml, TERRAFORM: in_hcl}


def main(words: list[str]) -> int:
    stale: list[Path] = []
    for path, block in BLOCKS.items():
        text = path.read_text()
        if (new := written(text, block())) != text:
            stale.append(path)
            if "--write" in words:
                path.write_text(new)
    for path in stale:
        print(f"{path.relative_to(REPO)}: {'written' if '--write' in words else 'differs from the table'}")
    return 0 if not stale or "--write" in words else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
