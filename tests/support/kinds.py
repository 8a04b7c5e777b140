"""Kinds that a test brings to the API server itself."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from tests.bed.api import Api, ApiError
from tests.bed.processes import until

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def given_kinds(api: Api, crds: Sequence[dict[str, Any]]) -> None:
    """Apply CRDs, and wait until their kinds are served. One that is there already stays as it is."""
    for crd in crds:
        name = crd["metadata"]["name"]
        if api.get(f"{_CRDS}/{name}") is None:
            api.call("PATCH", f"{_CRDS}/{name}?fieldManager=bed", crd, content="application/apply-patch+yaml")
        spec = crd["spec"]
        path = f"/apis/{spec['group']}/{next(one['name'] for one in spec['versions'] if one['storage'])}/{spec['names']['plural']}"
        until(f"{path} is served", lambda path=path: _served(api, path))


def _served(api: Api, path: str) -> bool:
    try:
        return api.get(path) is not None
    except ApiError as error:
        if error.code != HTTPStatus.TOO_MANY_REQUESTS:  # its storage is being set up
            raise
        return False
