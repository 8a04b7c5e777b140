"""The bed's AWS as a test sees it: boto3 clients under a caller's name of the test's own, and the control interface."""

import http.client
import json
import secrets
import string
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.bed.bed import Facts

if TYPE_CHECKING:
    from types_boto3_rds import RDSClient
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sqs import SQSClient
    from types_boto3_sts import STSClient

Json = dict[str, Any]

# One attempt a call: a test that orders a fault wants to see it.
ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=40, parameter_validation=False)

# boto3 sessions race when clients are made at the same time (boto3 1592).
_making = threading.Lock()


def a_caller() -> str:
    """A fresh access key id; the bed takes any, and tells calls, counts and faults apart by it."""
    return "AKIA" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(16))


def refusal(call: Callable[..., Any], **asked: Any) -> tuple[int, str]:
    """The HTTP status and error code that a call ends in; a call that succeeds fails the test."""
    with pytest.raises(ClientError) as refused:
        call(**asked)
    answer: Any = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def code(call: Callable[..., Any], **asked: Any) -> str:
    """The error code of a refusal; Secrets Manager's all have HTTP status 400."""
    status, code = refusal(call, **asked)
    assert status == 400
    return code


@dataclass(frozen=True)
class Queue:
    """An SQS queue that a rule of EventBridge feeds."""

    url: str
    arn: str
    rule: str


@dataclass
class Aws:
    """Clients and controls for one caller. `environment` gives a process the same identity."""

    facts: Facts
    caller: str = field(default_factory=a_caller)
    _clients: dict[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        self.endpoint, self.region, self.account = (str(self.facts[key]) for key in ("endpoint", "region", "account"))
        self.control = Control(self.endpoint, self.caller)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.caller,
            "AWS_SECRET_ACCESS_KEY": "bed",
        }

    def client(self, service: str, keys: Mapping[str, str] | None = None, *, region: str | None = None, config: Config = ONCE) -> Any:
        """A boto3 client. keys: AccessKeyId, SecretAccessKey, SessionToken as AssumeRole gives them, instead of our own."""
        ours = keys or {"AccessKeyId": self.caller, "SecretAccessKey": "bed"}
        with _making:
            make: Any = boto3.client  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # its overloads name services whose types are not installed
            return make(
                service,
                endpoint_url=self.endpoint,
                region_name=region or self.region,
                aws_access_key_id=ours["AccessKeyId"],
                aws_secret_access_key=ours["SecretAccessKey"],
                aws_session_token=ours.get("SessionToken"),
                config=config,
            )

    def secretsmanager(self) -> "SecretsManagerClient":
        return self._one("secretsmanager")

    def rds(self) -> "RDSClient":
        return self._one("rds")

    def sqs(self) -> "SQSClient":
        return self._one("sqs")

    def sts(self) -> "STSClient":
        return self._one("sts")

    def _one(self, service: str) -> Any:
        """The service's plain client, made once: making one costs more than most calls."""
        if service not in self._clients:
            self._clients[service] = self.client(service)
        return self._clients[service]

    def function_arn(self, name: str) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{name}"

    def change_queue(self, name: str, prefix: str, *, allowed: bool = True) -> Queue:
        """A queue that hears of every new AWSCURRENT of secrets whose names start with `prefix`, as AWS needs it to be set up.

        allowed=False leaves out the queue's policy, the usual mistake.
        """
        sqs, events = self.sqs(), self.client("events")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        rule = events.put_rule(Name=name, EventPattern=json.dumps(pattern(prefix)), State="ENABLED")["RuleArn"]
        if allowed:
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy(arn, rule, self.account))})
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        return Queue(url, arn, rule)

    def received(self, queue: Queue, *, wait: int = 10) -> list[Json]:
        """Events that arrive next, read and deleted; an empty list when none comes within `wait` seconds."""
        sqs = self.sqs()
        messages = sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10, WaitTimeSeconds=wait).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])  # pyright: ignore[reportTypedDictNotRequiredAccess]  # a received message has both
        return [json.loads(message["Body"]) for message in messages]  # pyright: ignore[reportTypedDictNotRequiredAccess]  # as above


def pattern(prefix: str) -> Json:
    """The event pattern that AWS's user guide gives for label changes, narrowed to one prefix."""
    return {
        "source": ["aws.secretsmanager"],
        "detail-type": ["Secret Label Updated"],
        "detail": {"labelUpdated": ["AWSCURRENT"], "name": [{"prefix": prefix}]},
    }


def policy(queue: str, rule: str, account: str) -> Json:
    """What a queue must allow before EventBridge can send to it."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "events",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue,
                "Condition": {"ArnEquals": {"aws:SourceArn": rule}, "StringEquals": {"aws:SourceAccount": account}},
            }
        ],
    }


@dataclass(frozen=True)
class Control:
    """The control interface of the bed's AWS. What concerns calls is about `caller`'s own, unless said otherwise."""

    endpoint: str
    caller: str

    def ask(self, method: str, path: str, wanted: Json | None = None, **query: object) -> Any:
        """One request. Raises ValueError with the bed's own words when it says no; None when what was waited for did not come."""
        connection = http.client.HTTPConnection(urlsplit(self.endpoint).netloc, timeout=120)
        try:
            connection.request(method, f"/bed/{path}?{urlencode(query)}", json.dumps(wanted or {}))
            answer = connection.getresponse()
            shown = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status not in (200, 408):
            raise ValueError(shown["error"])
        return shown

    def counts(self) -> dict[str, dict[str, int]]:
        """Calls so far: `service.Operation` → code (`OK`, an error code, `lost`) → how many."""
        return self.ask("GET", "calls", since=1 << 60, caller=self.caller)["counts"]

    def calls(self, since: int = 0) -> list[Json]:
        """The log, in order: number, time, service, operation, caller, secrets, code, seconds, asked (parameters, never a value)."""
        return self.ask("GET", "calls", since=since, caller=self.caller)["log"]

    def reset(self) -> None:
        """Forget this caller's counts and faults; held calls are dropped."""
        self.ask("POST", "reset", {"caller": self.caller})

    def fault(self, kind: str, operation: str | None = None, **more: object) -> int:
        """Order a fault for this caller's calls; the answer is its number.

        kind: error (`code`, `message`, `status`), lost, delay (`seconds`), hold-before, hold-after, stale (`seconds` or `moment`).
        more: `service`, `secret`, `count` (None: for ever), `after` (so many pass first), `caller` (None: anybody).
        """
        return int(self.ask("POST", "faults", {"kind": kind, "operation": operation, "caller": self.caller, **more})["number"])

    def wait_held(self, fault: int, seconds: float = 60) -> Json | None:
        """Wait until the fault holds a call; None when it does not."""
        return self.ask("GET", f"faults/{fault}", state="held", seconds=seconds)

    def wait_struck(self, fault: int, seconds: float = 60) -> Json | None:
        """Wait until the fault has struck; None when it has not."""
        return self.ask("GET", f"faults/{fault}", state="struck", seconds=seconds)

    def release(self, fault: int, *, drop: bool = False) -> None:
        """End a fault: a call that it holds goes on, or, with drop, is never carried out or answered."""
        self.ask("DELETE", f"faults/{fault}", {"drop": drop})

    def function(self, arn: str, kind: str, **more: object) -> str:
        """Put a rotation function behind an ARN. kind: ours, python (`path`), honest, alternating, liar, hang,
        half, fail (`step`, `times`).

        more: `attempts`, `pause` of the whole rotation; `modified`, `policy` as Lambda shows them; for ours and python also `timeout`
        and `environment`.
        """
        self.ask("POST", "functions", {"arn": arn, "kind": kind, **more})
        return arn

    def release_function(self, arn: str) -> None:
        """Let a hanging setSecret go on."""
        self.ask("POST", "release", {"arn": arn})

    def rotations(self, secret: str, seconds: float = 60, count: int = 0) -> list[Json]:
        """All rotations of a secret (its ARN), oldest first, after waiting at most so long until there are `count` and none runs."""
        return self.ask("GET", "rotations", secret=secret, seconds=seconds, count=count)

    def advance(self, seconds: float) -> float:
        """Put AWS's clock forward, for everybody; rotations that fall due have begun when this returns. The answer is the new time."""
        return float(self.ask("POST", "clock", {"advance": seconds})["now"])

    def now(self) -> float:
        return float(self.ask("GET", "clock")["now"])

    def moment(self) -> float:
        """Now, for a stale read that is to see what is there now and nothing later."""
        return float(self.ask("GET", "clock")["moment"])

    def weather(self, prefix: str, **weather: float) -> None:
        """How events about secrets with this prefix fare: delay (seconds), lose, copies, shuffle (counts)."""
        self.ask("POST", "events", {"secret": prefix, **weather})

    def events(self, secret: str) -> list[Json]:
        """Every event about a secret (its ARN) and what became of it."""
        return [event for event in self.ask("GET", "events")["events"] if event["secret"] == secret]

    def policy(self, document: Json | None) -> None:
        """Bind this caller by an IAM policy, as far as the bed evaluates one; None: it may do anything again."""
        self.ask("POST", "policies", {"caller": self.caller, "document": document})

    def rights(self) -> list[Json]:
        """Every right that AWS asked of this caller while a policy bound it: action, resource, context, allowed, by (Sids), times."""
        return self.ask("GET", "rights", caller=self.caller)

    def pod_identity(self, role: str, **tags: str) -> Json:
        """A role's keys as the Pod Identity agent gives them. tags: of the session; underscores stand for hyphens."""
        return self.ask("GET", "pod-identity", None, role=role, **{key.replace("_", "-"): value for key, value in tags.items()})

    def place(self, **wanted: object) -> Json:
        """Make or move an RDS instance or cluster: see tests/bed/aws/rds.py, place()."""
        return self.ask("POST", "rds", wanted)

    def master(self, **wanted: object) -> Json:
        """How RDS rotates the master's password of an `instance` or `cluster`: see tests/bed/aws/masters.py, order()."""
        return self.ask("POST", "masters", wanted)

    def remove(self, **wanted: object) -> None:
        """Delete the RDS `instance` or `cluster`."""
        self.ask("DELETE", "rds", wanted)
