"""A search for passwords in everything that can print, however they are written there."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from tests.bed.api import Api
from tests.bed.bed import Bed
from tests.support.aws import Aws


def spellings(password: str) -> Mapping[str, str]:
    """How a password may stand in a text: as it is, escaped, encoded; in base64 also in the middle of something."""
    raw = password.encode()
    inside = {
        f"base64, {shift} in": base64.b64encode(b"\0" * shift + raw)[_skipped(shift) : _whole(shift, raw)].decode() for shift in range(3)
    }
    return {
        "plain": password,
        "JSON": json.dumps(password)[1:-1],
        "repr": repr(password)[1:-1],
        "URL": quote(password, safe=""),
        "form": quote_plus(password),
        "hex": raw.hex(),
        **inside,
    }


def _skipped(shift: int) -> int:
    """Characters of base64 that hold a part of what stands before."""
    return (0, 2, 3)[shift]


def _whole(shift: int, raw: bytes) -> int:
    """Where the characters end that hold nothing of what comes after."""
    return (shift + len(raw)) * 8 // 6


@dataclass
class Search:
    """passwords: each with what it was. sources: where to look, each text by its name."""

    passwords: dict[str, str] = field(default_factory=dict[str, str])
    sources: dict[str, str] = field(default_factory=dict[str, str])

    def found(self) -> list[str]:
        """Which password stands where, and how it is spelled; never the password itself."""
        spelled = [(what, how, text) for password, what in self.passwords.items() for how, text in spellings(password).items()]
        return [f"{what} in {name}, {how}" for name, source in self.sources.items() for what, how, text in spelled if text in source]

    def add_versions(self, aws: Aws, arns: Iterable[str]) -> None:
        """The password of every version of these secrets, deprecated ones too, whatever its text is."""
        client: Any = aws.client("secretsmanager")
        for arn in arns:
            for version in client.list_secret_version_ids(SecretId=arn, IncludeDeprecated=True)["Versions"]:
                text = client.get_secret_value(SecretId=arn, VersionId=version["VersionId"])["SecretString"]
                self.passwords[_password_in(text)] = f"version {version['VersionId'][:8]} of {arn}"

    def add_logs(self, bed: Bed, database_logs: Iterable[str]) -> None:
        """Every log of every process of the bed, and what the databases write elsewhere."""
        for path in [*sorted((bed.folder / "log").iterdir()), *map(Path, database_logs)]:
            self.sources[f"log {path.name}"] = path.read_text(errors="replace")

    def add_objects(self, api: Api, namespace: str) -> None:
        """All that a namespace's objects say of themselves and of each other; of Secrets their metadata, with managedFields."""
        for base, plurals in _PLURALS.items():
            for plural in plurals:
                for one in api.call("GET", f"{base}/namespaces/{namespace}/{plural}")["items"]:
                    shown = {"metadata": one["metadata"]} if plural == "secrets" else one
                    self.sources[f"{plural}/{namespace}/{one['metadata']['name']}"] = json.dumps(shown, ensure_ascii=False)


_PLURALS = {
    "/api/v1": ("secrets", "configmaps", "events", "pods"),
    "/apis/events.k8s.io/v1": ("events",),
    "/apis/rotated-rds.io/v1alpha1": ("rotatedrdssecrets",),
    "/apis/apps/v1": ("deployments", "replicasets", "controllerrevisions"),
    "/apis/coordination.k8s.io/v1": ("leases",),
}


def _password_in(text: str) -> str:
    """A version's password; of a text that is no JSON, what follows the key."""
    try:
        return str(json.loads(text)["password"])
    except ValueError:
        return text.rpartition('"password": "')[2].partition('"')[0]
