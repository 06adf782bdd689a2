"""Hostile inputs, made by structure: no traceback, no hang, no memory beyond what they hold.

python scripts/bench/hostile.py [--count 10000] [--seed 0] [--only bundle,recording] [--output DIR]

Inputs of eight kinds (`tests/support/hostile.py`), as many of each, are drawn by hypothesis and
given to the real commands in worker processes, which have heard a sound before. Counted as
findings: an exception or a traceback, a process that dies, more than 10 s, and a peak of memory
above twice the input and 100 MB.
"""

import argparse
import contextlib
import ctypes
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hypothesis

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from edge.cli import main as birdlisten
from tests.support.hostile import KINDS, harmless, take_up
from train.birds.report import machine

_LONGEST_S, _SPARE_BYTES = 10.0, 100_000_000
_BATCH = 250
"""Inputs a worker process."""


class Worker:
    """Takes inputs up in this process, and says on a pipe how each went.

    Args:
        folder: where the input is written.
        pipe: a line of JSON an input.
    """

    def __init__(self, folder: Path, pipe: Any) -> None:
        self._folder, self._pipe = folder, pipe
        self._said = (folder / "said").open("w+")
        os.dup2(self._said.fileno(), 1)
        os.dup2(self._said.fileno(), 2)

    def __call__(self, given: Any) -> None:
        """Take one up."""
        self._said.seek(0)
        self._said.truncate()
        before, begun = _reset_peak(), time.monotonic()
        self._tell(begun=True)
        problem = None
        with contextlib.suppress(SystemExit):
            try:
                take_up(given, self._folder / "input", birdlisten)
            except Exception:
                problem = traceback.format_exc()[-2000:]
        grown = _peak() - before
        said = (self._folder / "said").read_text(errors="replace")
        if "Traceback" in said:
            problem = said[-2000:]
        held = sum(path.lstat().st_size for path in (self._folder / "input").rglob("*"))
        if grown > 2 * held + _SPARE_BYTES:
            problem = problem or f"{grown / 1e6:.0f} MB of memory for {held} bytes"
        self._tell(seconds=time.monotonic() - begun, grown=grown, problem=problem)

    def _tell(self, **values: Any) -> None:
        print(json.dumps(values), file=self._pipe, flush=True)


def work(kind: str, count: int, seed: int, folder: Path) -> None:
    """Draw and take up as many inputs of a kind."""
    with os.fdopen(os.dup(1), "w") as pipe:
        worker = Worker(folder, pipe)
        take_up(harmless, folder / "input", birdlisten)
        run = hypothesis.given(KINDS[kind]())(worker.__call__)
        quiet = list(hypothesis.HealthCheck)
        limits = hypothesis.settings(
            max_examples=count, database=None, deadline=None, suppress_health_check=quiet
        )
        hypothesis.seed(seed)(limits(run))()


def _reset_peak() -> int:
    """Resident bytes now; the peak counts from here."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status: no VmHWM")


def supervise(kind: str, count: int, seed: int, output: Path) -> Iterator[dict[str, Any]]:
    """Results of workers; one that hangs or dies is a finding, and the next goes on."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--worker", kind, str(count), str(seed), folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as worker:
            assert worker.stdout
            os.set_blocking(worker.stdout.fileno(), False)
            yield from _results(worker, Path(folder), output)


def _results(
    worker: "subprocess.Popen[bytes]", folder: Path, output: Path
) -> Iterator[dict[str, Any]]:
    assert worker.stdout
    last, begun = time.monotonic(), False
    while True:
        line = worker.stdout.readline()
        if line:
            last, result = time.monotonic(), json.loads(line)
            begun = "begun" in result
            if not begun:
                yield _noted(result, folder, output)
        elif worker.poll() is not None:
            if begun:
                yield _noted({"problem": f"the process died: {worker.returncode}"}, folder, output)
            return
        elif begun and time.monotonic() - last > _LONGEST_S:
            worker.kill()
            worker.wait()
            yield _noted({"problem": f"took more than {_LONGEST_S:g} s"}, folder, output)
            return
        else:
            time.sleep(0.01)


def _noted(result: dict[str, Any], folder: Path, output: Path) -> dict[str, Any]:
    """A result; the input of a finding is kept."""
    if result["problem"]:
        place = output / f"{time.time_ns()}"
        shutil.copytree(folder / "input", place, symlinks=True, dirs_exist_ok=True)
        (place / "problem.txt").write_text(result["problem"])
    return result


def try_kind(kind: str, count: int, seed: int, output: Path) -> Counter[str]:
    """Counts of inputs and findings of a kind, and of the slowest and largest."""
    found = Counter[str]()
    rounds = 0
    while found["inputs"] < count:
        wanted = min(_BATCH, count - found["inputs"])
        for result in supervise(kind, wanted, seed * 1000 + rounds, output):
            found["inputs"] += 1
            found["findings"] += bool(result["problem"])
            found["ms"] = max(found["ms"], round(1000 * result.get("seconds", 0)))
            found["mb"] = max(found["mb"], round(result.get("grown", 0) / 1e6))
        rounds += 1
        print(f"{kind}: {found['inputs']} of {count}", file=sys.stderr)
    return found


def main() -> None:
    """Run the command."""
    if sys.argv[1:2] == ["--worker"]:
        work(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(KINDS))
    parser.add_argument("--output", type=Path, default=Path(tempfile.gettempdir()) / "hostile")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    kinds = args.only.split(",")
    each = -(-args.count // len(kinds))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tried = [pool.submit(try_kind, kind, each, args.seed, args.output) for kind in kinds]
        found = [future.result() for future in tried]
    print(f"{machine()}; hypothesis {hypothesis.__version__}, seed {args.seed}")
    print(
        "| kind | inputs | findings | slowest, s | most memory above, MB |\n|---|---|---|---|---|"
    )
    for kind, counts in zip(kinds, found, strict=True):
        shown = f"{counts['inputs']} | {counts['findings']} | {counts['ms'] / 1000:.1f}"
        print(f"| {kind} | {shown} | {counts['mb']} |")
    findings = sum(counts["findings"] for counts in found)
    print(f"findings: {findings}{f', their inputs in {args.output}' if findings else ''}")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
