"""What the chart's own pods look at: `test` for `helm test`, `finalizers` before `helm uninstall`. Standard library only."""

import json
import os
import ssl
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
GROUP = "/apis/rotated-rds.io/v1alpha1"
PATIENCE = 10  # seconds


def ask(service: str, path: str, scheme: str = "http", trust: ssl.SSLContext | None = None, **headers: str) -> str:
    """Get a page of a Service, by the variables that Kubernetes gives each pod for it: no DNS is needed."""
    host, port = os.environ[f"{service}_SERVICE_HOST"], os.environ[f"{service}_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    request = urllib.request.Request(f"{scheme}://{host}:{port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE, context=trust) as answer:
        return answer.read().decode()


def kubernetes(path: str) -> str:
    """Ask the API server with this pod's own token."""
    token = (ACCOUNT / "token").read_text().strip()
    return ask("KUBERNETES", path, "https", ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt")), Authorization=f"Bearer {token}")


def test(service: str) -> int:
    """Look whether the API server serves the resource and the operator's Service answers; 1 names what does not hold."""
    checks: list[tuple[str, Callable[[], str], str]] = [("the CRD is served", lambda: kubernetes(GROUP), '"rotatedrdssecrets"')]
    if service:
        checks.append(("the Service leads to an operator that is ready", lambda: ask(service, "/readyz"), "ok"))
        checks.append(("it shows its metrics", lambda: ask(service, "/metrics"), "rotated_rds_build_info"))
    faults = [fault_of(*check) for check in checks]
    for (what, _, _), fault in zip(checks, faults, strict=True):
        print(f"FAILED: {what}: {fault}" if fault else f"ok: {what}")
    return 1 if any(faults) else 0


def fault_of(_what: str, look: Callable[[], str], expected: str) -> str:
    try:
        return "" if expected in look() else f"the answer lacks {expected}"
    except (OSError, KeyError) as error:
        return f"{type(error).__name__}: {error}"


def finalizers(namespaces: str) -> int:
    """List the resources that would hang when they are deleted without an operator. Never fails: an uninstall must not wait for it."""
    places = [f"{GROUP}/namespaces/{one}/rotatedrdssecrets" for one in namespaces.split(",") if one] or [f"{GROUP}/rotatedrdssecrets"]
    try:
        found = [one for place in places for one in json.loads(kubernetes(place))["items"] if one["metadata"].get("finalizers")]
    except (OSError, KeyError, ValueError) as error:
        print(f"the resources cannot be listed: {type(error).__name__}: {error}")
        return 0
    print(f"{len(found)} resources have a finalizer: a rotation is under way, which nobody finishes without the operator")
    for one in found:
        print(f"  {one['metadata']['namespace']}/{one['metadata']['name']}: {', '.join(one['metadata']['finalizers'])}")
    return 0


if __name__ == "__main__":
    sys.exit({"test": test, "finalizers": finalizers}[sys.argv[1]](sys.argv[2]))
