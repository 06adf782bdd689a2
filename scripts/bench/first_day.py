"""Time and peak memory of each command of a researcher's first day, with models of full size.

python scripts/bench/first_day.py [--folder DIR] [--steps 2] [--tiny]

Corpora of three birds in their published layouts, and BioCLIP-2's ViT-L/14 and BioLingual's HTSAT
and RoBERTa with random weights, which changes neither time nor memory. The calibration of a model
that has learned nothing is refused (exit 1), after the work. Each command is a process of its
own; its peak is that of the largest process. The hub is a server of this machine.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from train.birds.report import machine

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.first_day import REPO, Day, Stage
from tests.support.hub import Hub
from tests.support.published_models import FULL, TINY

_CALL = "import sys; from {} import main; sys.exit(main(sys.argv[1:]))"
_ROOT = Path(__file__).resolve().parents[2]


def measured(stage: Stage, day: Day, endpoint: str = "") -> str:
    """Run a command; a row of the table."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(_ROOT),
        "XDG_DATA_HOME": str(day.root / "data"),
        **({"HF_ENDPOINT": endpoint} if endpoint else {}),
    }
    command = [sys.executable, "-c", _CALL.format(stage.module), *stage.arguments]
    began = time.monotonic()
    with (day.root / f"{stage.name}.txt").open("w") as said:
        process = subprocess.Popen(command, cwd=day.root, env=environment, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
    took, cpu = time.monotonic() - began, usage.ru_utime + usage.ru_stime
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss / 1024
    return f"| {stage.name} | {took:.0f} | {cpu:.0f} | {peak:,.0f} | {process.returncode} |"


def play(day: Day, steps: int) -> None:
    """Play the day and print its table."""
    day.root.mkdir(parents=True)
    day.unpack()
    print("| command | s | CPU, s | peak, MiB | exit |\n|---|---|---|---|---|", flush=True)
    for stage in day.stages(steps):
        print(measured(stage, day), flush=True)
    with Hub() as hub:
        hub.add(REPO, day.repository)
        for name in ("fetch and identify", "identify again"):
            stage = day.listen()
            named = Stage(name, stage.module, stage.arguments)
            print(measured(named, day, hub.url), flush=True)
    print(f"\n{machine()}")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder", type=Path, help="a new one, which is kept; default: a temporary one"
    )
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--tiny", action="store_true", help="the tests' models")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = (args.folder or Path(temporary) / "day").absolute()
        play(Day(root, TINY if args.tiny else FULL), args.steps)


if __name__ == "__main__":
    main()
