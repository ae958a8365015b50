"""Runs the benchmarks; scripts/bench.sh calls it, with BIN_DIR naming a release build."""
import argparse
import os
import signal
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "e2e")]

import bench_loginsvc  # noqa: E402
import bench_tokend  # noqa: E402

MOST_APPS = 10000


def count_of_apps(text):
    number = int(text)
    if not 200 <= number <= MOST_APPS:
        raise argparse.ArgumentTypeError(f"expected a number from 200 to {MOST_APPS}")
    return number


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench.sh", description=__doc__)
    parser.add_argument("what", nargs="?", default="all", choices=("tokend", "loginsvc", "all"))
    parser.add_argument("--apps", type=count_of_apps, default=MOST_APPS,
                        help="how many apps one tokend has; default %(default)s")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        if args.what in ("tokend", "all"):
            bench_tokend.bench(folder, args.apps)
        if args.what in ("loginsvc", "all"):
            bench_loginsvc.bench(folder)


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(f"The measurement failed: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
