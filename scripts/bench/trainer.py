"""Speed of the trainer: BioLingual's tower at full size, forward, backward and step.

python scripts/bench/trainer.py [--batches 32,64,128,256] [--steps 20] [--device auto]
    [--output FILE.md]

Windows are drawn from log-mels in memory, augmented and learned from as in a distillation. Each row
is also a share of what the same machine reaches in large matrix products in the same run. Then
where the time goes, and how fast a tower of BioCLIP-2's shape embeds pictures. Weights are random:
they don't change the time.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from transformers import ClapAudioConfig

from edge.contract.taxonomy import Species
from gallery.data.dataset import Item
from train.birds.report import machine
from train.config import DistillConfig
from train.distillation.plan import count_flops
from train.distillation.step import Distillation
from train.engine.loop import choose_device
from train.engine.ranks import ALONE
from train.engine.schedule import LearningSchedule
from train.engine.training import Training
from train.model.student import Student
from train.sound.training_set import TrainingSet

_SPECIES, _DIM, _FRAMES = 5569, 768, 1001
_RECORDINGS = 512
_MATRIX = {"cuda": 8192, "cpu": 2048}
_PICTURES = {"cuda": 128, "cpu": 2}
_SHOWN = 12
_WARM = {"cuda": 3, "cpu": 1}
"""Actions before what is timed; the first one compiles."""


def sounds() -> TrainingSet:
    """As many species as iNatSounds has, a few hundred recordings of 10 to 30 s."""
    random = torch.Generator().manual_seed(0)
    lengths = torch.randint(_FRAMES, 3 * _FRAMES, (_RECORDINGS,), generator=random).tolist()
    features = [(20 * torch.randn(n, 64, generator=random) - 40).half() for n in lengths]
    species = tuple(_species(n) for n in range(_SPECIES))
    item = Item(
        path=Path("none.wav"),
        kind="audio",
        species_id="",
        split="train",
        licence="CC0",
        attribution="nobody",
    )
    labels = tuple(n % _SPECIES for n in range(_RECORDINGS))
    return TrainingSet(
        species=species,
        items=(item,) * _RECORDINGS,
        features=tuple(features),
        labels=labels,
        background=tuple(features[:32]),
    )


def training(batch: int, compiled: bool, device: str) -> tuple[Distillation, Training]:
    """A distillation of BioLingual's tower, about to begin."""
    config = DistillConfig(
        batch=batch, outliers=0.0, compile=compiled, device=device, window_s=10.0, loss="info_nce"
    )
    torch.manual_seed(0)
    anchors = np.random.default_rng(0).standard_normal((1, _SPECIES, _DIM)).astype(np.float32)
    anchors /= np.linalg.norm(anchors, axis=2, keepdims=True)
    student = Student(ClapAudioConfig().to_dict(), _DIM)
    running = Distillation(
        student=student,
        sounds=sounds(),
        anchors=anchors,
        frames=_FRAMES,
        config=config,
        imitation=None,
        large_student=None,
        ranks=ALONE,
    )
    return running, Training(running.modules, LearningSchedule(10_000, 1e-5))


def clips_per_second(batch: int, compiled: bool, device: torch.device, steps: int) -> float:
    """Windows learned from, a second."""
    running, learning = training(batch, compiled, str(device))
    seconds = _seconds(lambda: learning.advance(running.loss, "bench"), device, steps)
    return batch / seconds


def peak_flops(device: torch.device) -> float:
    """bfloat16 operations a second in a product of large matrices, the best of ten."""
    size = _MATRIX[device.type]
    first, other = (torch.randn(size, size, device=device).bfloat16() for _ in range(2))
    return 2 * size**3 / min(_seconds(lambda: first @ other, device, 1) for _ in range(10))


def pictures_per_second(device: torch.device, steps: int) -> float:
    """Pictures that a ViT-L/14, as BioCLIP-2's, embeds a second, as the gallery does it."""
    import open_clip

    model: nn.Module = open_clip.create_model("ViT-L-14", pretrained=None).eval().to(device)
    images = torch.randn(_PICTURES[device.type], 3, 224, 224, device=device)

    @torch.inference_mode()
    def embed() -> None:
        with torch.autocast("cuda", torch.float16, enabled=device.type == "cuda"):
            model.encode_image(images)

    return len(images) / _seconds(embed, device, steps)


def hot_spots(batch: int, compiled: bool, device: torch.device) -> str:
    """Parts of a step's time."""
    running, learning = training(batch, compiled, str(device))
    kinds = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")
    for _ in range(_WARM[device.type]):
        learning.advance(running.loss, "bench")
    with profile(activities=kinds) as profiler:
        learning.advance(running.loss, "bench")
    field = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    spent = {
        average.key: (getattr(average, field), average.count) for average in profiler.key_averages()
    }
    whole = sum(time for time, _ in spent.values())
    longest = sorted(spent, key=lambda name: -spent[name][0])[:_SHOWN]
    rows = [f"| `{one}` | {spent[one][0] / whole:.1%} | {spent[one][1]} |" for one in longest]
    return "\n".join(("| operation | share | calls |", "|---|---|---|", *rows))


def report(batches: list[int], steps: int, device: torch.device) -> Iterator[str]:
    """The page, line by line."""
    yield f"# The trainer's speed\n\nMachine: {machine()}. Device: {device}.\n"
    if device.type != "cuda":
        yield "Measured on a processor: these are no figures of a GPU.\n"
    peak = peak_flops(device)
    window = torch.zeros(1, 1, _FRAMES, 64)
    flops = 3 * count_flops(Student(ClapAudioConfig().to_dict(), _DIM).eval(), window)
    yield f"bfloat16 matrix products: {peak / 1e12:.2f} TFLOP/s. A clip: {flops / 1e9:.2f} GFLOP.\n"
    yield "| batch | compiled | clips/s | TFLOP/s | share of the peak |\n|---|---|---|---|---|"
    found = {}
    for batch, compiled in product(batches, (False, True)):
        rate = found[batch, compiled] = clips_per_second(batch, compiled, device, steps)
        share = rate * flops / peak
        yield f"| {batch} | {compiled} | {rate:.2f} | {rate * flops / 1e12:.3f} | {share:.1%} |"
    best = max(found, key=lambda one: found[one])
    epoch = 137_012 / found[best]
    yield f"\nAn epoch of iNatSounds' 137,012 clips: {epoch:,.0f} s.\n"
    rate = pictures_per_second(device, steps)
    yield f"ViT-L/14 embeds {rate:.2f} pictures/s.\n\n## Where a step's time goes\n"
    yield f"Batch {best[0]}, compiled: {best[1]}.\n\n{hot_spots(*best, device)}"


def _species(n: int) -> Species:
    return Species(
        species_id=f"bird_{n}",
        scientific_name=f"Bird {n}",
        common_name="",
        kingdom="",
        phylum="",
        class_="",
        order="",
        family="",
        genus="Bird",
        epithet=str(n),
    )


def _seconds(action: Callable[[], object], device: torch.device, steps: int) -> float:
    """Of one action, after some to warm up."""
    for _ in range(_WARM[device.type]):
        action()
    _wait(device)
    begun = time.perf_counter()
    for _ in range(steps):
        action()
    _wait(device)
    return (time.perf_counter() - begun) / steps


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", default="32,64,128,256")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    lines = []
    batches = [int(one) for one in args.batches.split(",")]
    for line in report(batches, args.steps, choose_device(args.device)):
        print(line, flush=True)
        lines.append(line)
    if args.output:
        args.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
