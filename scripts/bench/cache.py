"""Rate of the cache of log-mels, beside what decoding alone allows.

python scripts/bench/cache.py [--clips 6000] [--seconds 10] [--rate 22050]

Recordings as iNatSounds publishes them (WAV, 22,050 Hz) are made, decoded and resampled on one
core, and then cached by all cores: from nothing, and once more when everything is there. The limit
is cores / (time to decode and resample one).
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import torch

from edge.contract.arrays import Array
from edge.system.memory import keep_freed_memory
from gallery.data.dataset import Item
from train.birds.report import machine
from train.model.frontend import LogMelSpec
from train.sound.cache import load_each
from train.sound.cores import available_cores
from train.sound.features import LogMels, read_waveform
from train.sound.log_mel_store import LogMelStore
from train.sound.sampler import Augmentation, WindowSampler

_SAMPLE = 300


def recordings(folder: Path, count: int, seconds: float, rate_hz: int) -> list[Item]:
    """Noise, each its own."""
    random = np.random.default_rng(0)
    items = []
    for n in range(count):
        path = folder / f"{n}.wav"
        soundfile.write(path, random.normal(0, 0.1, round(seconds * rate_hz)), rate_hz)
        items.append(
            Item(
                path=path,
                kind="audio",
                species_id="bird",
                split="train",
                licence="CC0",
                attribution="nobody",
            )
        )
    return items


def seconds_each(action, items: list[Item]) -> float:
    """Mean seconds an item on one core."""
    action(items[0])
    begun = time.perf_counter()
    for item in items:
        action(item)
    return (time.perf_counter() - begun) / len(items)


def read(item: Item) -> None:
    """Decode and resample."""
    read_waveform(item, LogMelSpec().sample_rate_hz)


def build(items: list[Item], folder: Path, spec: LogMelSpec) -> tuple[list[Array | None], float]:
    """Cache log-mels; and how many seconds it took."""
    begun = time.perf_counter()
    return load_each(items, folder, LogMels(spec)), time.perf_counter() - begun


def own_mib() -> float:
    """Memory of this process that is not the cache's: pages mapped from files are left out."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def draw(found: list[Array | None], batches: int, size: int) -> float:
    """Draw augmented batches from the cache; MiB that this process grew by."""
    before = own_mib()
    log_mels = [torch.from_numpy(one) for one in found if one is not None]
    clips = LogMelStore(log_mels, torch.device("cpu"))
    labels = torch.arange(len(clips)) % 7
    sampler = WindowSampler(
        clips=clips,
        labels=labels,
        background=clips,
        frames=1001,
        augmentation=Augmentation(),
        seed=0,
    )
    for _ in range(batches):
        sampler.batch(size)
    return own_mib() - before


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=6000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=int, default=22_050)
    args = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    spec, cores = LogMelSpec(), available_cores()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        items = recordings(folder, args.clips, args.seconds, args.rate)
        decode = seconds_each(read, items[:_SAMPLE])
        mel = seconds_each(LogMels(spec), items[:_SAMPLE]) - decode
        _, half = build(items[: args.clips // 2], folder / "half", spec)
        found, whole_s = build(items, folder / "cache", spec)
        _, again = build(items, folder / "cache", spec)
        decode = (decode + seconds_each(read, items[-_SAMPLE:])) / 2
        grown = draw(found, 20, 256)
        held = sum(path.stat().st_size for path in (folder / "cache").iterdir())
    rate, begun = args.clips / whole_s, (args.clips - args.clips // 2) / (whole_s - half)
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    figures = {
        "machine": machine(),
        "clips": len(found),
        "ms to decode and resample one": round(1e3 * decode, 2),
        "ms for its log-mel": round(1e3 * mel, 2),
        "clips/s, with the processes' start": round(rate, 1),
        "clips/s, once they run": round(begun, 1),
        "share of cores / decode, with the start": round(rate * decode / cores, 3),
        "share of cores / decode, once they run": round(begun * decode / cores, 3),
        "share of cores / (decode and log-mel)": round(begun * (decode + mel) / cores, 3),
        "clips/s, found again": round(args.clips / again),
        "KiB a clip": round(held / args.clips / 1024, 1),
        "MiB of the largest worker": round(workers),
        "MiB above the cache, drawing batches of 256": round(grown),
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
