"""Localisation by sound: two students that meet at the place which makes the sound (AVC-KD).

Acoustic and visual knowledge distillation (Yaghoubi et al. 2023, 10.1145/3577190.3614144). The
audio student embeds a window of sound, the image student every place of a frame out of it; the
contrast is between the sounds and the most alike places of a batch. An audio teacher's embedding
and a vision teacher's map, computed beforehand, are hints in training and gone at test.

Three things differ from the paper, two because the audio student has to listen afterwards. The
students meet in the frozen teacher's space: the image student begins in it, and the sounds are
also contrasted with the frozen teacher's rows of the same frames. A linear layer that is thrown
away stands between the audio student and its teacher's embedding. And that embedding is brought to
unit length, as the layer's is, whatever network it is of.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from train.bridges.command import bridge_main
from train.bridges.image_student import ImageStudent, begin_image_student, save_image_student
from train.bridges.localisation_losses import (
    audio_hint,
    map_hint,
    max_over_places,
)
from train.bridges.localiser import Localiser
from train.bridges.pairs import chosen_frames, frames_inside
from train.bridges.pixels import FramePixels, load_pixels
from train.bridges.place_retrieval import place_retrieval
from train.bridges.teachers import TeacherFeatures, check_folder, read_features
from train.bridges.training import BridgeParts, prepare, teach
from train.config.localisation import LocaliseConfig
from train.engine.loop import mixed_precision
from train.engine.ranks import ALONE, Ranks
from train.engine.resume import Drawing
from train.engine.stopping import EarlyStopping
from train.engine.terms import digest
from train.runs import CACHE

EMBEDDING, MAP = 1, 2
"""Dimensions of a teacher's feature."""


@dataclass(frozen=True, kw_only=True)
class LocaliseParts(BridgeParts):
    """Parts of a localisation's training, made ready."""

    image_student: ImageStudent
    pixels: FramePixels
    audio_teacher: TeacherFeatures | None
    vision_teacher: TeacherFeatures | None

    @property
    def content(self) -> dict[str, str]:
        """Digests of what is learned from, by the setting that names it."""
        teachers = {"audio_teacher": self.audio_teacher, "vision_teacher": self.vision_teacher}
        hints = {name: digest(told.values) for name, told in teachers.items() if told}
        return {**super().content, **hints}


class Localisation:
    """Contrast at the best place, with the hints of two teachers.

    Args:
        parts: made ready; both students learn in place.
        config: weights of the hints.
    """

    def __init__(self, parts: LocaliseParts, config: LocaliseConfig) -> None:
        self._parts, self._config, self._ranks = parts, config, parts.ranks
        self._image = parts.image_student.to(parts.device).train()
        self._ranks.share(self._image)
        self._sampler = parts.sampler()
        self._frames = torch.Generator().manual_seed(config.seed)
        self._hinted: nn.Linear | None = None
        if parts.audio_teacher:
            width = parts.audio_teacher.shape[0]
            self._hinted = nn.Linear(parts.student.hidden, width).to(parts.device)
            self._ranks.share(self._hinted)

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """Both students and, with an audio teacher, the layer between."""
        students = (self._parts.student, self._image)
        return (*students, self._hinted) if self._hinted else students

    @property
    def generators(self) -> tuple[Drawing, ...]:
        """Generators of batches, and of frames and mirrors."""
        return self._sampler, self._frames

    def loss(self) -> Tensor:
        """Of a new batch; all ranks' sounds and places are compared."""
        config, gather = self._config, self._ranks.gather
        batch = self._sampler.batch(config.batch)
        chance, mirror = torch.rand(2, config.batch, generator=self._frames)
        inside = frames_inside(batch, config.window_s)
        moments = chosen_frames(inside, chance[self._ranks.mine])
        mirrored = mirror[self._ranks.mine] < config.flip
        features, embedded = self._hear(batch.log_mel)
        places, heard = gather(self._look(batch.clips, moments, mirrored)), gather(embedded)
        value = max_over_places(places, heard, config.temperature)
        if config.space_weight:
            rows = gather(batch.rows[torch.arange(len(moments)), moments])
            in_space = max_over_places(rows[:, None, None], heard, config.temperature)
            value = value + config.space_weight * in_space
        return value + self._hints(
            batch.clips, moments=moments, mirrored=mirrored, features=features, places=places
        )

    def _hints(
        self, clips: Tensor, moments: Tensor, mirrored: Tensor, features: Tensor, places: Tensor
    ) -> Tensor:
        """Sum of the teachers' hints; clips, moments and features are this rank's, places all."""
        config, gather, parts = self._config, self._ranks.gather, self._parts
        value = places.new_zeros(())
        at = clips.tolist(), moments.tolist()
        if self._hinted and parts.audio_teacher:
            told = torch.from_numpy(parts.audio_teacher.of(*at)).to(parts.device)
            hinted = functional.normalize(self._hinted(features), dim=1)
            value = value + config.audio_weight * audio_hint(gather(hinted), gather(told))
        if parts.vision_teacher:
            maps = torch.from_numpy(parts.vision_teacher.of(*at)).to(parts.device)
            maps = _mirrored(maps, mirrored.to(parts.device))
            value = value + config.vision_weight * map_hint(places, gather(maps))
        return value

    def _hear(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """Features and unit embeddings of sounds."""
        student = self._parts.student
        with self._precision(student.tower.depthwise):
            features = student.features(log_mel)
            embedded = student.project(features)
        return features.float(), embedded.float()

    def _look(self, clips: Tensor, moments: Tensor, mirrored: Tensor) -> Tensor:
        """Unit features of places: float32[batch, h, w, dim]."""
        pixels = self._parts.pixels.of(clips.tolist(), moments.tolist())
        pixels = _mirrored(pixels, mirrored).to(self._parts.device)
        with self._precision():
            places: Tensor = self._image(pixels)
        return functional.normalize(places.float(), dim=-1)

    def _precision(self, depthwise: bool = False) -> AbstractContextManager[object]:
        return mixed_precision(self._parts.device, depthwise, self._config.bfloat16)


def localise(config: LocaliseConfig, ranks: Ranks = ALONE) -> Path:
    """Train both students; the audio one is saved as a run like any other, the image one beside.

    Args:
        config: everything about it.
        ranks: among which its batches are shared; the first one writes.

    Returns:
        The checkpoint's folder.

    Raises:
        BirdlistenError: clips, teachers or students can't be used.
    """
    for folder in (config.audio_teacher, config.vision_teacher):
        if folder:
            check_folder(Path(folder))  # before anything is embedded
    parts = make_ready(config, prepare(config, "localise", ranks))
    objective = Localisation(parts, config)

    def save() -> None:
        save_image_student(parts.output, parts.image_student.cpu())

    return teach(parts, objective, "localise", _validation(parts, config), beside=save)


def make_ready(config: LocaliseConfig, parts: BridgeParts) -> LocaliseParts:
    """Parts of a bridge, with frames, the image student and the teachers' files.

    Raises:
        BirdlistenError: the image student or a teacher's files can't be used.
    """
    names = [clip.recording for clip in parts.pairs.clips]
    image_student = begin_image_student(config.image_student, parts.teacher)
    return LocaliseParts(
        **vars(parts),
        image_student=image_student,
        audio_teacher=_teacher(config.audio_teacher, names, config.frames, EMBEDDING),
        vision_teacher=_teacher(config.vision_teacher, names, config.frames, MAP),
        pixels=load_pixels(
            parts.pairs.clips, parts.pairs.bank.times_s, image_student.config, CACHE
        ),
    )


def _teacher(folder: str, names: Sequence[str], moments: int, dims: int) -> TeacherFeatures | None:
    return read_features(Path(folder), names, moments, dims) if folder else None


def _validation(parts: LocaliseParts, config: LocaliseConfig) -> EarlyStopping | None:
    """Choice of the weights by clips of the validation split; no box, no name, no test clip."""
    if not config.validate_every:
        return None
    pairs = parts.load_split("validation")
    pixels = load_pixels(pairs.clips, pairs.bank.times_s, parts.image_student.config, CACHE)
    localiser = Localiser(
        student=parts.student, image_student=parts.image_student, input_spec=parts.input_spec
    )
    score = place_retrieval(localiser, pairs, pixels, parts.ranks)
    return EarlyStopping(score, config.validate_every, config.patience, "validation_MRR")


def _mirrored(planes: Tensor, mirrored: Tensor) -> Tensor:
    """Planes, float32[batch, ..., height, width], some left for right."""
    chosen = mirrored.reshape(-1, *[1] * (planes.ndim - 1))
    return torch.where(chosen, planes.flip(-1), planes)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return bridge_main("localise", LocaliseConfig, localise, description=__doc__, argv=argv)
