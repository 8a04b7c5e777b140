"""The server process: `python -m tests.bed.aws [--port N] [--tell FILE]`."""

import argparse
import signal
import sys
from pathlib import Path

from tests.bed.aws.server import build


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bed.aws", description="AWS on this machine, for the bed.")
    parser.add_argument("--host", default="127.0.0.1", help="address of this machine (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port there (default: any free one)")
    parser.add_argument("--tell", type=Path, help="file that the port is written to once the server listens")
    asked = parser.parse_args()
    server = build(asked.host, asked.port)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    print(f"serving on {server.server_port}", flush=True)
    if asked.tell:
        whole = asked.tell.with_suffix(".new")
        whole.write_text(str(server.server_port))
        whole.rename(asked.tell)
    server.serve_forever()


if __name__ == "__main__":
    main()
