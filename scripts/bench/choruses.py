"""Singers of unseen dawn choruses that the listener finds, and those it invents.

python scripts/bench/choruses.py [--seeds 101 102 103] [--bundle DIR]

Each chorus is made afresh; its truth is moved away before `birdlisten` is started.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Print a line a chorus and the sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103])
    parser.add_argument("--bundle", default=str(ROOT / "edge" / "bundles" / "aviary"))
    args = parser.parse_args()
    found = singing = 0
    for seed in args.seeds:
        truth, reported = _chorus(seed, args.bundle)
        found, singing = found + len(truth & reported), singing + len(truth)
        wrong, missed = sorted(reported - truth), sorted(truth - reported)
        print(f"seed {seed}: {len(truth & reported)} of {len(truth)} found, missed {missed}, "
              f"wrong {wrong}")  # fmt: skip
    print(f"all: {found} of {singing} found ({found / singing:.3f})")


def _chorus(seed: int, bundle: str) -> tuple[set[str], set[str]]:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as elsewhere:
        aviary = [sys.executable, str(ROOT / "scripts" / "aviary.py")]
        subprocess.run(
            [*aviary, "chorus", "--seed", str(seed), "--output", folder],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        truth = (Path(folder) / "chorus.csv").rename(Path(elsewhere) / "truth.csv")
        with truth.open(encoding="utf-8", newline="") as file:
            singing = {row["scientific_name"] for row in csv.DictReader(file)}
        listen = [sys.executable, "-m", "edge", "listen", "--json", "--quiet", "--bundle", bundle]
        reported = subprocess.run(
            [*listen, "--input", f"{folder}/chorus.flac"], check=True, stdout=subprocess.PIPE
        )
    return singing, {json.loads(line)["scientific_name"] for line in reported.stdout.splitlines()}


if __name__ == "__main__":
    main()
