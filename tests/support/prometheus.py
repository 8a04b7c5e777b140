"""A real Prometheus on loopback that scrapes what a test runs."""

import contextlib
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.bed import prometheus
from tests.bed.bed import Bed
from tests.bed.ports import on_free_ports

Json = dict[str, Any]


@dataclass(frozen=True)
class Prometheus:
    """port: its own."""

    port: int

    def ask(self, path: str, **query: str) -> Any:
        """The data of an answer of its API. Raises AssertionError with what it complains of."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from error

    def values(self, query: str) -> list[tuple[Json, float]]:
        """What a query gives now: labels and value."""
        return [(one["metric"], float(one["value"][1])) for one in self.ask("query", query=query)["result"]]

    def alerts(self) -> set[str]:
        """Names of alerts whose query holds, whether or not for long enough to fire."""
        return {one["labels"]["alertname"] for one in self.ask("alerts")["alerts"]}


@contextlib.contextmanager
def scraping(bed: Bed, folder: Path, job: str, ports: Sequence[int], rules: Path) -> Generator[Prometheus]:
    """Prometheus while the block runs; it scrapes each port of loopback once a second, and goes by the rules as often."""
    config = folder / "prometheus.yaml"
    targets = [{"targets": [f"127.0.0.1:{port}" for port in ports]}]
    scrape = {"job_name": job, "honor_labels": True, "static_configs": targets}
    everywhere = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config.write_text(yaml.safe_dump({"global": everywhere, "rule_files": [str(rules)], "scrape_configs": [scrape]}))
    name = f"prometheus-{folder.name}"

    def argv(ports: Sequence[int]) -> list[str | Path]:
        where = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{ports[0]}"]
        return [prometheus.program("prometheus"), *where]

    (port,) = on_free_ports(bed, name, 1, argv, lambda ports: _ready(ports[0]))
    try:
        yield Prometheus(port)
    finally:
        if one := bed.processes.named(name):
            bed.processes.end(one)


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
