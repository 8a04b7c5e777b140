"""What is made from the chart and the CRD: `make chart`, or `python -m tests.chart.make`; a test compares."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from tests.bed.paths import REPO
from tests.chart import readme
from tests.support.chart import CHART, NAME, render

CRD = REPO / "crds" / "rotatedrdssecrets.yaml"
BUNDLE = REPO / "helm" / "bundle" / "install.yaml"
KUSTOMIZE = REPO / "helm" / "kustomize"
_OF_HELM = ("helm.sh/chart", "app.kubernetes.io/managed-by")
_MADE = "# Made from helm/rotated-rds by `make chart`; change it there.\n"


def chart_crd() -> str:
    return CRD.read_text()


def bundle() -> str:
    """All of it for `kubectl apply -f`: the chart with its default values, in a namespace of its own."""
    return _MADE + _yaml([_namespace(), *_objects()])


def base() -> str:
    """The same without the namespace, which the user's kustomization.yaml names."""
    return _MADE + _yaml(_objects())


def kustomization() -> str:
    return f"{_MADE}apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: {NAME}\nresources: [rotated-rds.yaml]\n"


FILES: dict[Path, Callable[[], str]] = {
    CHART / "files" / "crd.yaml": chart_crd,  # first: the others render it
    CHART / "README.md": readme.page,
    BUNDLE: bundle,
    KUSTOMIZE / "rotated-rds.yaml": base,
    KUSTOMIZE / "kustomization.yaml": kustomization,
}


def _objects() -> list[dict[str, Any]]:
    return [_without_helm(one) for one in render({}) if "helm.sh/hook" not in one["metadata"].get("annotations", {})]


def _namespace() -> dict[str, Any]:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME, "labels": labels}}


def _without_helm(one: dict[str, Any]) -> dict[str, Any]:
    """Nothing that says that Helm looks after it."""
    one["metadata"]["labels"] = {key: value for key, value in one["metadata"]["labels"].items() if key not in _OF_HELM}
    one["metadata"].get("annotations", {}).pop("helm.sh/resource-policy", None)
    if not one["metadata"].get("annotations", True):
        del one["metadata"]["annotations"]
    return one


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks; nothing by reference."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True

    def represent_scalar(self, tag: str, value: Any, style: str | None = None) -> yaml.ScalarNode:
        block = isinstance(value, str) and "\n" in value
        return super().represent_scalar(tag, value, "|" if block else style)  # pyright: ignore[reportUnknownMemberType]  untyped there


def _yaml(objects: Iterable[dict[str, Any]]) -> str:
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, width=140, allow_unicode=True)


def main() -> int:
    for path, make in FILES.items():
        text = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"written: {path.relative_to(REPO)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
