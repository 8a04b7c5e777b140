"""The Prometheus names of the public contract."""

import contextlib
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from rotated_rds.model.spec import Method

REGISTRY = CollectorRegistry()
_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)

RESOURCES = Gauge("rotated_rds_resources", "Resources by condition and its status.", ["condition", "status"], registry=REGISTRY)
RECONCILE_SECONDS = Histogram("rotated_rds_reconcile_seconds", "Duration of one pass.", buckets=_SECONDS, registry=REGISTRY)
RECONCILE_ERRORS = Counter("rotated_rds_reconcile_errors", "Stages that ended with a problem.", ["stage", "reason"], registry=REGISTRY)
ROTATIONS = Counter("rotated_rds_rotations", "Rotations that ended.", ["method", "result"], registry=REGISTRY)
ROTATION_SECONDS = Histogram(
    "rotated_rds_rotation_seconds", "From a rotation's start to AWSCURRENT moved.", buckets=_SECONDS, registry=REGISTRY
)
PROPAGATION_SECONDS = Histogram(
    "rotated_rds_propagation_seconds", "From the change in AWS to the Kubernetes Secret.", buckets=_SECONDS, registry=REGISTRY
)
RESTARTS = Counter("rotated_rds_restarts", "Workload restarts that were started or ended.", ["kind", "result"], registry=REGISTRY)
LAST_ROTATION = Gauge(
    "rotated_rds_last_rotation_timestamp_seconds", "When the password last rotated.", ["namespace", "name"], registry=REGISTRY
)
NEXT_ROTATION = Gauge(
    "rotated_rds_next_rotation_timestamp_seconds", "When the password rotates next.", ["namespace", "name"], registry=REGISTRY
)
AWS_CALLS = Counter("rotated_rds_aws_calls", "Calls of AWS by their outcome.", ["service", "operation", "code"], registry=REGISTRY)
SYNC_LAG = Histogram(
    "rotated_rds_sync_lag_seconds", "From a change in AWS to the operator's knowing of it.", ["source"], buckets=_SECONDS, registry=REGISTRY
)
LAST_SWEEP = Gauge("rotated_rds_last_sweep_timestamp_seconds", "When the last ListSecrets sweep ended.", registry=REGISTRY)
QUEUE_DEPTH = Gauge("rotated_rds_queue_depth", "Messages in hand that wait for their pass.", registry=REGISTRY)
LEADER = Gauge("rotated_rds_leader", "1 while this replica holds the Lease.", registry=REGISTRY)
BUILD_INFO = Gauge("rotated_rds_build_info", "1, with the version.", ["version"], registry=REGISTRY)

# A series that is born with its first count shows no increase: what counts seldom, and by labels that are known, begins at 0.
for _of in product(Method, ("Succeeded", "Failed")):
    ROTATIONS.labels(*_of)
for _of in product(("Deployment", "StatefulSet", "DaemonSet", "Rollout"), ("Started", "Ready", "Failed")):
    RESTARTS.labels(*_of)


def remove(gauge: Gauge, *labels: str) -> None:
    """Show the series of these labels no more, if it was shown."""
    with contextlib.suppress(KeyError):
        gauge.remove(*labels)
