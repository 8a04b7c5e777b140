"""Correction 1, the pure part: which version holds which staging label, and how labels move.

Rules: one holder a label; AWSPREVIOUS follows AWSCURRENT; a version whose last label is gone is deprecated but stays.
"""

from collections.abc import Iterable
from typing import Any

from tests.bed.aws.errors import Refusal, invalid_parameter

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
MOST_LABELS = 20

Version = dict[str, Any]
Versions = dict[str, Version]


def new(version_id: str, now: float) -> Version:
    """A version in the shape moto stores it, without a label and without a value."""
    return {"createdate": now, "version_id": version_id, "version_stages": []}


def has_value(version: Version) -> bool:
    return "secret_string" in version or "secret_binary" in version


def same_value(version: Version, text: str | None, binary: str | None) -> bool:
    return version.get("secret_string") == text and version.get("secret_binary") == binary


def holder(versions: Versions, label: str) -> str | None:
    """The version that carries a label; None when nobody does."""
    return next((key for key, version in versions.items() if label in version["version_stages"]), None)


def labelled(versions: Versions) -> dict[str, list[str]]:
    """Only versions that carry a label, as DescribeSecret and ListSecrets show them."""
    return {key: list(version["version_stages"]) for key, version in versions.items() if version["version_stages"]}


def remove(versions: Versions, label: str) -> str | None:
    """Take a label off whoever holds it. A version that has neither label nor value is gone for good."""
    held = holder(versions, label)
    if held is not None:
        versions[held]["version_stages"].remove(label)
        if not versions[held]["version_stages"] and not has_value(versions[held]):
            del versions[held]
    return held


def attach(versions: Versions, label: str, to: str) -> None:
    """Give a label to one version, away from any other; AWSPREVIOUS goes where AWSCURRENT came from."""
    if holder(versions, label) == to:
        return
    left = remove(versions, label)
    versions[to]["version_stages"].append(label)
    if label == CURRENT:
        remove(versions, PREVIOUS)
        if left is not None:
            versions[left]["version_stages"].append(PREVIOUS)


def attach_all(versions: Versions, labels: Iterable[str], to: str) -> None:
    for label in labels:
        attach(versions, label, to)
    if sum(len(version["version_stages"]) for version in versions.values()) > MOST_LABELS:
        raise Refusal("LimitExceededException", f"A secret can carry at most {MOST_LABELS} staging labels.")


def check_move(versions: Versions, label: str, remove_from: str | None, move_to: str | None) -> None:
    """UpdateSecretVersionStage's own conditions; the label's present holder must be named, exactly.

    Source: API reference, UpdateSecretVersionStage: "if you include this parameter and the label isn't attached to that version, or
    leave it out while the label is attached to another version, the operation fails".
    """
    held = holder(versions, label)
    for named in (remove_from, move_to):
        if named is not None and named not in versions:
            raise invalid_parameter(f"Not a valid version: {named}")
    if remove_from is not None and remove_from != held:
        raise invalid_parameter(f"Staging label {label} is not attached to version {remove_from}.")
    if move_to is None:
        _check_removal(label, remove_from)
    elif held is not None and held != move_to and remove_from is None:
        raise invalid_parameter(
            f"The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to version {held}, "
            "so you must explicitly reference that version in RemoveFromVersionId."
        )
    elif label == CURRENT and not has_value(versions[move_to]):
        raise invalid_parameter(f"Version {move_to} holds no value.")


def _check_removal(label: str, remove_from: str | None) -> None:
    if remove_from is None:
        raise invalid_parameter("You must provide MoveToVersionId, RemoveFromVersionId or both.")
    if label == CURRENT:
        raise invalid_parameter(f"You can only move staging label {CURRENT} to a different secret version. It can't be completely removed.")
