"""The server process: `python -m tests.bed.aws --port N`."""

import argparse
import signal
import sys

from tests.bed.aws.server import build


def main() -> None:
    parser = argparse.ArgumentParser(description="AWS on loopback, for the bed.")
    parser.add_argument("--port", type=int, required=True)
    server = build(parser.parse_args().port)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    print(f"serving on {server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
