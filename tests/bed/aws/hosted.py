"""AWS's own rotation functions in stacks: `AWS::Serverless::Application` becomes one of the bed's.

Simulated: AWS's functions are the kinds `honest` and `alternating`. A subnet named `subnet-bad` is one that AWS does not find.
"""

from collections.abc import Callable
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import CloudFormationError
from moto.cloudformation.models import CloudFormationBackend, Event, Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.common_models import CloudFormationModel

from tests.bed.aws.fakes import Fake
from tests.bed.aws.functions import Registry

OUTPUT = "Outputs.RotationLambdaARN"
NEEDED = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
MISSING_SUBNET = "subnet-bad"


class Failed(Exception):
    """A resource could not be made; the text is its status reason."""


class Insufficient(CloudFormationError):
    code = "InsufficientCapabilitiesException"


class Application(CloudFormationModel):
    """One function of AWS's, made by its application. moto finds the class among the subclasses, by its type."""

    registry: Registry

    def __init__(self, arn: str, kind: str) -> None:
        self.arn = arn
        self.registry.add(arn, Fake(kind), {"arn": arn, "kind": kind, "pause": 0})  # pyright: ignore[reportArgumentType]  # one of the Literal's own

    @property
    def physical_resource_id(self) -> str:
        return self.arn

    def get_cfn_attribute(self, attribute_name: str) -> str:
        if attribute_name != OUTPUT:
            raise Failed(f"the application has no {attribute_name}")
        return self.arn

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == OUTPUT

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""  # no property names it

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Serverless::Application"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> "Application":
        del resource_name, kwargs
        properties = cloudformation_json["Properties"]
        said, application = properties["Parameters"], str(properties["Location"]["ApplicationId"])
        if MISSING_SUBNET in said.get("vpcSubnetIds", ""):
            raise Failed(f"Resource handler returned message: The subnet ID '{MISSING_SUBNET}' does not exist")
        alternates = application.endswith("MultiUser")
        if alternates and "masterSecretArn" not in said:
            raise Failed("Parameters: [masterSecretArn] must have values")
        arn = f"arn:aws:lambda:{region_name}:{account_id}:function:{said['functionName']}"
        return cls(arn, "alternating" if alternates else "honest")

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> "Application":
        made = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        if made.arn != original_resource.arn:
            cls.registry.remove(original_resource.arn)
        return made

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str) -> None:
        """moto names the resource by its physical id, the function's ARN."""
        del cloudformation_json, account_id, region_name
        cls.registry.remove(resource_name)


def install(registry: Registry) -> None:
    """Let moto know the application, ask for capabilities where there is a transform, and roll a change back that fails."""
    Application.registry = registry
    if Application.cloudformation_type() not in parsing.get_model_map():
        raise TypeError("moto listed its types before ours was there")
    CloudFormationResponse.create_change_set = _with_capabilities(CloudFormationResponse.create_change_set)  # pyright: ignore[reportAttributeAccessIssue]  # as moto calls it
    CloudFormationBackend.execute_change_set = _rolled_back(CloudFormationBackend.execute_change_set)


def _with_capabilities(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def made(self: Any) -> Any:
        needs = "AWS::Serverless" in str(self._get_param("TemplateBody"))  # moto's own way to a parameter
        if needs and not {*NEEDED} <= {*self._get_param("Capabilities", [])}:
            raise Insufficient(f"Requires capabilities : [{', '.join(NEEDED)}]")
        return make(self)

    return made


def _rolled_back(execute: Callable[..., None]) -> Callable[..., None]:
    def executed(self: CloudFormationBackend, change_set_name: str, stack_name: str | None = None) -> None:
        change: Any = self.describe_change_set(change_set_name)
        stack, before = change.stack, dict(change.stack.resource_map.resolved_parameters)
        try:
            execute(self, change_set_name, stack_name)
        except Failed as failed:
            change.execution_status = "EXECUTE_FAILED"
            _roll_back(stack, change.change_set_type, str(failed))
            stack.resource_map.resolved_parameters = before
        else:
            stack.tags, stack.parameters = change.tags, change.parameters

    return executed


def _roll_back(stack: Stack, kind: str, reason: str) -> None:
    """Events and status as CloudFormation leaves them. A stack that could not be made keeps nothing but its name."""
    failed: Any = Event(stack.stack_id, stack.name, "Function", "", Application.cloudformation_type(), f"{kind}_FAILED", reason, None)
    stack.events.append(failed)
    stack.status = "ROLLBACK_COMPLETE" if kind == "CREATE" else "UPDATE_ROLLBACK_COMPLETE"
    stack._add_stack_event(stack.status)  # pyright: ignore[reportPrivateUsage]  # moto's own
