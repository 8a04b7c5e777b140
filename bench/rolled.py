"""When a Deployment runs on a version."""

from collections.abc import Mapping
from typing import Any

from rotated_rds.model.document import entries, part, text


def annotated(deployment: Mapping[str, Any], secret: str) -> str | None:
    """The version of a Secret that its Pod template names."""
    return text(deployment, "spec", "template", "metadata", "annotations", f"rotated-rds.io/version.{secret}")


def complete(deployment: Mapping[str, Any]) -> bool:
    """As `kubectl rollout status` judges it."""
    status, wanted = part(deployment, "status"), deployment["spec"]["replicas"]
    fresh = status.get("observedGeneration") == deployment["metadata"]["generation"]
    return fresh and all(status.get(name) == wanted for name in ("replicas", "updatedReplicas", "availableReplicas"))


def says(resource: Mapping[str, Any], condition: str) -> bool:
    """Whether a condition of the resource is True."""
    return any(one["type"] == condition and one["status"] == "True" for one in entries(resource, "status", "conditions"))


def is_ready(resource: Mapping[str, Any], version: str | None) -> bool:
    """Whether the resource is Ready on a version."""
    return says(resource, "Ready") and text(resource, "status", "versionId") == version
