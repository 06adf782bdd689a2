"""The image pivot: sounds learn to lie where a frozen image tower puts what is seen meanwhile.

python -m train.bridges pivot [--config FILE] [key=value ...]

VIP-ANT (Zhao et al. 2022, arXiv 2112.08995). The audio tower begins as the image tower
(train/model/spectrogram_vit.py) and learns by contrast against the rows of frames of the same clip,
or of pictures of the same species (`pictures=`). No text is looked at: that sounds come to lie near
their names follows from the image-text model. `text_pairs=[10,100]` then fine-tunes by so many
audio-text pairs each, and curve.json says how well all of them name the clips of the test split.

Two quirks of the published code are not here: frames of padding are silence, not +0.858, and a clip
whose frames can't be read is named and left out, where it puts noise in their place.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edge.contract.atomic import write_atomic
from gallery.data.corpora import open_dataset
from train.bridges.agreement_losses import near_positives, paired_nce
from train.bridges.command import bridge_main
from train.bridges.finished import finished
from train.bridges.pairs import PairSampler, load_log_mels, load_pairs
from train.bridges.pictured import load_pictured
from train.bridges.text_pairs import with_texts
from train.bridges.training import BridgeParts, prepare, teach
from train.bridges.zero_shot_figures import ZeroShotFigure, askable, figures_of, heard_clips
from train.config.pivot import PivotConfig
from train.engine.loop import LogScale, mixed_precision
from train.engine.ranks import ALONE, Ranks
from train.engine.resume import Drawing
from train.model.spectrogram_vit import PatchSpec
from train.model.student import Student
from train.runs import CACHE

CURVE = "curve.json"
METHOD = "pivot"
_TEST = "test"
_STAGES = ("text_pairs", "text_steps", "text_batch", "text_learning_rate")
"""Settings that say which stages follow: none depends on them."""


class ImagePivot:
    """Pulls each sound towards one of its rows, drawn uniformly, and away from those of others.

    Args:
        student: learns in place.
        pairs: draws sounds with their rows: of frames, pictures or sentences.
        config: objective and batches.
        ranks: among which the batches are shared.
    """

    def __init__(
        self, student: Student, pairs: PairSampler, config: PivotConfig, ranks: Ranks
    ) -> None:
        self._student, self._pairs, self._config, self._ranks = student, pairs, config, ranks
        self._device = next(student.parameters()).device
        self._scale = LogScale(config.temperature).to(self._device)
        self._choice = torch.Generator().manual_seed(config.seed)

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """Modules that learn."""
        return self._student, self._scale

    @property
    def generators(self) -> tuple[Drawing, ...]:
        """Generators of batches, and of the rows among those of a sound."""
        return self._pairs, self._choice

    def loss(self) -> Tensor:
        """Of a new batch; sounds are compared with the rows of all ranks."""
        config, batch = self._config, self._pairs.batch(self._config.batch)
        rows = drawn(batch.rows, self._numbers().to(self._device))
        labels = self._ranks.gather(batch.labels.to(self._device))
        with mixed_precision(self._device, self._student.tower.depthwise, config.bfloat16):
            embedded = self._student(batch.log_mel)
        # The sum of both ways, not their mean, as VIP-ANT's CELossHead has it.
        return 2 * paired_nce(
            self._ranks.gather(embedded.float()),
            self._ranks.gather(rows),
            scale=self._scale(),
            near=near_positives(labels) if config.mask_species else None,
        )

    def _numbers(self) -> Tensor:
        """float32[batch] between 0 and 1: this rank's."""
        return torch.rand(self._config.batch, generator=self._choice)[self._ranks.mine]


def drawn(rows: Tensor, numbers: Tensor) -> Tensor:
    """One of the rows of each, as likely as the others.

    Args:
        rows: float32[batch, n, dim].
        numbers: float32[batch], between 0 and 1.
    """
    places = (numbers * rows.shape[1]).long()
    return rows[torch.arange(len(rows), device=rows.device), places]


def bridge(config: PivotConfig, ranks: Ranks = ALONE) -> Path:
    """Train the pivot, then by audio-text pairs as many times as there are counts of them.

    Returns:
        The pivot's folder; those of N pairs lie in it, as `text-N`, of synthetic clips as
        `text-N-aviary`.

    Raises:
        BirdlistenError: clips, pictures, teacher or student can't be used.
    """
    load = load_pairs
    if config.pictures:
        load = partial(load_pictured, pictures=open_dataset(config.pictures, config.taxon))
    patches = PatchSpec(config.patch, config.stride_frames, config.stride_bins)
    parts = prepare(config, METHOD, ranks, patches=patches, load=load)
    if config.text_pairs:
        askable(parts.clips.clips, _TEST, parts.clips.path)  # refused before anything is trained
    _taught(parts, config, "image pivot")
    curve = [*_curve(parts, config)]
    if curve and ranks.first:
        text = json.dumps(curve, indent=2) + "\n"
        write_atomic(parts.output / CURVE, text.encode())
    return parts.output


def _curve(parts: BridgeParts, config: PivotConfig) -> Iterator[dict[str, Any]]:
    """Points of the curve; each count goes on from the pivot."""
    seen = {*parts.pairs.seen_species}
    for count in config.text_pairs:
        stage = _text_stage(parts, config, count) if count else parts
        taught = len(stage.pairs.clips) if count else 0
        yield {"pairs": taught, "figures": [asdict(figure) for figure in _asked(stage, seen)]}


def _text_stage(parts: BridgeParts, config: PivotConfig, count: int) -> BridgeParts:
    """Fine-tuning of the pivot by audio-text pairs, done."""
    texts = with_texts(
        parts.pairs, count, teacher=parts.teacher, prompt=config.prompt, seed=config.seed
    )
    few = replace(
        config,
        student=str(parts.output),
        output=str(parts.output / f"text-{count}"),
        steps=config.text_steps,
        learning_rate=config.text_learning_rate,
        batch=_shared(min(config.text_batch, len(texts.clips)), parts.ranks),
        mask_species=True,  # who has the same name is no negative
        text_pairs=(count,),
    )
    stage = replace(prepare(few, METHOD, parts.ranks, load=parts.load), pairs=texts)
    _taught(stage, few, f"{count} pairs")
    return stage


def _taught(parts: BridgeParts, config: PivotConfig, title: str) -> None:
    """Fit a stage; with snapshots one that was finished by the same settings is gone on from."""
    if config.snapshot_every and finished(parts, _STAGES):
        return
    student = parts.student.to(parts.device).train()
    teach(parts, ImagePivot(student, parts.sampler(), config, parts.ranks), title)


def _shared(batch: int, ranks: Ranks) -> int:
    """As many windows as the ranks can share evenly."""
    return max(batch - batch % ranks.world, ranks.world)


def _asked(parts: BridgeParts, seen: Collection[str]) -> list[ZeroShotFigure]:
    """Figures of a stage on the clips of the test split, of seen and unseen species apart."""
    config = parts.config
    assert isinstance(config, PivotConfig)
    test = askable(parts.clips.clips, _TEST, parts.clips.path)
    places, log_mels = load_log_mels(test, parts.start.spec, CACHE)
    # Others that are in a clip may be silent: who sings is the first.
    asked = [replace(test[place], species=test[place].species[:1]) for place in places]
    return figures_of(
        heard_clips(parts.student, log_mels, parts.input_spec.frames),
        asked,
        species=parts.clips.taxonomy.species,
        teacher=parts.teacher,
        prompts=(config.prompt,),
        groups=["unseen" if {*seen}.isdisjoint(clip.species) else "seen" for clip in asked],
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return bridge_main(METHOD, PivotConfig, bridge, description=__doc__, argv=argv)
