"""Frames, sound and truth of a staged clip."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image

from train.aviary import backdrop
from train.aviary.anatomy import Anatomy
from train.aviary.background import background
from train.aviary.canvas import Canvas, Viewport
from train.aviary.chance import generator
from train.aviary.chorus import NOISE, add_song
from train.aviary.picture import Light
from train.aviary.repertoire import Singer, bout
from train.aviary.scene import SingerPosition, recorded
from train.aviary.song import RATE_HZ, Waveform, samples
from train.aviary.sprite import Sprite, draw_sprite
from train.aviary.staging import Actor, Span, size_class

SIDE_PX = 224
"""Side of a frame."""
_FINER = 2
"""Scenery is painted so many times as large."""
_SHORTEST_S = 0.5
"""Of a song."""
_APART, _TRIES = 0.10, 40
"""Most that two birds cover of each other, as a share of the smaller; and attempts at less."""
_BOB, _BOB_HZ = 0.035, 1.7
"""A singer moves up and down by this share of its height."""
_QUIET = ("air", "wind", "traffic", "stream")

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels."""


@dataclass(frozen=True, kw_only=True)
class Pose:
    """A bird at its place in the picture."""

    silent: Image.Image
    singing: Image.Image
    left: int
    top: int
    scenery: Viewport
    """By which its perch is painted, `_FINER` times as large as the picture."""
    sprite: Sprite

    def box(self, rise: int = 0) -> Box:
        """Its box in pixels, `rise` pixels higher."""
        width, height = self.silent.size
        return self.left, self.top - rise, self.left + width, self.top - rise + height


@dataclass(frozen=True, kw_only=True)
class FilmedBird:
    """Truth of one bird of a clip."""

    actor: Actor
    songs: tuple[Span, ...]
    boxes: tuple[tuple[float, Box], ...]
    """Seconds and pixels of each frame that it is in."""

    @property
    def size(self) -> str:
        """Class of its largest box; empty if it is never seen."""
        areas = [(x2 - x1) * (y2 - y1) for _, (x1, y1, x2, y2) in self.boxes]
        return size_class(max(areas) ** 0.5) if areas else ""


@dataclass(frozen=True, kw_only=True)
class Footage:
    """A clip before it is written."""

    frames: tuple[Image.Image, ...]
    """RGB, 224 x 224."""
    sound: Waveform
    """float32[samples] at 48 kHz."""
    birds: tuple[FilmedBird, ...]


def film(seed: int, clip: str, actors: Sequence[Actor], length_s: float, rate_hz: int) -> Footage:
    """Make a clip of its staging.

    Args:
        seed: of the whole set.
        clip: its name.
        actors: its birds, the singer first.
        length_s: of the clip.
        rate_hz: frames a second.
    """
    rng = generator(seed, "film", clip)
    sound, songs = _perform(seed, actors, length_s, rng)
    poses = _pose_all(seed, actors, rng)
    still, light = _scene(poses, rng), Light.draw(rng)
    moments = np.arange(round(length_s * rate_hz)) / rate_hz
    frames, boxes = [], [[] for _ in actors]  # type: ignore[var-annotated]
    for number, time_s in enumerate(moments.tolist()):
        image = still.copy()
        for place, (actor, pose) in enumerate(zip(actors, poses, strict=True)):
            if pose is not None and actor.is_seen(time_s):
                sings = any(begin <= time_s < end for begin, end in songs[place])
                box = _show(image, pose, sings=sings, number=number, time_s=time_s)
                boxes[place].append((time_s, box))
        frames.append(light.on(image))
    return Footage(
        frames=tuple(frames),
        sound=sound,
        birds=tuple(
            FilmedBird(actor=actor, songs=sung, boxes=tuple(shown))
            for actor, sung, shown in zip(actors, songs, boxes, strict=True)
        ),
    )


def still_picture(seed: int, name: str, species_id: str, side_px: float) -> Image.Image:
    """A photograph of one bird in its landscape: RGB, 224 x 224.

    Args:
        seed: of the whole set.
        name: of the picture; each is of another individual.
        species_id: one of ``species.SPECIES_IDS``.
        side_px: square root of the bird's area.
    """
    rng = generator(seed, "still", name)
    pose = _pose(draw_sprite(species_id, rng), side_px, [], rng)
    image = _scene([pose], rng)
    _show(image, pose, sings=bool(rng.random() < 0.3), number=0, time_s=0.0)
    return Light.draw(rng).on(image)


def _perform(
    seed: int, actors: Sequence[Actor], length_s: float, rng: Generator
) -> tuple[Waveform, list[tuple[Span, ...]]]:
    """The sound of all singers before a background, and when each is heard."""
    kind = str(rng.choice(_QUIET))
    air = background(kind, samples(length_s), rng) * np.float32(NOISE)
    songs = []
    for actor in actors:
        singer = Singer.hatch(actor.species_id, seed, actor.individual)
        place = SingerPosition.draw(rng, 6.0, 40.0)
        heard = []
        for begin_s, end_s in actor.turns:
            song = _song(singer, end_s - begin_s, rng)
            add_song(
                air[samples(begin_s) :], song=song, place=place, gain_db=actor.gain_db, rng=rng
            )
            heard.append((begin_s, min(begin_s + len(song) / RATE_HZ, length_s)))
        songs.append(tuple(heard))
    return recorded(air, rng.uniform(0.2, 0.6)), songs


def _song(singer: Singer, length_s: float, rng: Generator) -> Waveform:
    """About so much song; a bird whose strophe is longer sings it."""
    song = bout(singer, length_s, rng)
    while len(song) < samples(_SHORTEST_S):
        length_s += 0.5
        song = bout(singer, length_s, rng)
    return song


def _pose_all(seed: int, actors: Sequence[Actor], rng: Generator) -> list[Pose | None]:
    poses: list[Pose | None] = []
    for actor in actors:
        if actor.seen_s is None:
            poses.append(None)
            continue
        look = generator(seed, "plumage", actor.species_id, actor.individual)
        sprite = draw_sprite(actor.species_id, look)
        poses.append(_pose(sprite, actor.side_px, [p.box() for p in poses if p], rng))
    return poses


def _pose(sprite: Sprite, side_px: float, taken: Sequence[Box], rng: Generator) -> Pose:
    """A bird of a size somewhere in the picture, apart from the others as far as there is room."""
    width, height = sprite.silent.size
    scale = min(side_px / (width * height) ** 0.5, (SIDE_PX - 8) / max(width, height))
    size = (max(round(width * scale), 2), max(round(height * scale), 2))
    mirrored = bool(rng.random() < 0.5)
    places = [_place(size, rng) for _ in range(_TRIES)]
    left, top = min(places, key=lambda place: max(_covered(place, size, taken) - _APART, 0.0))
    x, y = sprite.viewport.origin_px
    x = width - x if mirrored else x
    return Pose(
        silent=_sized(sprite.silent, size, mirrored),
        singing=_sized(sprite.singing, size, mirrored),
        left=left,
        top=top,
        scenery=Viewport(
            (_FINER * (left + x * scale), _FINER * (top + y * scale)),
            _FINER * sprite.viewport.unit_px * scale,
            mirrored,
        ),
        sprite=sprite,
    )


def _place(size: tuple[int, int], rng: Generator) -> tuple[int, int]:
    left, top = (int(rng.integers(4, max(SIDE_PX - 3 - side, 5))) for side in size)
    return left, top


def _covered(place: tuple[int, int], size: tuple[int, int], taken: Sequence[Box]) -> float:
    """The largest share that this one and another cover of the smaller of both."""
    (left, top), (width, height) = place, size
    shares = [0.0]
    for x1, y1, x2, y2 in taken:
        across = max(min(left + width, x2) - max(left, x1), 0.0)
        down = max(min(top + height, y2) - max(top, y1), 0.0)
        shares.append(across * down / min(width * height, (x2 - x1) * (y2 - y1)))
    return max(shares)


def _sized(image: Image.Image, size: tuple[int, int], mirrored: bool) -> Image.Image:
    small = image.resize(size, Image.Resampling.LANCZOS)
    return small.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else small


def _scene(poses: Sequence[Pose | None], rng: Generator) -> Image.Image:
    """A landscape with a perch for every bird."""
    wide = backdrop.landscape(SIDE_PX * _FINER, rng)
    for pose in poses:
        if pose is None:
            continue
        canvas, build = Canvas(wide, pose.scenery), pose.sprite.plumage.build
        if build.perch == "trunk":
            backdrop.trunk(canvas, float(Anatomy(build).feet()[:, 0].max()) + 0.10, -0.05, rng)
        else:
            backdrop.branch(canvas, pose.sprite.ground, rng)
    return wide.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)


def _show(image: Image.Image, pose: Pose, sings: bool, number: int, time_s: float) -> Box:
    """Put a bird into a frame, and tell its box; a singer bobs, and opens its bill."""
    height = pose.silent.height
    rise = round(_BOB * height * np.sin(2 * np.pi * _BOB_HZ * time_s)) if sings else 0
    sprite = pose.singing if sings and number % 3 != 2 else pose.silent
    image.paste(sprite, (pose.left, pose.top - rise), sprite)
    x1, y1, x2, y2 = pose.box(rise)
    return max(x1, 0), max(y1, 0), min(x2, SIDE_PX), min(y2, SIDE_PX)
