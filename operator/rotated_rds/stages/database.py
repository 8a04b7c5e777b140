"""DatabaseResolved: spec → Endpoint."""

from datetime import timedelta

from rotated_rds.acts import managed
from rotated_rds.acts.view import Pass
from rotated_rds.clients import addresses, databases
from rotated_rds.clients.deadline import Deadline
from rotated_rds.model.database import Endpoint, Engine, Tls, TlsMode
from rotated_rds.model.document import text
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.spec import Method, Spec
from rotated_rds.model.status import DatabaseStatus, Kind, Result, Status, holds

RESOLVE_EVERY = timedelta(hours=6)


def run(one: Pass) -> Result[Endpoint]:
    """Where the database listens. RDS is asked when nothing is known, when it does not answer, and every 6 hours."""
    spec = one.spec.database
    one.permit  # noqa: B018  refuses a role or a Region before either is used
    tls = Tls(spec.tls.mode, _ca_file(one), spec.tls.server_name)
    found = remembered(one.spec, one.before) if not _to_resolve(one) else None
    if found is None:
        found = _resolve(one)
        one.world.ages.note("resolve", one.key, one.now)
    endpoint = Endpoint(found.engine, found.host, found.port, spec.name or _default_name(found.engine), tls, found.reader_host)
    check_tls(one.spec, endpoint)
    _check_place(one, endpoint)
    return holds(
        endpoint,
        f"{endpoint.engine} at {endpoint.address}",
        database=found.model_copy(update={"last_verified": one.before.database.last_verified if one.before.database else None}),
    )


def _to_resolve(one: Pass) -> bool:
    if one.spec.database.host:
        return True
    verified = one.before.condition(Kind.CREDENTIAL_VERIFIED)
    unreachable = verified is not None and verified.reason in (Reason.UNREACHABLE, Reason.TLS_FAILED)
    return (
        not one.settled(Kind.DATABASE_RESOLVED)
        or unreachable
        or one.asks("sync")
        or one.world.ages.older_than("resolve", one.key, RESOLVE_EVERY, one.now)
    )


def remembered(spec: Spec, before: Status) -> DatabaseStatus | None:
    """What status says of the endpoint, where RDS said it before."""
    return None if spec.database.host else before.database


def _resolve(one: Pass) -> DatabaseStatus:
    spec = one.spec.database
    if spec.host and spec.engine:
        return DatabaseStatus(engine=spec.engine, host=spec.host, port=spec.port or spec.engine.port)
    found = one.world.rds(one.key, one.spec).find(spec.instance, spec.cluster)
    if one.spec.method is Method.RDS_MANAGED:
        managed.check_master(found, spec)
    return DatabaseStatus(engine=found.engine, host=found.host, port=found.port, reader_host=found.reader_host)


def check_tls(spec: Spec, endpoint: Endpoint) -> None:
    """verify-* where clear text or an administrator's password goes over the wire (the CRD checks it where the engine is typed)."""
    mode = endpoint.tls.mode
    if mode.verified:
        return
    if spec.user.admin_secret_id:
        raise Refused(Reason.INVALID_SPEC, f"spec.database.tls.mode: {mode} with spec.user.adminSecretId; set verify-full or verify-ca")
    if endpoint.engine is Engine.MYSQL and spec.method is Method.OPERATOR:
        raise Refused(
            Reason.INVALID_SPEC,
            f"spec.database.tls.mode: {mode} with MySQL and method Operator, which sends the new password; set verify-full or verify-ca",
        )


def _default_name(engine: Engine) -> str | None:
    return "postgres" if engine is Engine.POSTGRES else None


def _ca_file(one: Pass) -> str | None:
    tls = one.spec.database.tls
    if tls.mode is TlsMode.DISABLE:
        return None
    if tls.ca_config_map_ref is None:
        return one.world.ca_files.default()
    ref, field = tls.ca_config_map_ref, "spec.database.tls.caConfigMapRef"
    found = one.world.kubernetes.config_map(one.key.namespace, ref.name)
    pem = text(found, "data", ref.key)
    if pem is None:
        raise Refused(
            Reason.INVALID_SPEC, f"{field}: ConfigMap {ref.name!r} has no key {ref.key!r} in this namespace; create it with a PEM bundle"
        )
    return one.world.ca_files.given(pem, field)


def _check_place(one: Pass, endpoint: Endpoint) -> None:
    """Tenancy against what was resolved, on every pass: an address may move (SAFETY.md G4)."""
    resolved = addresses.resolve(endpoint.host, endpoint.port, Deadline(databases.LOGIN_TIMEOUT))
    field = next(f"spec.database.{name}" for name in ("host", "instance", "cluster") if getattr(one.spec.database, name))
    if one.spec.database.host:
        one.permit.check_host(endpoint.host)
    one.permit.check_addresses(endpoint.host, resolved, field)
