"""AWS sessions and the one way to call them: an error table, a fence before writes, a count of every call."""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
from botocore.session import Session as CoreSession
from botocore.session import get_session

from rotated_rds import metrics
from rotated_rds.model.denial import Caller, explain
from rotated_rds.model.errors import Reason, Refused, Unavailable
from rotated_rds.model.resource import Key

# SAFETY.md A4: a write has one attempt and ends within 4 s, so that the fence knows how much Lease it needs.
_WRITES = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=32)
_READS = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=32)
_QUEUE = Config(connect_timeout=2, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=4)
WRITE_SECONDS = 4.0
NO_CREDENTIALS = "the operator has no AWS credentials: give its ServiceAccount a role (IRSA, Pod Identity)"

_ABSENT = frozenset(
    {"ResourceNotFoundException", "DBInstanceNotFound", "DBInstanceNotFoundFault", "DBClusterNotFoundFault", "ChangeSetNotFound"}
    | {"ChangeSetNotFoundException"}
)
_NO_STACK = "does not exist"  # CloudFormation has no code of its own for that
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "ExpiredToken",
        "ExpiredTokenException",
        "SignatureDoesNotMatch",
    }
)
_INVALID = frozenset(
    {
        "InvalidParameterException",
        "ValidationException",
        "EncryptionFailure",
        "DecryptionFailure",
        "InvalidParameterValue",
        "MalformedPolicyDocumentException",
        "PublicPolicyException",
        "PreconditionNotMetException",
        "ValidationError",
        "InsufficientCapabilitiesException",
    }
)


class Absent(Exception):
    """What was asked for does not exist. It never leaves clients/."""


class Exists(Exception):
    """ResourceExistsException: the name is taken, or the version id holds another value already."""


class WrongState(Refused):
    """InvalidRequestException: the secret is in a state that does not allow this now."""


class NoAnswer(Unavailable):
    """A call whose outcome nobody knows: it may have been carried out."""


@dataclass(frozen=True)
class AwsIdentity:
    """Whose rights a resource uses: the operator's own, or a role assumed with session tags. region: None for the operator's own."""

    region: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    tags: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, key: Key, region: str | None, role_arn: str | None, external_id: str | None, cluster: str = "") -> "AwsIdentity":
        """A role is assumed for one resource alone, so that its session can be told by its tags."""
        if not role_arn:
            return cls(region)
        tags = (("kubernetes-cluster", cluster), ("kubernetes-namespace", key.namespace), ("kubernetes-name", key.name))
        return cls(region, role_arn, external_id, tags)


def translate(error: ClientError, operation: str, caller: Caller) -> Exception:
    """AWS's error code → ours. The texts are AWS's own and hold no value; validation texts are left out all the same."""
    answer = cast("Mapping[str, Mapping[str, str]]", error.response).get("Error", {})
    code = answer.get("Code", "Unknown")
    if code in _ABSENT or (code == "ValidationError" and _NO_STACK in answer.get("Message", "")):
        return Absent(code)
    if code in ("ResourceExistsException", "AlreadyExistsException"):
        return Exists(code)
    if code in _DENIED:
        return Refused(Reason.ACCESS_DENIED, explain(operation, code, answer.get("Message", ""), caller))
    if code == "InvalidRequestException":
        return WrongState(Reason.INVALID_PARAMETER, f"AWS refuses {operation} in the secret's state ({code})")
    if code in _INVALID or code == "LimitExceededException":
        return Refused(Reason.INVALID_PARAMETER, f"AWS refuses {operation}: {code}{_words(code, answer.get('Message', ''))}")
    if code.startswith(("InternalService", "InternalFailure", "InternalError", "ServiceUnavailable", "RequestTimeout")):
        return NoAnswer(Reason.UNAVAILABLE, f"AWS failed at {operation} ({code}); tried again")
    return Unavailable(Reason.UNAVAILABLE, f"AWS did not carry out {operation} ({code}); tried again")


def _words(code: str, message: str) -> str:
    """CloudFormation's own words hold names and parameters, never a credential."""
    return f": {message[:300]}" if code in ("ValidationError", "InsufficientCapabilitiesException") else ""


@dataclass
class Aws:
    """One session's clients for one identity.

    fence: called before every write with the seconds that the write may take; raises Unavailable when the Lease will not last.
    """

    session: boto3.Session
    region: str | None
    fence: Callable[[float], None]
    caller: Caller = Caller.OPERATOR
    _answers: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    _clients: dict[tuple[str, str], BaseClient] = field(default_factory=dict[tuple[str, str], BaseClient])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, service: str, operation: str, **parameters: object) -> Mapping[str, Any]:
        """Call something that changes nothing. Raises Absent, Refused, Unavailable."""
        return self._call(self._client(service, "read", _READS), service, operation, parameters)

    def write(self, service: str, operation: str, **parameters: object) -> Mapping[str, Any]:
        """Call something that changes AWS, once. Raises Absent, Exists, WrongState, Refused, NoAnswer, Unavailable."""
        self.fence(WRITE_SECONDS)
        return self._call(self._client(service, "write", _WRITES), service, operation, parameters)

    def once(self, service: str, operation: str) -> Mapping[str, Any]:
        """A read without parameters whose answer holds for this identity's life; asked once."""
        if operation not in self._answers:
            self._answers[operation] = self.read(service, operation)
        return self._answers[operation]

    def poll(self, service: str, operation: str, **parameters: object) -> Mapping[str, Any]:
        """A long poll: up to 30 s."""
        return self._call(self._client(service, "poll", _QUEUE), service, operation, parameters)

    def _client(self, service: str, purpose: str, config: Config) -> BaseClient:
        make = cast("Callable[..., BaseClient]", self.session.client)  # pyright: ignore[reportUnknownMemberType]  its stubs know literal names only
        with self._lock:  # creating clients from one session races (boto3 issue 1592)
            if (service, purpose) not in self._clients:
                try:
                    made = make(service, region_name=self.region, config=config)
                except NoRegionError:
                    raise Refused(
                        Reason.INVALID_SPEC,
                        "spec.aws.region: the operator has no Region of its own; set it, or AWS_REGION for the operator",
                    ) from None
                self._clients[service, purpose] = made
            return self._clients[service, purpose]

    def _call(self, client: BaseClient, service: str, operation: str, parameters: Mapping[str, object]) -> Mapping[str, Any]:
        code = "OK"
        try:
            return cast("Mapping[str, Any]", getattr(client, operation)(**parameters))
        except ClientError as error:
            code = str(cast("Mapping[str, Mapping[str, str]]", error.response).get("Error", {}).get("Code", "Unknown"))
            raise translate(error, operation, self.caller) from None
        except NoCredentialsError:
            code = "NoCredentials"
            raise Refused(Reason.ACCESS_DENIED, NO_CREDENTIALS) from None
        except BotoCoreError as error:
            code = type(error).__name__
            raise NoAnswer(Reason.UNAVAILABLE, f"AWS did not answer {operation} ({code}); tried again") from None
        finally:
            metrics.AWS_CALLS.labels(service, operation, code).inc()


def _session() -> CoreSession:
    """botocore's, which by itself reads AWS_DEFAULT_REGION only; every other SDK, our chart and docs say AWS_REGION."""
    session = get_session()
    if region := os.environ.get("AWS_REGION"):
        session.set_config_variable("region", region)
    return session


class AwsSessions:
    """All identities' clients over one botocore loader: a second Session costs 8 MiB, a second client 0.2 (KOPF.md 8)."""

    def __init__(self, fence: Callable[[float], None], core: CoreSession | None = None, caller: Caller = Caller.OPERATOR) -> None:
        self._fence = fence
        self._caller = caller
        self._core = core or _session()
        self._known: dict[AwsIdentity, Aws] = {}
        self._lock = threading.Lock()

    @property
    def own_region(self) -> str | None:
        return cast("str | None", self._core.get_config_variable("region"))

    def check(self) -> None:
        """Whether AWS knows the operator. Raises Refused when it has no credentials or AWS refuses them, Unavailable."""
        if self.own_region:
            self.of(AwsIdentity()).read("sts", "get_caller_identity")
        elif self._core.get_credentials() is None:  # each resource names its Region: there is none to ask in
            raise Refused(Reason.ACCESS_DENIED, NO_CREDENTIALS)

    def of(self, identity: AwsIdentity) -> Aws:
        """The clients of an identity, made once."""
        with self._lock:
            if identity not in self._known:
                core = self._assumed(identity) if identity.role_arn else self._core
                self._known[identity] = Aws(
                    boto3.Session(botocore_session=core), identity.region or self.own_region, self._fence, self._caller
                )
            return self._known[identity]

    def _assumed(self, identity: AwsIdentity) -> CoreSession:
        core = _session()
        core.register_component("data_loader", self._core.get_component("data_loader"))
        extra: dict[str, object] = {
            "RoleSessionName": "rotated-rds",
            "Tags": [{"Key": key, "Value": value} for key, value in identity.tags],
        }
        if identity.external_id:
            extra["ExternalId"] = identity.external_id
        fetcher = AssumeRoleCredentialFetcher(self._core.create_client, self._core.get_credentials(), identity.role_arn, extra_args=extra)  # pyright: ignore[reportArgumentType]  None credentials fail at the call, with a text of its own
        core._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")  # noqa: SLF001  # pyright: ignore[reportAttributeAccessIssue]  botocore has no public door for refreshable credentials
        return core
