"""Every right in AWS that the operator uses: one table of action, scope, condition, who needs it and why, and policy documents from it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rotated_rds.model.secret import ADOPT_TAG, OWNER_TAG

VERSION = "2012-10-17"
ENDING = "-??????"  # what AWS adds to a secret's name, as a pattern
Document = dict[str, object]
Conditions = Mapping[str, Mapping[str, object]]


class Need(StrEnum):
    """Who needs a right: a resource's method, our rotation function, or a feature."""

    OPERATOR = "Operator"
    LAMBDA = "Lambda"
    HOSTED = "HostedLambda"
    RDS_MANAGED = "RDSManaged"
    EXTERNAL = "External"
    REPLICAS = "Replicas"
    RESOURCE_POLICY = "ResourcePolicy"
    DELETION = "Deletion"
    FORCE_DELETION = "ForceDeletion"
    FUNCTION = "Function"
    QUEUE = "Queue"
    ROLES = "Roles"


METHODS = (Need.OPERATOR, Need.LAMBDA, Need.EXTERNAL)  # what a policy is for by default; masters of databases are asked for by name
FEATURES = (Need.REPLICAS, Need.RESOURCE_POLICY, Need.DELETION, Need.FORCE_DELETION)  # of `spec.secret`, in methods that write
_WRITING = frozenset({Need.OPERATOR, Need.LAMBDA, Need.HOSTED})
_ALL = frozenset({*METHODS, Need.HOSTED, Need.RDS_MANAGED})


class Scope(StrEnum):
    """What a statement is about."""

    ANYTHING = "anything"  # the action knows no resource
    SECRETS = "secrets"
    ADMINS = "administrators' secrets"
    INSTANCES = "instances"
    CLUSTERS = "clusters"
    FUNCTIONS = "functions"
    STACKS = "our stacks"
    TRANSFORMS = "the transform"
    STACK_ROLES = "CloudFormation's role"
    KEYS = "keys"
    QUEUES = "queue"
    ROLES = "roles"


class Guard(StrEnum):
    """Under which condition a statement allows."""

    NAMES_US = "tags as ours"  # the request's owner tag is this cluster's
    OURS = "ours"  # the secret's owner tag is this cluster's
    NOBODYS = "nobody's"  # the secret has no owner tag
    OFFERED = "offered"  # its adoption tag offers it to this cluster
    RECOVERABLE = "recoverable"  # not at once, but after a window
    OUR_FUNCTIONS = "our functions"
    VIA_SECRETS_MANAGER = "through Secrets Manager"
    TO_CLOUDFORMATION = "to CloudFormation"
    ROTATED_BY_US = "rotated by this function"


@dataclass(frozen=True)
class Right:
    """One row: an action, in which statement, for whom, and what it is for in plain words."""

    action: str
    statement: str
    needed_by: frozenset[Need]
    why: str


@dataclass(frozen=True)
class Statement:
    """there: it only ever meets secrets that exist, whose ARNs end in AWS's six characters."""

    scope: Scope
    guards: tuple[Guard, ...] = ()
    there: bool = False


STATEMENTS: Mapping[str, Statement] = {
    "List": Statement(Scope.ANYTHING),
    "Read": Statement(Scope.SECRETS),
    "ReadAdmins": Statement(Scope.ADMINS),
    "Create": Statement(Scope.SECRETS, (Guard.NAMES_US,)),
    "Claim": Statement(Scope.SECRETS, (Guard.NAMES_US, Guard.NOBODYS)),
    "Adopt": Statement(Scope.SECRETS, (Guard.NAMES_US, Guard.OFFERED), there=True),
    "Change": Statement(Scope.SECRETS, (Guard.OURS,), there=True),
    "Rotate": Statement(Scope.SECRETS, (Guard.OURS, Guard.OUR_FUNCTIONS), there=True),
    "RotateManaged": Statement(Scope.SECRETS, there=True),
    "Delete": Statement(Scope.SECRETS, (Guard.OURS, Guard.RECOVERABLE), there=True),
    "ForceDelete": Statement(Scope.SECRETS, (Guard.OURS,), there=True),
    "Invoke": Statement(Scope.FUNCTIONS),
    "Preflight": Statement(Scope.FUNCTIONS),
    "Stacks": Statement(Scope.STACKS),
    "Transform": Statement(Scope.TRANSFORMS),
    "PassRole": Statement(Scope.STACK_ROLES, (Guard.TO_CLOUDFORMATION,)),
    "Instances": Statement(Scope.INSTANCES),
    "Clusters": Statement(Scope.CLUSTERS),
    "Keys": Statement(Scope.KEYS, (Guard.VIA_SECRETS_MANAGER,)),
    "Queue": Statement(Scope.QUEUES),
    "Assume": Statement(Scope.ROLES),
    "Step": Statement(Scope.SECRETS, (Guard.ROTATED_BY_US,), there=True),
}

_FUNCTION = frozenset({Need.FUNCTION})
_ADMINS = _WRITING | _FUNCTION
_OPERATOR = frozenset({Need.OPERATOR})
_LAMBDA = frozenset({Need.LAMBDA, Need.HOSTED})
_HOSTED = frozenset({Need.HOSTED})
_RDS_MANAGED = frozenset({Need.RDS_MANAGED})
_REPLICAS = frozenset({Need.REPLICAS})
_POLICY = frozenset({Need.RESOURCE_POLICY})
_DELETION = frozenset({Need.DELETION})
_FORCE = frozenset({Need.FORCE_DELETION})
_QUEUE = frozenset({Need.QUEUE})
_ROLES = frozenset({Need.ROLES})

RIGHTS: tuple[Right, ...] = (
    Right(
        "secretsmanager:ListSecrets", "List", _ALL, "the sweep: one call per hundred secrets tells what changed; AWS knows no resource here"
    ),
    Right("secretsmanager:DescribeSecret", "Read", _ALL, "labels, tags, rotation and deletion date of a secret; never its value"),
    Right("secretsmanager:GetSecretValue", "Read", _ALL, "the credential itself, by version id"),
    Right("secretsmanager:ListSecretVersionIds", "Read", _ALL, "when versions were made, and whether a rotation has ended already"),
    Right("secretsmanager:DescribeSecret", "ReadAdmins", _ADMINS, "whether the administrator's secret is there, before it is read"),
    Right("secretsmanager:GetSecretValue", "ReadAdmins", _ADMINS, "the administrator's credential: a first or lost password, two users"),
    Right("secretsmanager:CreateSecret", "Create", _WRITING, "a secret that is not there yet, or was deleted in AWS"),
    Right("secretsmanager:TagResource", "Claim", _WRITING, "the owner tag on nobody's secret: with its creation, or `adoption: Always`"),
    Right(
        "secretsmanager:TagResource", "Adopt", _WRITING, "the owner tag on another's secret that offers itself to this cluster by its tag"
    ),
    Right("secretsmanager:TagResource", "Change", _WRITING, "tags of the spec that are missing or differ"),
    Right("secretsmanager:UntagResource", "Change", _WRITING, "the adoption tag goes once it was used"),
    Right("secretsmanager:UpdateSecret", "Change", _WRITING, "description and KMS key as the spec says"),
    Right("secretsmanager:RestoreSecret", "Change", _WRITING, "our own secret that is scheduled for deletion, for a resource made anew"),
    Right("secretsmanager:PutSecretValue", "Change", _WRITING, "the new password as AWSPENDING; `masterarn` for alternating functions"),
    Right("secretsmanager:UpdateSecretVersionStage", "Change", _WRITING, "AWSCURRENT and DualPassword's label move; AWSPENDING goes"),
    Right(
        "secretsmanager:CancelRotateSecret",
        "Change",
        _OPERATOR | _HOSTED,
        "AWS's rotation ends: the operator takes it over, or its stack goes",
    ),
    Right("secretsmanager:RotateSecret", "Rotate", _LAMBDA, "function, schedule and window as the spec says; a rotation on request"),
    Right("secretsmanager:RotateSecret", "RotateManaged", _RDS_MANAGED, "schedule and window of the spec; a rotation on request, by RDS"),
    Right("secretsmanager:ReplicateSecretToRegions", "Change", _REPLICAS, "`secret.replicaRegions`: a Region that has none yet"),
    Right(
        "secretsmanager:RemoveRegionsFromReplication",
        "Change",
        _REPLICAS | _DELETION | _FORCE,
        "a Region that the spec no longer names; before a deletion all of them",
    ),
    Right("secretsmanager:GetResourcePolicy", "Change", _POLICY, "whether `secret.resourcePolicy` stands so"),
    Right("secretsmanager:PutResourcePolicy", "Change", _POLICY, "`secret.resourcePolicy`; a public one is refused"),
    Right("secretsmanager:DeleteSecret", "Delete", _DELETION, "`secret.deletionPolicy: Delete`, after the recovery window"),
    Right("secretsmanager:DeleteSecret", "ForceDelete", _FORCE, "`secret.recoveryWindowDays: 0`: at once and for good"),
    Right("lambda:InvokeFunction", "Invoke", _LAMBDA, "RotateSecret asks it of its caller"),
    Right("lambda:GetFunctionConfiguration", "Preflight", _LAMBDA, "whether the function is there, and its age; may be left out"),
    Right("lambda:GetPolicy", "Preflight", _LAMBDA, "whether Secrets Manager may invoke it; may be left out"),
    Right("cloudformation:DescribeStacks", "Stacks", _HOSTED, "whether the stack stands as the spec says"),
    Right("cloudformation:DescribeStackEvents", "Stacks", _HOSTED, "why a stack failed, in its own words"),
    Right("cloudformation:CreateChangeSet", "Stacks", _HOSTED, "a stack of `rotation.hostedLambda`, or its change"),
    Right("cloudformation:DescribeChangeSet", "Stacks", _HOSTED, "whether it may be carried out"),
    Right("cloudformation:ExecuteChangeSet", "Stacks", _HOSTED, "and that it is"),
    Right("cloudformation:DeleteChangeSet", "Stacks", _HOSTED, "one that failed, or was carried out, before the next of its name"),
    Right("cloudformation:DeleteStack", "Stacks", _HOSTED, "with the last resource that uses it; one that failed"),
    Right("cloudformation:CreateChangeSet", "Transform", _HOSTED, "the template's transform, which expands AWS's application"),
    Right("iam:PassRole", "PassRole", _HOSTED, "the role of --stack-role, to CloudFormation alone"),
    Right("rds:DescribeDBInstances", "Instances", _ALL, "`database.instance`: engine, host and port"),
    Right("rds:DescribeDBClusters", "Clusters", _ALL, "`database.cluster`: engine, writer and reader endpoint"),
    Right("kms:Decrypt", "Keys", _ALL | _REPLICAS | _FUNCTION, "to read a value under a key of your own"),
    Right("kms:GenerateDataKey", "Keys", _WRITING | _REPLICAS | _FUNCTION, "to write a value under a key of your own"),
    Right(
        "kms:Encrypt",
        "Keys",
        _WRITING | _REPLICAS,
        "when `secret.kmsKeyId` changes: without it AWS leaves the versions that exist under the old key; a replica under a key of its own",
    ),
    Right("sqs:ReceiveMessage", "Queue", _QUEUE, "AWS's events"),
    Right("sqs:DeleteMessage", "Queue", _QUEUE, "events that a pass has seen"),
    Right("sts:AssumeRole", "Assume", _ROLES, "the role that a resource names in `aws.roleArn`"),
    Right("sts:TagSession", "Assume", _ROLES, "the session's tags: cluster, namespace and name of the resource"),
    Right("secretsmanager:DescribeSecret", "Step", _FUNCTION, "each step looks at the labels first"),
    Right("secretsmanager:GetSecretValue", "Step", _FUNCTION, "AWSCURRENT, AWSPENDING, and what versions before held"),
    Right("secretsmanager:ListSecretVersionIds", "Step", _FUNCTION, "whether a version of the secret names the other of two users"),
    Right("secretsmanager:PutSecretValue", "Step", _FUNCTION, "createSecret stores the new password"),
    Right("secretsmanager:UpdateSecretVersionStage", "Step", _FUNCTION, "finishSecret moves AWSCURRENT; DualPassword's label moves"),
)


@dataclass(frozen=True)
class Wanted:
    """What a policy is to allow: ARNs, or patterns of them, by who needs them. owner: a pattern of owner tags, `CLUSTER/*`.

    services: Secrets Manager's own names, as KMS sees it (`secretsmanager.REGION.SUFFIX`). What is empty is not allowed.
    """

    secrets: Mapping[Need, tuple[str, ...]] = field(default_factory=dict[Need, tuple[str, ...]])
    admins: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    stacks: tuple[str, ...] = ()
    transforms: tuple[str, ...] = ()
    stack_roles: tuple[str, ...] = ()
    keys: Mapping[Need, tuple[str, ...]] = field(default_factory=dict[Need, tuple[str, ...]])
    queues: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    owner: str = "*/*"
    services: tuple[str, ...] = ()

    def resources(self, right: Right) -> tuple[str, ...]:
        """Those that a row is about; none: the row is left out."""
        needs = [need for need in Need if need in right.needed_by]
        statement = STATEMENTS[right.statement]
        match statement.scope:
            case Scope.ANYTHING:
                return ("*",) if any(self.secrets.get(need) for need in needs) else ()
            case Scope.SECRETS:
                every = _together(self.secrets.get(need, ()) for need in needs)
                return tuple(arn for arn in every if not statement.there or f"{arn}{ENDING}" not in every)
            case Scope.KEYS:
                return _together(self.keys.get(need, ()) for need in needs)
            case Scope.QUEUES | Scope.ROLES as scope:
                return self._plain(scope)
            case scope:
                return self._plain(scope) if any(self.secrets.get(need) for need in needs) else ()

    def _plain(self, scope: Scope) -> tuple[str, ...]:
        return {
            Scope.ADMINS: self.admins,
            Scope.INSTANCES: self.instances,
            Scope.CLUSTERS: self.clusters,
            Scope.FUNCTIONS: self.functions,
            Scope.STACKS: self.stacks,
            Scope.TRANSFORMS: self.transforms,
            Scope.STACK_ROLES: self.stack_roles,
            Scope.QUEUES: self.queues,
            Scope.ROLES: self.roles,
        }[scope]

    def condition(self, guard: Guard) -> tuple[str, str, object]:
        """Operator, key and value of a guard."""
        return {
            Guard.NAMES_US: ("StringLike", f"aws:RequestTag/{OWNER_TAG}", self.owner),
            Guard.OURS: ("StringLike", f"aws:ResourceTag/{OWNER_TAG}", self.owner),
            Guard.NOBODYS: ("Null", f"aws:ResourceTag/{OWNER_TAG}", "true"),
            Guard.OFFERED: ("StringLike", f"aws:ResourceTag/{ADOPT_TAG}", self.owner),
            Guard.RECOVERABLE: ("BoolIfExists", "secretsmanager:ForceDeleteWithoutRecovery", "false"),
            Guard.OUR_FUNCTIONS: ("ArnLike", "secretsmanager:RotationLambdaARN", _one_or_list(self.functions)),
            Guard.VIA_SECRETS_MANAGER: ("StringLike", "kms:ViaService", _one_or_list(self.services)),
            Guard.TO_CLOUDFORMATION: ("StringEquals", "iam:PassedToService", "cloudformation.amazonaws.com"),
            Guard.ROTATED_BY_US: ("ArnLike", "secretsmanager:resource/AllowRotationLambdaArn", _one_or_list(self.functions)),
        }[guard]


def policy(wanted: Wanted) -> Document:
    """The identity policy that allows what is wanted and no more: rows of one statement with the same resources stand together."""
    grouped: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for right in RIGHTS:
        if resources := wanted.resources(right):
            grouped.setdefault((right.statement, resources), []).append(right.action)
    names = [name for name, _ in grouped]
    statements = [
        _statement(wanted, _sid(names, place), name, resources, actions)
        for place, ((name, resources), actions) in enumerate(grouped.items())
    ]
    return {"Version": VERSION, "Statement": statements}


def _statement(wanted: Wanted, sid: str, name: str, resources: tuple[str, ...], actions: list[str]) -> Document:
    conditions: dict[str, dict[str, object]] = {}
    for guard in STATEMENTS[name].guards:
        operator, key, value = wanted.condition(guard)
        conditions.setdefault(operator, {})[key] = value
    whole: Document = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": _one_or_list(resources)}
    return {**whole, "Condition": conditions} if conditions else whole


def _sid(names: list[str], place: int) -> str:
    """A statement's name; numbered where rows of one statement differ in their resources."""
    name, before = names[place], names[:place].count(names[place])
    return f"{name}{before + 1}" if before else name


def _together(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for each in lists for one in each))


def _one_or_list(values: tuple[str, ...]) -> object:
    return values[0] if len(values) == 1 else list(values)
