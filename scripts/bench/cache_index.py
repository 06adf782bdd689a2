"""Memory of a training's cache of a million recordings: index, lengths, and batches drawn.

python scripts/bench/cache_index.py [--recordings 1000000] [--frames 40]

Recordings are records of an index and holes in sparse shards, so nothing is decoded. A process of
its own, as a rank is one, opens the cache, looks every recording up, and draws batches. Prints the
size of the index, seconds to open it, and what that process grew by: its own memory, and that with
the pages of the index and the shards, which all ranks share.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from train.birds.report import machine
from train.sound.features import KeptLogMels
from train.sound.index import INDEX, RECORD, key_number, shard_file
from train.sound.log_mel_store import LogMelStore
from train.sound.sampler import Augmentation, WindowSampler
from train.sound.shards import Shards

_BINS, _SHARD = 64, 2**29
_BATCHES, _BATCH = 20, 64


def make(folder: Path, count: int, frames: int) -> None:
    """An index of recordings, in shards that are holes."""
    records = np.zeros(count, RECORD)
    size = frames * _BINS
    per_shard = _SHARD // size
    records["key"] = [key_number(f"file {n}") for n in range(count)]
    content = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(count))
    records["sha256"] = np.frombuffer(content, "<u8").reshape(count, 4)
    places = np.arange(count)
    records["shard"], records["offset"] = places // per_shard, places % per_shard * size
    records["axes"], records["shape"][:, :2] = 2, (frames, _BINS)
    for shard in range(-(-count // per_shard)):
        with shard_file(folder, shard).open("wb") as file:
            file.truncate(_SHARD * 2)
    records.tofile(folder / INDEX)


def memory_mib(name: str) -> float:
    """A figure of this process's memory."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def rank(folder: Path, count: int, frames: int) -> None:
    """Open and draw as a rank of a training does."""
    names = ("RssAnon", "VmRSS")
    before, begun = [memory_mib(name) for name in names], time.perf_counter()
    kept = Shards(folder).arrays(f"file {n}" for n in range(count))
    took = time.perf_counter() - begun
    log_mels = KeptLogMels(kept.readable)
    clips = LogMelStore(log_mels, torch.device("cpu"))
    sampler = WindowSampler(
        clips=clips,
        labels=torch.arange(count) % 5569,
        background=clips,
        frames=frames,
        augmentation=Augmentation(),
        seed=0,
    )
    for _ in range(_BATCHES):
        sampler.batch(_BATCH)
    own, whole = (memory_mib(name) - old for name, old in zip(names, before, strict=True))
    print(f"{len(clips)} recordings found in {took:.1f} s; own {own:.0f} MiB, all {whole:.0f} MiB")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=1_000_000)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.folder:
        torch.set_num_threads(1)
        rank(args.folder, args.recordings, args.frames)
        return
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), args.recordings, args.frames)
        size = (Path(name) / INDEX).stat().st_size / 2**20
        print(f"{machine()}; index of {args.recordings} recordings: {size:.0f} MiB", flush=True)
        again = [sys.executable, __file__, "--folder", name]
        sizes = ["--recordings", str(args.recordings), "--frames", str(args.frames)]
        subprocess.run([*again, *sizes], check=True, env=os.environ)


if __name__ == "__main__":
    main()
