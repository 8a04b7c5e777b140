"""The SQS queue of AWS's events: long polls and deletes."""

from collections.abc import Sequence
from dataclasses import dataclass

from rotated_rds.clients.aws import Aws

_WAIT = 20  # seconds of a long poll, AWS's most
_HIDDEN = 90  # seconds that a received message stays hidden: longer than we look after one


@dataclass(frozen=True)
class Message:
    receipt: str
    body: str


@dataclass(frozen=True)
class Queue:
    """One queue of one cluster: competing consumers would take each other's messages."""

    aws: Aws
    url: str

    def receive(self) -> Sequence[Message]:
        """Up to ten messages, after at most 20 s. Raises Refused, Unavailable."""
        answer = self.aws.poll(
            "sqs", "receive_message", QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=_WAIT, VisibilityTimeout=_HIDDEN
        )
        return [Message(one["ReceiptHandle"], one.get("Body", "")) for one in answer.get("Messages", [])]

    def delete(self, messages: Sequence[Message]) -> None:
        """Raises Refused, Unavailable."""
        if messages:
            entries = [{"Id": str(number), "ReceiptHandle": one.receipt} for number, one in enumerate(messages)]
            self.aws.poll("sqs", "delete_message_batch", QueueUrl=self.url, Entries=entries)
