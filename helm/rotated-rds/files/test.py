"""`helm test`: the API server serves the resource, and the operator's Service answers. Exit 1 names what does not hold."""

import os
import ssl
import sys
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def kubernetes(path: str) -> str:
    """Ask the API server with this pod's own token, which has no rights beyond what everybody may read."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    token = (ACCOUNT / "token").read_text().strip()
    request = urllib.request.Request(f"https://{host}:{port}{path}", headers={"Authorization": f"Bearer {token}"})
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urllib.request.urlopen(request, timeout=10, context=trust) as answer:
        return answer.read().decode()


def page(path: str) -> str:
    """Ask the operator's Service, by the variables that Kubernetes gives each pod for it: no DNS is needed."""
    service = os.environ["SERVICE"]
    host, port = os.environ[f"{service}_SERVICE_HOST"], os.environ[f"{service}_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=10) as answer:
        return answer.read().decode()


def main() -> int:
    failed = False
    checks = [("the CRD is served", lambda: kubernetes("/apis/rotated-rds.io/v1alpha1"), '"rotatedrdssecrets"')]
    if os.environ.get("SERVICE"):
        checks.append(("the Service leads to an operator that is ready", lambda: page("/readyz"), "ok"))
        checks.append(("it shows its metrics", lambda: page("/metrics"), "rotated_rds_build_info"))
    for what, ask, expected in checks:
        try:
            fault = "" if expected in ask() else f"the answer lacks {expected}"
        except (OSError, KeyError) as error:
            fault = f"{type(error).__name__}: {error}"
        print(f"{'FAILED' if fault else 'ok'}: {what}{': ' + fault if fault else ''}", flush=True)
        failed = failed or bool(fault)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
