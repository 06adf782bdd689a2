"""Hearing of a part of an ear's channels, and its cost beside the whole.

python scripts/bench/pruning.py [--shares 1 0.75 0.5 0.35 0.25] [--threads 1]

The towers of `python -m export.ear.tower` are fitted on the recordings that every fold trains on,
and learn nothing beside. They are asked, by the ear's own last layer, about all recordings of the
29 species and about others: none of either's recordists is among the former, but the ear itself
has probably heard them when it was made. "Work" is a window's time as a share of the whole ear's,
with its front end, in onnxruntime and in the same run.
"""

import argparse
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
from encoder import medians
from torch import Tensor

from edge.contract.taxonomy import read_names
from edge.recognition.runtime import RuntimeOptions, open_session
from export.ear.inheritance import Inheritance
from export.ear.tower import begin, draw_windows
from export.graph import to_onnx
from export.tflite.converter import convert
from gallery.data.dataset import Item, read_dataset
from train.birds.build import base_folder, fold_folder
from train.birds.folds import OTHERS
from train.birds.report import machine
from train.ears.labels import known_ids
from train.ears.recipe import locate
from train.engine.loop import seed_everything
from train.model.start import StudentInit
from train.model.student import Student, embed_log_mels
from train.runs import CACHE
from train.sound.features import load_features

CORE = Path("train/birds/core.txt")
_DIM = 256
"""Of the space into which they project: the cost is that of a whole encoder."""


def windows_of(start: StudentInit, items: Sequence[Item], samples: int):
    """Half-overlapping windows of every readable recording, float32[n, 1, frames, mel_bins]."""
    frames = start.spec.frames(samples)
    for item, log_mel in zip(*load_features(items, start.spec, CACHE), strict=True):
        whole = log_mel.repeat(max(-(-frames // len(log_mel)), 1), 1)
        yield item, whole.unfold(0, frames, frames // 2).transpose(1, 2)[:, None]


@torch.inference_mode()
def first_of(student: Student, names: Sequence[str], recordings: Iterable[tuple[Item, Tensor]]):
    """For each recording: its species, the likeliest of all names, and of the 29.

    Args:
        student: projects by the names.
        names: ids, in its order.
        recordings: their windows.
    """
    core = [n for n, name in enumerate(names) if name in set(read_names(CORE))]
    for item, windows in recordings:
        if item.species_id in names:
            logits = student.projection.classifier(embed_log_mels(student.tower, [windows]))
            belief = torch.sigmoid(logits).mean(dim=0)
            best = int(belief.argmax()), core[int(belief[core].argmax())]
            yield item.species_id, *(names[n] for n in best)


def right_of(guesses: Sequence[tuple[str, str, str]]) -> list[str]:
    """Share that is right among all names, and among the 29, and of how many recordings."""
    rights = (np.mean([true == guess[n] for true, *guess in guesses]) for n in (0, 1))
    return [f"{right:.3f} ({len(guesses)})" for right in rights]


def work(graphs: Sequence[onnx.ModelProto], samples: int, threads: int) -> list[float]:
    """Time of a window in each, as a share of the first one's."""
    window = np.random.default_rng(0).normal(size=(1, samples)).astype(np.float32)
    options = RuntimeOptions("cpu", threads)
    sessions = [open_session(graph.SerializeToString(), options) for graph in graphs]
    runs = {
        f"{n}": partial(session.run, None, {session.get_inputs()[0].name: window})
        for n, session in enumerate(sessions)
    }
    first, *others = medians(runs, rounds=15).values()
    return [time / first for time in others]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shares", nargs="*", type=float, default=[1, 0.75, 0.5, 0.35, 0.25])
    parser.add_argument("--data", type=Path, default=Path("data/birds"))
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    recipe, file = locate("birdnet")
    everything, base = read_dataset(args.data), read_dataset(base_folder(args.data))
    ids, asked = everything.taxonomy.ids, set(read_names(CORE))
    core = [one for one in everything.items if one.species_id in asked and one.kind == "audio"]
    others = read_dataset(fold_folder(args.data, 0)).select("audio", OTHERS, ids)
    seed_everything(0)
    network = convert(file)
    heard = Inheritance(network).hear(draw_windows(base, recipe))
    labels, samples = known_ids(recipe, file.parent), recipe.window_samples
    told = [name for name in ids if name in set(labels)]
    graphs, rows = [network], []
    for share in args.shares:
        seed_everything(0)
        start = begin(Inheritance(network), heard, share, labels)
        student = start.naming_student(ids, torch.zeros(len(ids), _DIM)).eval()
        of_all, of_core, beside, _ = (
            right
            for items in (core, others)
            for right in right_of([*first_of(student, told, windows_of(start, items, samples))])
        )
        size = sum(weight.numel() for weight in student.tower.parameters()) / 1e6
        graphs.append(to_onnx(start.spec, student, samples))
        rows.append(f"| {share:g} | {size:.1f} M | {of_core} | {of_all} | {beside}")
    print(f"{machine()}\n\n| channels | parameters | of 29 | of all | others, of all | work |")
    print("|---" * 6 + "|")
    for row, share in zip(rows, work(graphs, samples, args.threads), strict=True):
        print(f"{row} | {share:.2f} |")


if __name__ == "__main__":
    main()
