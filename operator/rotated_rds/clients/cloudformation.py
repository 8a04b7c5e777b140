"""CloudFormation, as far as the stack of a hosted rotation function needs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rotated_rds.clients.aws import Absent, Aws
from rotated_rds.model.document import Json, entries
from rotated_rds.model.hosted import CAPABILITIES, ChangeSeen, StackSeen, Wanted

_SERVICE = "cloudformation"
_FOLLOWS = "cancelled"  # the reason of a resource that failed because another one did


@dataclass(frozen=True)
class Stacks:
    """One account and Region's stacks."""

    aws: Aws

    def seen(self, name: str, change_set: str | None = None) -> StackSeen | None:
        """A stack, with the change set of that name; None when there is none. Raises Refused, Unavailable."""
        try:
            found = entries(self.aws.read(_SERVICE, "describe_stacks", StackName=name), "Stacks")[0]
        except Absent:
            return None
        status = str(found["StackStatus"])
        failed = "ROLLBACK" in status or "FAILED" in status
        return StackSeen(
            status,
            {one["ParameterKey"]: str(one.get("ParameterValue", "")) for one in entries(found, "Parameters")},
            {one["Key"]: one["Value"] for one in entries(found, "Tags")},
            self._change(name, change_set) if change_set else None,
            self._why(name, found) if failed else "",
        )

    def _change(self, stack: str, name: str) -> ChangeSeen | None:
        try:
            found = self.aws.read(_SERVICE, "describe_change_set", StackName=stack, ChangeSetName=name)
        except Absent:
            return None
        return ChangeSeen(str(found["Status"]), str(found.get("ExecutionStatus", "")), str(found.get("StatusReason", "")))

    def _why(self, stack: str, found: Json) -> str:
        """The first failure of the last attempt, in the stack's own words: those after it only followed. Events come newest first."""
        failures: list[str] = []
        for event in entries(self.aws.read(_SERVICE, "describe_stack_events", StackName=stack), "StackEvents"):
            reason, status = str(event.get("ResourceStatusReason", "")), str(event["ResourceStatus"])
            if status.endswith("_FAILED") and reason and _FOLLOWS not in reason.lower():
                failures.append(f"{event['LogicalResourceId']}: {reason}")
            if reason == "User Initiated" and failures:
                break
        return failures[-1] if failures else str(found.get("StackStatusReason", ""))

    def change(self, wanted: Wanted, kind: str, role: str) -> None:
        """Make a change set; a new stack comes into being with it, and waits. kind: CREATE or UPDATE. role: CloudFormation's, by ARN."""
        self.aws.write(
            _SERVICE,
            "create_change_set",
            StackName=wanted.name,
            ChangeSetName=wanted.change_set,
            ChangeSetType=kind,
            TemplateBody=wanted.template,
            Parameters=_pairs("Parameter", wanted.parameters),
            Tags=_pairs("", wanted.tags),
            Capabilities=list(CAPABILITIES),
            RoleARN=role,
        )

    def execute(self, wanted: Wanted) -> None:
        self.aws.write(_SERVICE, "execute_change_set", StackName=wanted.name, ChangeSetName=wanted.change_set)

    def drop_change(self, wanted: Wanted) -> None:
        self.aws.write(_SERVICE, "delete_change_set", StackName=wanted.name, ChangeSetName=wanted.change_set)

    def delete(self, name: str, role: str) -> None:
        self.aws.write(_SERVICE, "delete_stack", StackName=name, RoleARN=role)


def _pairs(kind: str, values: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{f"{kind}Key": key, f"{kind}Value": value} for key, value in values.items()]
