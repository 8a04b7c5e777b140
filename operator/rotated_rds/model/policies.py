"""What a policy is wanted for, in a person's words → ARNs and patterns; and the trust policies of the operator's roles."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.hosted import stack_name
from rotated_rds.model.iam import ENDING, METHODS, VERSION, Document, Need, Wanted
from rotated_rds.model.spec import Method, Spec

MANAGED_LIMIT = 6_144  # characters of a managed policy, white space not counted
AUDIENCE = "sts.amazonaws.com"
# Partition and DNS suffix by the beginning of a Region's name; everything else is `aws`.
_PARTITIONS = {
    "cn-": ("aws-cn", "amazonaws.com.cn"),
    "us-gov-": ("aws-us-gov", "amazonaws.com"),
    "eusc-": ("aws-eusc", "amazonaws.eu"),
    "us-iso-": ("aws-iso", "c2s.ic.gov"),
    "us-isob-": ("aws-iso-b", "sc2s.sgov.gov"),
    "eu-isoe-": ("aws-iso-e", "cloud.adc-e.uk"),
    "us-isof-": ("aws-iso-f", "csp.hci.ic.gov"),
}
_QUEUE_HOST = re.compile(r"^sqs(?:-fips)?\.(?P<region>[a-z0-9-]+)\.|^(?P<old>[a-z0-9-]+)\.queue\.")
_ANY = "*"


@dataclass(frozen=True)
class Site:
    """An account in a Region; `*` where it is left open."""

    region: str = _ANY
    account: str = _ANY

    @property
    def partition(self) -> str:
        return self._names[0]

    @property
    def service(self) -> str:
        """Secrets Manager, as KMS sees it."""
        return f"secretsmanager.{self.region}.{self._names[1]}"

    @property
    def _names(self) -> tuple[str, str]:
        return next((names for start, names in _PARTITIONS.items() if self.region.startswith(start)), ("aws", "amazonaws.com"))

    def arn(self, service: str, rest: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{rest}"

    def secret(self, secret_id: str) -> tuple[str, ...]:
        """Patterns for one secret by its name, pattern or full ARN.

        AWS adds a hyphen and six characters to the name; what it asks for before there is a secret, it does not say: both.
        """
        if secret_id.startswith("arn:"):
            return (secret_id,)
        arn = self.arn("secretsmanager", f"secret:{secret_id}")
        return (arn,) if secret_id.endswith(_ANY) else (arn, f"{arn}{ENDING}")

    def key(self, key_id: str) -> str:
        """A key's ARN. Raises Refused for an alias: IAM knows keys by their ids only."""
        if key_id.startswith("alias/") or ":alias/" in key_id:
            raise Refused(Reason.INVALID_SPEC, f"{key_id}: an IAM policy cannot name a key by its alias; give the key's ARN with --kms-key")
        return key_id if key_id.startswith("arn:") else self.arn("kms", f"key/{key_id}")


@dataclass(frozen=True)
class Request:
    """What a person asks for on the command line.

    methods: and features of `spec.secret`. stack_role: CloudFormation's, by name.
    follow: others' secrets, by name, pattern or ARN (method External).
    cluster: of the owner tag; None for any.
    """

    methods: tuple[Need, ...] = METHODS
    site: Site = Site()
    prefix: str = ""
    cluster: str | None = None
    follow: tuple[str, ...] = ()
    admins: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    queue: str | None = None
    roles: tuple[str, ...] = ()
    stack_role: str | None = None

    @property
    def owner(self) -> str:
        return f"{self.cluster or _ANY}/*"


def by_prefix(asked: Request) -> Wanted:
    """For everything whose name begins with the operator's prefix, whatever resources there will be."""
    site, prefix = asked.site, asked.site.secret(f"{asked.prefix}{_ANY}")
    followed = tuple(arn for one in asked.follow for arn in site.secret(one)) if Need.EXTERNAL in asked.methods else ()
    others = {Need.EXTERNAL: (*prefix, *followed), Need.RDS_MANAGED: site.secret("rds!*")}
    secrets = {need: others.get(need, prefix) for need in asked.methods}
    own = tuple(need for need in asked.methods if need is not Need.FUNCTION)
    read = prefix if own else ()  # a function reads by the prefix only what it rotates itself
    return Wanted(
        secrets=secrets,
        admins=_uncovered((arn for one in asked.admins for arn in site.secret(one)), read),
        instances=(site.arn("rds", "db:*"),) if own else (),
        clusters=(site.arn("rds", "cluster:*"),) if own else (),
        functions=_functions(asked),
        **_stacks(asked, site, Need.HOSTED in asked.methods),
        keys={need: tuple(map(site.key, asked.keys)) for need in asked.methods},
        queues=(queue_arn(asked.queue, site),) if asked.queue else (),
        roles=asked.roles,
        owner=asked.owner,
        services=(site.service,),
    )


def _stacks(asked: Request, site: Site, wanted: bool, names: Iterable[str] = ("rotated-rds-*",)) -> dict[str, tuple[str, ...]]:
    """What method HostedLambda needs beside. names: of stacks, or patterns. Raises Refused where CloudFormation's role is not said."""
    if not wanted:
        return {}
    if not asked.stack_role:
        raise Refused(Reason.INVALID_SPEC, "--stack-role: required with method HostedLambda; the role that CloudFormation takes, by name")
    return {
        "stacks": _once(site.arn("cloudformation", f"stack/{name}/*") for name in names),
        "transforms": (f"arn:{site.partition}:cloudformation:{site.region}:aws:transform/Serverless-2016-10-31",),
        "stack_roles": (f"arn:{site.partition}:iam::{site.account}:role/{asked.stack_role}",),
    }


def _functions(asked: Request) -> tuple[str, ...]:
    return asked.functions or (
        (asked.site.arn("lambda", "function:*"),) if {Need.LAMBDA, Need.HOSTED, Need.FUNCTION} & {*asked.methods} else ()
    )


def _uncovered(arns: Iterable[str], prefixes: Iterable[str]) -> tuple[str, ...]:
    """Administrators' secrets under the prefix are read by the statement that reads the others."""
    starts = tuple(prefix.removesuffix(_ANY) for prefix in prefixes)
    return tuple(arn for arn in arns if not arn.startswith(starts))


def by_resources(asked: Request, resources: Iterable[tuple[str, str, Spec]], role: str | None = None) -> Wanted:
    """For these resources (namespace, name, spec) and no others, as far as they use `role` (None: the operator's own rights)."""
    every = list(resources)
    ours = [(namespace, name, spec) for namespace, name, spec in every if spec.aws.role_arn == role]
    secrets: dict[Need, list[str]] = {}
    keys: dict[Need, list[str]] = {}
    admins, instances, clusters, functions, stacks, services = (list[str]() for _ in range(6))
    for namespace, name, spec in ours:
        site = Site(spec.aws.region or asked.site.region, asked.site.account)
        for need in (_NEEDS[spec.method], *_features(spec)):
            secrets.setdefault(need, []).extend(site.secret(_secret_of(spec, f"{asked.prefix}{namespace}/{name}")))
            keys.setdefault(need, []).extend(map(site.key, (spec.secret.kms_key_id,) if spec.secret.kms_key_id else asked.keys))
        for replica in spec.secret.replica_regions or ():
            there = replace(site, region=replica.region)
            keys[Need.REPLICAS] += map(there.key, (replica.kms_key_id,) if replica.kms_key_id else ())
            services.append(there.service)
        admins += site.secret(spec.user.admin_secret_id) if spec.user.admin_secret_id else ()
        instances += (site.arn("rds", f"db:{spec.database.instance}"),) if spec.database.instance else ()
        clusters += (site.arn("rds", f"cluster:{spec.database.cluster}"),) if spec.database.cluster else ()
        functions += (spec.rotation.function_arn,) if spec.rotation.function_arn else ()
        if hosted := spec.rotation.hosted_lambda:
            functions.append(site.arn("lambda", f"function:{hosted.function_name}"))
            stacks.append(stack_name(hosted.function_name))
        services.append(site.service)
    roles = [spec.aws.role_arn for _, _, spec in every if spec.aws.role_arn] if role is None else []
    return Wanted(
        secrets=_each_once(secrets),
        admins=_once(admins),
        instances=_once(instances),
        clusters=_once(clusters),
        functions=_once(functions),
        **_stacks(asked, asked.site, bool(stacks), stacks),
        keys=_each_once(keys),
        queues=(queue_arn(asked.queue, asked.site),) if asked.queue and role is None else (),
        roles=_once([*asked.roles, *roles]) if role is None else (),
        owner=asked.owner,
        services=_once(services),
    )


_NEEDS = {
    Method.OPERATOR: Need.OPERATOR,
    Method.LAMBDA: Need.LAMBDA,
    Method.HOSTED_LAMBDA: Need.HOSTED,
    Method.RDS_MANAGED: Need.RDS_MANAGED,
    Method.EXTERNAL: Need.EXTERNAL,
}


def _secret_of(spec: Spec, default: str) -> str:
    """RDS names its own secrets, by a uid that nobody knows beforehand."""
    if spec.method is Method.RDS_MANAGED:
        return "rds!db-*" if spec.database.instance else "rds!cluster-*"
    return spec.secret.name or default


def _features(spec: Spec) -> Iterator[Need]:
    secret = spec.secret
    if secret.replica_regions is not None:
        yield Need.REPLICAS
    if secret.resource_policy is not None:
        yield Need.RESOURCE_POLICY
    if secret.deletion_policy == "Delete":
        yield Need.DELETION if secret.recovery_window_days else Need.FORCE_DELETION


def _each_once(lists: Mapping[Need, list[str]]) -> dict[Need, tuple[str, ...]]:
    return {need: _once(values) for need, values in lists.items()}


def _once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def queue_arn(queue: str, site: Site) -> str:
    """A queue's ARN from its URL, which says Region, account and name. Raises Refused."""
    if queue.startswith("arn:"):
        return queue
    parts, host = urlsplit(queue), _QUEUE_HOST.search(urlsplit(queue).netloc)
    path = parts.path.strip("/").split("/")
    if len(path) != 2:  # noqa: PLR2004  account and name
        raise Refused(Reason.INVALID_SPEC, "--queue-url: write the queue's URL, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME, or its ARN")
    region = (host["region"] or host["old"]) if host else site.region
    return Site(region, path[0]).arn("sqs", path[1])


def size(document: Document) -> int:
    """Characters as AWS counts them for a managed policy: white space does not count."""
    return len(re.sub(r"\s", "", json.dumps(document, separators=(",", ":"))))


# trust


def trust_irsa(issuer: str, site: Site, namespace: str, service_account: str) -> Document:
    """Who may become the operator's role by a ServiceAccount's token. issuer: the cluster's OIDC issuer, with or without https://."""
    name = issuer.removeprefix("https://").rstrip("/")
    who = {"Federated": f"arn:{site.partition}:iam::{site.account}:oidc-provider/{name}"}
    meant = {f"{name}:sub": f"system:serviceaccount:{namespace}:{service_account}", f"{name}:aud": AUDIENCE}
    return _document(_trust("Irsa", who, "sts:AssumeRoleWithWebIdentity", {"StringEquals": meant}))


def trust_pod_identity(namespace: str, service_account: str) -> Document:
    """Who may become the operator's role through EKS Pod Identity, whose session tags name the ServiceAccount."""
    meant = {"aws:RequestTag/kubernetes-namespace": namespace, "aws:RequestTag/kubernetes-service-account": service_account}
    who = {"Service": "pods.eks.amazonaws.com"}
    return _document(_trust("PodIdentity", who, ["sts:AssumeRole", "sts:TagSession"], {"StringEquals": meant}))


def trust_role(operator: str, external_id: str | None, cluster: str | None) -> Document:
    """Who may become a role that resources name in `aws.roleArn`. operator: the ARN of the operator's own role."""
    who = {"AWS": operator}
    external = {"StringEquals": {"sts:ExternalId": external_id}} if external_id else {}
    tagged = {"StringEquals": {"aws:RequestTag/kubernetes-cluster": cluster}} if cluster else {}
    return _document(_trust("Assume", who, "sts:AssumeRole", external), _trust("Tag", who, "sts:TagSession", tagged))


def _trust(sid: str, who: Mapping[str, str], actions: object, conditions: Mapping[str, object]) -> Document:
    whole: Document = {"Sid": sid, "Effect": "Allow", "Principal": dict(who), "Action": actions}
    return {**whole, "Condition": dict(conditions)} if conditions else whole


def _document(*statements: Document) -> Document:
    return {"Version": VERSION, "Statement": list(statements)}
