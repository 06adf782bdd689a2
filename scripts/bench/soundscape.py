"""Events found in ten minutes of the aviary with known times, by signal-to-noise ratio.

python scripts/bench/soundscape.py [--seeds 201 202 203] [--bundle DIR]

A detection is right if it names the species of an event that it overlaps in time; one that overlaps
an event of another species is counted against that event's ratio, any other against none. Onset
error: start_s of the event's first right detection against the time that the bird began.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.config import DEMO_BUNDLE
from edge.contract.bundle import load_bundle
from edge.records.detection import Detection
from edge.records.reader import open_records
from train.aviary.soundscape import NAME, RATIOS_DB, Event, compose, write
from train.birds.report import machine


@dataclass(frozen=True)
class Found:
    """Result of one event."""

    ratio_db: int | None
    """None: detections where nobody sang."""
    right: int
    wrong: int
    onset_s: float | None
    offset_s: float | None


def detections(bundle: Path, sound: Path, station: Path) -> list[Detection]:
    """Reports of the listener, with the ends that its database has."""
    command = [sys.executable, "-m", "edge", "listen", "--quiet", "--bundle", str(bundle)]
    subprocess.run(
        [*command, "--input", str(sound), "--station", str(station)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with open_records(station) as records:
        return [one for one in records.last(100_000) if isinstance(one, Detection)]


def compare(events: tuple[Event, ...], found: list[Detection]) -> Iterator[Found]:
    """Every event, and last what belongs to none."""
    left = list(found)
    for event in events:
        near = [one for one in left if one.start_s < event.end_s and one.end_s > event.start_s]
        left = [one for one in left if one not in near]
        right = [one for one in near if one.scientific_name == event.scientific_name]
        onset = abs(right[0].start_s - event.start_s) if right else None
        offset = abs(right[-1].end_s - event.end_s) if right else None
        yield Found(
            ratio_db=event.ratio_db,
            right=len(right),
            wrong=len(near) - len(right),
            onset_s=onset,
            offset_s=offset,
        )
    yield Found(ratio_db=None, right=0, wrong=len(left), onset_s=None, offset_s=None)


def line(name: str, rows: list[Found], hop_s: float) -> str:
    """A line of the table."""
    right, wrong = sum(row.right for row in rows), sum(row.wrong for row in rows)
    events = [row for row in rows if row.ratio_db is not None]
    recall = f"{np.mean([event.right > 0 for event in events]):.2f}" if events else ""
    precision = f"{right / (right + wrong):.2f}" if right + wrong else ""
    return f"| {name} | {len(events)} | {recall} | {precision} | {_spread(rows, hop_s)} |"


def _spread(rows: list[Found], hop_s: float) -> str:
    onsets = np.array([row.onset_s for row in rows if row.onset_s is not None])
    ends = [row.offset_s for row in rows if row.offset_s is not None]
    if not len(onsets):
        return " |  | "
    within = (onsets <= hop_s).mean()
    return f"{np.median(onsets):.2f} ({onsets.max():.2f}) | {within:.2f} | {np.median(ends):.2f}"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[201, 202, 203])
    parser.add_argument("--bundle", type=Path, default=DEMO_BUNDLE)
    args = parser.parse_args()
    rows: list[Found] = []
    for seed in args.seeds:
        with tempfile.TemporaryDirectory() as folder:
            truth = compose(seed)
            sound = write(truth, Path(folder))
            rows += compare(truth.events, detections(args.bundle, sound, Path(folder)))
    audio = load_bundle(args.bundle).manifest.audio
    hop_s = audio.hop_samples / audio.sample_rate_hz
    print(f"{machine()}; {NAME}s of seeds {args.seeds}; window {audio.window_s:g} s, "
          f"hop {hop_s:g} s\n")  # fmt: skip
    print("| ratio, dB | events | recall | precision | onset error, s: median (most) "
          "| within a hop | end, s |")  # fmt: skip
    print("|---|---|---|---|---|---|---|")
    for ratio in RATIOS_DB:
        print(line(f"{ratio:+d}", [row for row in rows if row.ratio_db == ratio], hop_s))
    print(line("where nobody sings", [row for row in rows if row.ratio_db is None], hop_s))
    print(line("all", rows, hop_s))


if __name__ == "__main__":
    main()
