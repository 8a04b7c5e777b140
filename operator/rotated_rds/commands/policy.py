"""`rotated-rds policy`: the least IAM policy, or the trust policy of its role, as JSON on stdout; what it comes to, on stderr."""

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeVar

import click
import yaml

from rotated_rds.model.document import Json, part, text
from rotated_rds.model.errors import Refused
from rotated_rds.model.iam import FEATURES, METHODS, STATEMENTS, Document, Need, Scope, policy
from rotated_rds.model.policies import (
    MANAGED_LIMIT,
    Request,
    Site,
    by_prefix,
    by_resources,
    size,
    trust_irsa,
    trust_pod_identity,
    trust_role,
)
from rotated_rds.model.resource import KIND
from rotated_rds.model.spec import Spec, parse_spec

T = TypeVar("T")
TRUSTS = ("irsa", "pod-identity", "role")
_MEANT = {str(need) for need in (*METHODS, Need.HOSTED, Need.RDS_MANAGED, Need.FUNCTION)}  # click would take an enum by its names

_OPTIONS = (
    click.option(
        "--method",
        "methods",
        multiple=True,
        type=click.Choice(sorted(_MEANT)),
        help="Repeatable. Default: Operator, Lambda, External. RDSManaged reads the masters of all databases; Function: our own "
        "rotation function's role.",
    ),
    click.option(
        "--with",
        "features",
        multiple=True,
        type=click.Choice([str(one) for one in FEATURES]),
        help="What resources may ask for in spec.secret: replicaRegions, resourcePolicy, deletionPolicy: Delete (ForceDeletion: without "
        "recovery). Repeatable.",
    ),
    click.option(
        "-f",
        "--filename",
        "files",
        multiple=True,
        type=click.File(encoding="utf-8"),
        help="Resources as YAML, - for stdin: for these and no others. Repeatable.",
    ),
    click.option("--secret-prefix", envvar="ROTATED_RDS_SECRET_PREFIX", default="", show_envvar=True, help="As the operator's setting."),
    click.option(
        "--cluster-name",
        envvar="ROTATED_RDS_CLUSTER",
        show_envvar=True,
        help="As the operator's setting: writes reach what this cluster owns. Default: any's.",
    ),
    click.option("--account", default="*", help="Account id. Default: any."),
    click.option("--region", envvar="AWS_REGION", default="*", show_envvar=True, help="Region. Default: any."),
    click.option("--follow", multiple=True, help="Somebody else's secret for method External: name, pattern or ARN. Repeatable."),
    click.option("--admin-secret", "admins", multiple=True, help="Administrator's secret outside the prefix: name or ARN. Repeatable."),
    click.option(
        "--function", "functions", multiple=True, help="Rotation function's ARN or pattern. Repeatable. Default: any of the account."
    ),
    click.option("--stack-role", envvar="ROTATED_RDS_STACK_ROLE", show_envvar=True, help="As the operator's setting; with HostedLambda."),
    click.option("--kms-key", "keys", multiple=True, help="Key of your own, by id or ARN. Repeatable."),
    click.option(
        "--queue-url", "queue", envvar="ROTATED_RDS_QUEUE_URL", show_envvar=True, help="As the operator's setting, or the queue's ARN."
    ),
    click.option("--role", "roles", multiple=True, help="Role that resources name in spec.aws.roleArn. Repeatable."),
    click.option("--for-role", help="With -f: the policy of this role instead, for the resources that name it."),
    click.option(
        "--trust",
        type=click.Choice(TRUSTS),
        help="The trust policy instead: the operator's own role's (irsa, pod-identity), or a --role's.",
    ),
    click.option("--oidc-issuer", help="The cluster's OIDC issuer; with --trust irsa."),
    click.option("--namespace", default="rotated-rds", show_default=True, help="The operator's own; with --trust."),
    click.option("--service-account", default="rotated-rds", show_default=True, help="The operator's own; with --trust."),
    click.option("--operator-role", help="ARN of the operator's own role; with --trust role."),
    click.option("--external-id", help="spec.aws.externalId; with --trust role."),
)


def policy_options(command: Callable[..., T]) -> Callable[..., T]:
    return functools.reduce(lambda made, option: option(made), reversed(_OPTIONS), command)


def run(given: dict[str, Any]) -> None:
    """Print it. Raises click.UsageError that names the option and the mend."""
    try:
        document, notes = _trust(given) if given["trust"] else _permissions(given)
    except Refused as refused:
        raise click.UsageError(refused.message) from None
    click.echo(json.dumps(document, indent=2))
    for note in notes:
        click.echo(f"# {note}", err=True)


def _trust(given: dict[str, Any]) -> tuple[Document, list[str]]:
    site, who = Site(given["region"], given["account"]), (given["namespace"], given["service_account"])
    if given["trust"] == "pod-identity":
        return trust_pod_identity(*who), [f"for ServiceAccount {'/'.join(who)}, by the session tags of EKS Pod Identity"]
    if given["trust"] == "irsa":
        issuer = given["oidc_issuer"] or _missing("--oidc-issuer", "aws eks describe-cluster … identity.oidc.issuer")
        if site.account == "*":
            _missing("--account", "the account of the OIDC provider")
        return trust_irsa(issuer, site, *who), [f"for ServiceAccount {'/'.join(who)} of the cluster with that issuer"]
    operator = given["operator_role"] or _missing("--operator-role", "the ARN of the operator's own role")
    return trust_role(operator, given["external_id"], given["cluster_name"]), [f"lets {operator} in"]


def _missing(option: str, what: str) -> NoReturn:
    raise click.UsageError(f"{option}: required here; {what}")


def _permissions(given: dict[str, Any]) -> tuple[Document, list[str]]:
    asked = Request(
        (*(tuple(need for need in Need if need in given["methods"]) or METHODS), *(Need(one) for one in given["features"])),
        Site(given["region"], given["account"]),
        given["secret_prefix"],
        given["cluster_name"],
        *(given[name] for name in ("follow", "admins", "functions", "keys", "queue", "roles", "stack_role")),
    )
    if given["for_role"] and not given["files"]:
        _missing("-f", "--for-role picks the resources that name the role")
    wanted = by_resources(asked, list(_resources(given["files"])), given["for_role"]) if given["files"] else by_prefix(asked)
    document = policy(wanted)
    return document, [_counted(document), *_warnings(given, asked, document)]


def _resources(files: list[TextIO]) -> Iterator[tuple[str, str, Spec]]:
    """(namespace, name, spec) of every resource in the files; other kinds are passed over. Raises click.UsageError."""
    for file in files:
        try:
            documents: list[Any] = [one for one in yaml.safe_load_all(file) if isinstance(one, dict)]
        except yaml.YAMLError as error:
            raise click.UsageError(f"-f {Path(file.name).name}: {getattr(error, 'problem', None) or 'is no YAML'}") from None
        for document in documents:
            yield from _read(document, file.name)


def _read(document: Json, file: str) -> Iterator[tuple[str, str, Spec]]:
    for one in document.get("items") or [document]:
        if one.get("kind") != KIND:
            continue
        name = text(one, "metadata", "name") or ""
        try:
            yield text(one, "metadata", "namespace") or "default", name, parse_spec(part(one, "spec"))
        except Refused as refused:
            raise click.UsageError(f"-f {Path(file).name}: {name}: {refused.message}") from None


def _statements(document: Document) -> list[dict[str, Any]]:
    found: Any = document["Statement"]
    return found


def _counted(document: Document) -> str:
    statements = _statements(document)
    actions = {action for one in statements for action in one["Action"]}
    return f"{len(actions)} actions in {len(statements)} statements; {size(document)} of {MANAGED_LIMIT} characters of a managed policy"


def _warnings(given: dict[str, Any], asked: Request, document: Document) -> Iterator[str]:
    if not _statements(document):
        yield "nothing is asked for: no resource uses these rights"
    if size(document) > MANAGED_LIMIT:
        yield "too long for one managed policy: leave -f out and narrow it by --secret-prefix"
    scopes = {STATEMENTS[one["Sid"].rstrip("0123456789")].scope for one in _statements(document)}
    if not given["files"] and not asked.prefix:
        yield "no --secret-prefix: it reads every secret of the account and Region, and writes to all that carry an owner tag"
    if Scope.SECRETS in scopes and asked.cluster is None:
        yield "no --cluster-name: it writes to what any cluster owns under these names"
    if Scope.FUNCTIONS in scopes and not asked.functions and not given["files"]:
        yield "no --function: rotation may be given to any function of the account"
    if "*" in (asked.site.account, asked.site.region):
        yield "no --account or --region: its ARNs leave them open"
