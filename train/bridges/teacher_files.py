"""Features of localisation's teachers, made beforehand with the networks that are here.

python -m train.bridges teacher-files KIND NETWORK --data KIND:DIR --output DIR [--frames N]

KIND NETWORK is one of
    student FOLDER    features of a pretrained audio tower around each frame
    ear NAME          embedding of an ear (export/ears) around each frame
    names TEACHER     places of the frozen image-text model's tower, by the names of the clips'
                      species: how much more alike a place is to its nearest name than to all
    attention TEACHER  what the token of the whole attends to in the last layer of a ViT
    activation TEACHER  mean magnitude of the channels of its last map, as EZ-VSL's object map

Maps are not negative and sum to 1, as DETR's attention. An .npy a clip is written to DIR, a
feature a frame; a localisation reads them as audio_teacher= or vision_teacher=.
"""

import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edge.command.parser import Parser
from edge.contract.arrays import Float32s
from edge.contract.errors import AudioError, DatasetError, PictureError
from gallery.command import run
from gallery.teacher import Teacher, load_teacher, mean_anchors
from train.bridges.clips import VideoClip, open_clips
from train.bridges.image_student import begin_image_student
from train.bridges.teachers import check_names, write_features
from train.bridges.video import frame_times, read_frames, read_sound, video_length_s
from train.ears.network import EarNetwork
from train.ears.recipe import locate
from train.engine.progress import progress
from train.model.frontend import LogMel
from train.model.opening import open_student

_LOG = logging.getLogger(__name__)
SIDE = 25
"""Rows and columns of a map, DETR's of a picture of 800 pixels."""
_SHARPNESS = 20.0
Maker = Callable[[VideoClip, list[float]], Float32s]
"""A clip and moments in it to a feature each: float32[moments, *shape]."""


def student_maker(folder: str, window_s: float) -> Maker:
    """Features of a pretrained audio tower: float32[moments, hidden].

    Raises:
        BirdlistenError: no such student.
    """
    start = open_student(folder)
    tower = start.student(1).tower.eval()
    frontend, samples = LogMel(start.spec), start.input_spec(window_s).window_samples

    @torch.inference_mode()
    def made(clip: VideoClip, times_s: list[float]) -> Float32s:
        sound = read_sound(clip.path, start.spec.sample_rate_hz)
        windows = _around(sound, times_s, start.spec.sample_rate_hz, samples)
        features: Float32s = tower(frontend(torch.from_numpy(windows))).numpy()
        return features

    return made


def ear_maker(name: str) -> Maker:
    """Embedding of an ear: float32[moments, width].

    Raises:
        BirdlistenError: no such ear, or its network isn't here.
    """
    network = EarNetwork(*locate(name))
    recipe = network.recipe

    def made(clip: VideoClip, times_s: list[float]) -> Float32s:
        sound = read_sound(clip.path, recipe.rate_hz)
        windows = _around(sound, times_s, recipe.rate_hz, recipe.window_samples)
        rows = [network.outputs(window, recipe.rate_hz, 1.0).embeddings[0] for window in windows]
        return np.stack(rows).astype(np.float32)

    return made


def names_maker(teacher: Teacher, anchors: Float32s) -> Maker:
    """Places by names: float32[moments, 25, 25].

    Args:
        teacher: image-text model.
        anchors: float32[species, dim], unit rows.
    """
    student, texts = begin_image_student("", teacher).eval(), torch.from_numpy(anchors)
    return _map_maker(teacher, lambda frames: _by_names(student(frames), texts))


def attention_maker(teacher: Teacher) -> Maker:
    """Attention of the token that stands for the whole picture: float32[moments, 25, 25].

    Raises:
        DatasetError: the tower is no ViT in open_clip's layout.
    """
    visual = teacher.model.visual
    if not hasattr(visual, "transformer"):
        raise DatasetError(f"{teacher.name}: no ViT of open_clip's; take its activation")
    return _map_maker(teacher, lambda frames: _attended(visual, frames))


def activation_maker(teacher: Teacher) -> Maker:
    """Magnitude of a convolutional tower's last map: float32[moments, 25, 25].

    Raises:
        DatasetError: the tower is no CNN of timm's.
    """
    trunk = getattr(teacher.model.visual, "trunk", None)
    if trunk is None or hasattr(trunk, "patch_embed"):  # as timm's transformers have
        raise DatasetError(f"{teacher.name}: no CNN of timm's; take its places: names")
    return _map_maker(teacher, lambda frames: trunk.forward_features(frames).abs().mean(dim=1))


def write_files(
    clips: Sequence[VideoClip], made: Maker, folder: Path, frames: int
) -> list[VideoClip]:
    """Write the features of clips; those that can't be read are named and left out.

    Args:
        clips: of any length.
        made: makes features.
        folder: of the files.
        frames: a clip; 0: one feature that stands for the whole, made in its middle.

    Returns:
        Those that were written.

    Raises:
        DatasetError: two clips have the same name.
    """
    check_names([clip.recording for clip in clips])
    written = []
    for clip in progress(clips, folder.name, len(clips)):
        try:
            times_s = frame_times(video_length_s(clip.path), max(frames, 1))
            values = made(clip, times_s)
            write_features(folder, clip.recording, values if frames else values[0])
            written.append(clip)
        except (AudioError, PictureError) as error:
            _LOG.warning("%s; skipped", error)
    return written


def as_attention(scores: Tensor) -> Tensor:
    """Scores as a map of 25 x 25 that is not negative and sums to 1: [n, h, w] -> [n, 25, 25]."""
    wide = functional.interpolate(scores[:, None], (SIDE, SIDE), mode="bilinear")[:, 0]
    lifted = wide - wide.amin(dim=(1, 2), keepdim=True)
    return lifted / lifted.sum(dim=(1, 2), keepdim=True).clamp(min=1e-9)


def _by_names(places: Tensor, texts: Tensor) -> Tensor:
    """Nearest name's cosine above the mean of all: float32[n, h, w]."""
    cosines = places @ texts.T
    return (_SHARPNESS * (cosines.amax(dim=-1) - cosines.mean(dim=-1))).exp()


def _attended(visual: Any, frames: Tensor) -> Tensor:
    """Mean over heads of the last layer's attention from the whole's token: float32[n, h, w]."""
    tokens = visual._embeds(frames)
    *blocks, last = visual.transformer.resblocks
    for block in blocks:
        tokens = block(tokens)
    tokens = last.ln_1(tokens)
    _, weights = last.attn(tokens, tokens, tokens, need_weights=True)
    attended: Tensor = weights[:, 0, 1:].unflatten(1, visual.grid_size)
    return attended


def _map_maker(teacher: Teacher, scored: Callable[[Tensor], Tensor]) -> Maker:
    @torch.inference_mode()
    def made(clip: VideoClip, times_s: list[float]) -> Float32s:
        frames = torch.stack([teacher.prepare(image) for image in read_frames(clip.path, times_s)])
        maps: Float32s = as_attention(scored(frames).float().cpu()).numpy()
        return maps

    return made


def _around(sound: Any, times_s: Sequence[float], rate_hz: int, samples: int) -> Float32s:
    """Windows around moments, the sound repeated where it is too short: float32[n, samples]."""
    if len(sound) < samples:
        sound = np.resize(sound, samples)
    most = len(sound) - samples
    begins = [min(max(round(time_s * rate_hz) - samples // 2, 0), most) for time_s in times_s]
    return np.stack([sound[begin : begin + samples] for begin in begins]).astype(np.float32)


def _maker(kind: str, network: str, data: str, window_s: float) -> Maker:
    if kind == "student":
        return student_maker(network, window_s)
    if kind == "ear":
        return ear_maker(network)
    teacher = load_teacher(network)
    if kind == "activation":
        return activation_maker(teacher)
    if kind == "attention":
        return attention_maker(teacher)
    return names_maker(teacher, mean_anchors(teacher.anchors(open_clips(data).taxonomy.species)))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.bridges teacher-files", description=__doc__)
    parser.add_argument("kind", choices=("student", "ear", "names", "attention", "activation"))
    parser.add_argument("network")
    parser.add_argument("--data", required=True, help="clips, as train/bridges/clips.py has them")
    parser.add_argument("--output", required=True, type=Path, help="folder of the files")
    parser.add_argument(
        "--frames", type=int, default=16, help="a clip; 0: one feature for all (default: 16)"
    )
    parser.add_argument("--window-s", type=float, default=3.0, help="a student's (default: 3)")
    parser.add_argument("--split", default="train")
    args = parser.parse_args(argv)

    def command() -> None:
        clips = open_clips(args.data).select(args.split)
        made = _maker(args.kind, args.network, args.data, args.window_s)
        if not write_files(clips, made, args.output, args.frames):
            raise DatasetError(f"{args.data}: not one clip can be read")
        sys.stdout.write(f"{args.output}\n")

    return run(command)
