"""Choose the CNN by cross-validation among recordings that no fold of the report tests.

python -m train.birds.size --hint EAR [--cnns A,B] [--data data/birds] [--output runs/birds]

Each CNN is pretrained by feature distillation on two thirds of the species that train in every
fold, and is asked what the network makes of the other third: recordings of species and by
recordists that it has not met. What is there already is kept. Writes OUTPUT/size.json, which
`python -m train.birds.report` puts on its page.
"""

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edge.command.parser import Parser
from edge.contract.arrays import Float64s
from edge.contract.atomic import write_atomic
from edge.contract.tables import read_table
from gallery.command import run
from gallery.data.dataset import UNLABELLED, Dataset, Item, read_dataset
from train.birds.build import base_folder
from train.birds.crossval import CONFIGS
from train.config import PretrainConfig, load_config
from train.distillation.plan import count_flops
from train.ears.recipe import locate
from train.measure.metrics import bootstrap
from train.model.frontend import LogMelSpec
from train.model.opening import CNN, open_student
from train.model.student import embed_log_mels
from train.pretrain import pretrain
from train.pretraining.feature_distillation import BACKBONE
from train.runs import CACHE
from train.sound.features import crop, load_features
from train.sound.hints import STEP_S, load_embeddings

NOTE = "size.json"
PARTS = 3
_CNNS = ("regnetx_002", "mobilenetv3_small_100", "mobilenetv4_conv_small")
_RECIPE = CONFIGS / "pretrain-birds-backbone.yaml"
_SCHEDULE = ("audio_steps=600", "mixtures=2000")
"""A fifth of the recipe's: enough to tell towers apart."""


def part_of(species_id: str) -> int:
    """Third that a species is in."""
    return int(hashlib.sha256(species_id.encode()).hexdigest(), 16) % PARTS


def unmet_recordings(dataset: Dataset, part: int) -> list[Item]:
    """Recordings of a third's species, by recordists of none of the other species."""
    authors = [row["author"] for row in read_table(dataset.path / "manifest.csv", ("author",))]
    birds = [
        (item, author)
        for item, author in zip(dataset.items, authors, strict=True)
        if item.kind == "audio" and (item.species_id or item.split == UNLABELLED)
    ]
    asked = [(item, author) for item, author in birds if _is_asked(item, part)]
    known = {author for item, author in birds if not _is_asked(item, part)}
    return [item for item, author in asked if author not in known]


def _is_asked(item: Item, part: int) -> bool:
    return bool(item.species_id) and part_of(item.species_id) == part


def pretrained(cnn: str, part: int, dataset: Dataset, hint: str, output: Path) -> Path:
    """A CNN pretrained by feature distillation on the other thirds; what is there is kept."""
    folder = output / f"{cnn}-{part}"
    if not (folder / BACKBONE).is_dir():
        held_out = [
            species_id for species_id in dataset.taxonomy.ids if part_of(species_id) == part
        ]
        settings = (
            f"data={dataset.path}",
            f"hint={hint}",
            f"output={folder}",
            f"cnn={cnn}",
            f"held_out={','.join(held_out)}",
            *_SCHEDULE,
        )
        pretrain(load_config(PretrainConfig, _RECIPE, settings), ["backbone"])
    return folder / BACKBONE


def errors(tower: Path, items: Sequence[Item], hint: str) -> list[float]:
    """Mean squared error of the standardised embedding, a recording.

    Args:
        tower: folder of a backbone.
        items: whose recordings are asked about.
        hint: the ear it learned from.
    """
    start = open_student(str(tower))
    model, learned = start.student(1).tower.eval(), start.hint or {}
    log_mels = load_features(items, start.spec, CACHE)[1]
    found = []
    for log_mel, hints in zip(log_mels, load_embeddings(items, hint, CACHE), strict=True):
        windows = _windows(log_mel, len(hints), start.spec, locate(hint)[0].window_s)
        features = embed_log_mels(model, [windows])
        predicted = functional.linear(features, learned["head.weight"], learned["head.bias"])
        target = (hints.float() - learned["mean"]) / learned["deviation"]
        found.append(float((predicted - target).square().mean()))
    return found


def _windows(log_mel: Tensor, count: int, spec: LogMelSpec, heard_s: float) -> Tensor:
    """The windows that the hints are of: float32[count, 1, frames, mel_bins]."""
    frames = spec.frames(round(heard_s * spec.sample_rate_hz))
    last, step = max(len(log_mel) - frames, 0), STEP_S * spec.sample_rate_hz / spec.hop_samples
    starts = (min(round(n * step), last) for n in range(count))
    return torch.stack([crop(log_mel, start, frames) for start in starts])[:, None]


def compare(cnns: Sequence[str], data: Path, hint: str, output: Path) -> dict[str, Any]:
    """Train and ask every CNN on every third.

    Returns:
        JSON-ready: how many recordings asked, and a row a CNN, compared with the first.
    """
    dataset = read_dataset(base_folder(data))
    asked = [unmet_recordings(dataset, part) for part in range(PARTS)]

    def asked_all(cnn: str) -> Float64s:
        towers = [
            pretrained(cnn, part=part, dataset=dataset, hint=hint, output=output / "size")
            for part in range(PARTS)
        ]
        pairs = zip(towers, asked, strict=True)
        return np.concatenate([errors(tower, items, hint) for tower, items in pairs])

    found = {cnn: asked_all(cnn) for cnn in cnns}
    return {
        "recordings": len(found[cnns[0]]),
        "rows": [_row(cnn, rows, found[cnns[0]]) for cnn, rows in found.items()],
    }


def _row(cnn: str, found: Float64s, first: Float64s) -> dict[str, Any]:
    recipe = load_config(PretrainConfig, _RECIPE, ())
    start = open_student(f"{CNN}{cnn}", recipe.frontend)
    tower = start.student(1).tower.eval()
    window = torch.zeros(1, 1, start.input_spec(recipe.window_s).frames, start.spec.mel_bins)
    return {
        "cnn": cnn,
        "parameters": sum(parameter.numel() for parameter in tower.parameters()),
        "flops": count_flops(tower, window),
        "error": asdict(bootstrap(found)),
        "difference": asdict(bootstrap(found - first)),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.birds.size", description=__doc__)
    parser.add_argument("--hint", required=True, help="folder of an ear, or its name")
    parser.add_argument("--cnns", default=",".join(_CNNS), help="as timm calls them")
    parser.add_argument("--data", type=Path, default=Path("data/birds"))
    parser.add_argument("--output", type=Path, default=Path("runs/birds"))
    args = parser.parse_args(argv)

    def command() -> None:
        found = compare(args.cnns.split(","), args.data, args.hint, args.output)
        text = json.dumps(found, indent=1) + "\n"
        write_atomic(args.output / NOTE, text.encode())
        print(text)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
