"""False matches of a bundle on one hour without a bird, through the whole listener.

python scripts/bench/background_hour.py [--bundle DIR] [--data data/birds]

The hour is every background recording of the data set once, in shuffled order, and silence. Says
how many matches come from recordings that training, calibration, or neither of them heard.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile

from edge.config import PACKAGED_BUNDLE
from edge.source.recording import read_recording
from edge.source.resampling import resample
from gallery.data.dataset import read_dataset

_RATE_HZ, _SECONDS, _PAUSE_S = 48_000, 3600, 3.0


def make_hour(data: Path, output: Path) -> list[tuple[float, str]]:
    """Write the hour as a WAV file.

    Returns:
        When each recording begins, in seconds, and its split.
    """
    items = [
        item for item in read_dataset(data).items if item.kind == "audio" and not item.species_id
    ]
    order = np.random.default_rng(0).permutation(len(items))
    parts, begins, length = [], [], 0
    for n in order:
        waveform = resample(*read_recording(items[n].path), _RATE_HZ)
        begins.append((length / _RATE_HZ, items[n].split))
        parts += [waveform, np.zeros(round(_PAUSE_S * _RATE_HZ), np.float32)]
        length += len(parts[-2]) + len(parts[-1])
    hour = np.concatenate(parts)[: _SECONDS * _RATE_HZ]
    soundfile.write(output, np.pad(hour, (0, _SECONDS * _RATE_HZ - len(hour))), _RATE_HZ)
    return begins


def listen(bundle: Path, hour: Path) -> list[dict[str, object]]:
    """The matches, as `birdlisten listen` prints them."""
    command = [sys.executable, "-m", "edge", "listen", "--input", str(hour), "--json"]
    done = subprocess.run(
        [*command, "--bundle", str(bundle)], check=True, capture_output=True, text=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=PACKAGED_BUNDLE)
    parser.add_argument("--data", type=Path, default=Path("data/birds"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        hour = Path(folder) / "hour.wav"
        begins = make_hour(args.data, hour)
        matches = listen(args.bundle, hour)
    starts = [start for start, _ in begins]
    splits = Counter(
        begins[int(np.searchsorted(starts, match["start_s"], side="right")) - 1][1]
        for match in matches
    )
    heard = Counter(split for _, split in begins)
    print(f"{len(matches)} matches in one hour, {len(begins)} recordings of background and silence")
    for split in sorted(heard):
        print(f"  {split}: {splits[split]} matches in {heard[split]} recordings")


if __name__ == "__main__":
    main()
