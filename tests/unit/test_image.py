"""What the image's build decides: which CA bundle it takes, and what it leaves out."""

import hashlib
import re
from pathlib import Path

import pytest
from botocore.session import Session

from image import ca_bundle, prune
from tests.bed.paths import REPO
from tests.bed.pki import Authority


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Authority(tmp_path / "pki").ca.certificate


def told(file: Path, **more: str) -> dict[str, str]:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return {f"RDS_CA_BUNDLE_{name}": value for name, value in {"FILE": str(file), "SHA256": digest, **more}.items()}


def test_a_bundle_of_the_pinned_digest_is_taken_with_its_source(tmp_path: Path, bundle: Path) -> None:
    target = tmp_path / "etc" / "bundle.pem"
    assert ca_bundle.main(target, told(bundle)) == 0
    assert target.read_bytes() == bundle.read_bytes()
    assert f"source: {bundle}" in target.with_suffix(".source").read_text()


def test_a_bundle_of_another_digest_is_refused(tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "bundle.pem"
    assert ca_bundle.main(target, told(bundle, SHA256="0" * 64)) == 1
    assert not target.exists()
    assert "RDS_CA_BUNDLE_SHA256" in capsys.readouterr().err


def test_a_file_without_a_certificate_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate\n")
    assert ca_bundle.main(tmp_path / "bundle.pem", told(empty)) == 1


def test_a_bundle_that_cannot_be_had_names_the_argument(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ca_bundle.main(tmp_path / "bundle.pem", {"RDS_CA_BUNDLE_URL": "http://127.0.0.1/plain.pem"}) == 1
    assert "RDS_CA_BUNDLE_URL" in capsys.readouterr().err


def test_the_bundle_stands_where_the_operator_looks_for_it() -> None:
    dockerfile = (REPO / "Dockerfile").read_text()
    rooms = "".join(path.read_text() for path in (REPO / "operator/rotated_rds/commands").glob("*.py"))
    looked = re.search(r'_RDS_BUNDLE = Path\("(.+)/(.+?)"\)', rooms)
    assert looked
    assert f"COPY --from=build /build/etc/ {looked[1]}/\n" in dockerfile
    assert f"/build/etc/{looked[2]}\n" in dockerfile


def test_every_service_that_the_clients_name_keeps_its_description() -> None:
    rooms = [*(REPO / "operator/rotated_rds/clients").glob("*.py"), REPO / "operator/rotated_rds/function.py"]
    words = {word for room in rooms for word in re.findall(r'"([a-z][a-z0-9-]+)"', room.read_text())}
    named = words & set(Session().get_available_services())
    assert "secretsmanager" in named
    assert named <= prune.SERVICES


def test_pruning_takes_what_is_not_used_and_leaves_the_rest(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3.13" / "site-packages"
    gone = ("kubernetes/aio", "kopf/tests", "botocore/data/ec2")
    stays = ("kubernetes/client", "kopf", "botocore/data/rds", "rotated_rds")
    for name in (*gone, *stays):
        (packages / name).mkdir(parents=True, exist_ok=True)
    (packages / "botocore/data/endpoints.json").touch()
    assert prune.main(tmp_path) == 0
    assert not any((packages / name).exists() for name in gone)
    assert all((packages / name).exists() for name in (*stays, "botocore/data/endpoints.json"))


def test_the_image_carries_the_project_s_version() -> None:
    version = re.search(r'__version__ = "(.+)"', (REPO / "operator/rotated_rds/__init__.py").read_text())
    assert version
    assert f"ARG VERSION={version[1]}\n" in (REPO / "Dockerfile").read_text()
