"""CloudFormation, where moto falls short of what a template of ours says: queue policies, and AWS::NoValue in lists."""

import json
from typing import Any, cast

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.sqs.models import sqs_backends


class QueuePolicy(CloudFormationModel):
    """moto finds it among the subclasses, by its type."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def physical_resource_id(self) -> str:
        return self.name

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""  # no property names it

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SQS::QueuePolicy"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> "QueuePolicy":
        del kwargs
        properties = cloudformation_json["Properties"]
        for url in properties["Queues"]:
            queue = sqs_backends[account_id][region_name].get_queue(url.rpartition("/")[2])
            queue.policy = json.dumps(properties["PolicyDocument"])
        return cls(resource_name)


def install() -> None:
    """Let moto know the type, and let AWS::NoValue vanish from lists too, as CloudFormation does."""
    if QueuePolicy.cloudformation_type() not in parsing.get_model_map():
        raise TypeError("moto listed its types before ours was there")
    resolve = parsing.clean_json

    def resolved(given: Any, resources: Any) -> Any:
        found: Any = resolve(given, resources)
        return [one for one in cast("list[Any]", found) if one is not None] if isinstance(found, list) else found

    parsing.clean_json = resolved  # it calls itself by this name
