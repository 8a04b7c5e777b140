"""`python3 -m tests.bed.venv python -m tests.support.iam [JOURNEY …]`: what was called, what is granted, the difference both ways."""

import secrets
import sys
from collections.abc import Sequence

from tests.bed import session
from tests.bed.api import Api
from tests.bed.kubeconfig import admin_kubeconfig
from tests.support.iam.journeys import JOURNEYS, travel
from tests.support.iam.report import Report
from tests.support.nursery import nursery


def main(words: Sequence[str]) -> int:
    session.claim()
    reports: list[Report] = []
    try:
        bed = session.need(["kubernetes", "postgres", "aws"])
        api = Api(admin_kubeconfig(bed))
        with nursery(bed) as forking:
            for name in words or JOURNEYS:
                namespace = f"iam-{secrets.token_hex(4)}"
                api.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
                for report in travel(name, forking, api, namespace, bed.facts()["postgres"], bed.facts()["aws"]):
                    reports.append(report)
                    print("\n".join(report.lines()), end="\n\n", flush=True)
                api.call("DELETE", f"/api/v1/namespaces/{namespace}")
    finally:
        session.close()
    exact = sum(report.exact for report in reports)
    print(f"{exact} of {len(reports)} policies are exact: nothing granted that is not used, nothing used that is not granted")
    return 0 if exact == len(reports) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
