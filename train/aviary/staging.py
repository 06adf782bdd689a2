"""Staging of a clip: which birds are in it, when each sings, and when and how large it is seen."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from train.aviary.chance import generator

Span = tuple[float, float]
"""Begin and end in seconds."""

SIZES_PX: dict[str, Span] = {
    "small": (22.0, 32.0),
    "medium": (40.0, 96.0),
    "large": (96.0, 144.0),
    "huge": (144.0, 176.0),
}
"""Square root of a bird's area in a picture of 224 pixels: SLAVC's classes (Mo & Morgado 2022)."""
_SHARES = {"small": 0.10, "medium": 0.42, "large": 0.34, "huge": 0.14}
_NEVER_SEEN, _ALWAYS_SEEN = 0.12, 0.18
"""Shares of clips whose singer is heard only, and seen all the time; in the others it is seen for
a part, about the middle of a song."""
_SEEN = (0.22, 0.55)
"""That part of a clip."""
_STRANGER = 0.25
"""Share of clips in which another one sings off screen, further away."""
_SILENT = (0.35, 0.40, 0.25)
"""Shares of clips with no, one and two birds that are seen and silent."""


@dataclass(frozen=True, kw_only=True)
class Actor:
    """One bird of a clip."""

    species_id: str
    individual: str
    """Its voice and its plumage."""
    turns: tuple[Span, ...]
    """When it is to sing; none if it is silent."""
    seen_s: Span | None
    """When it is in the picture; None if never."""
    side_px: float
    """Square root of its area in a picture of 224 pixels."""
    gain_db: float
    """Loudness of its song over that of the background."""

    def is_seen(self, time_s: float) -> bool:
        """True while it is in the picture."""
        return self.seen_s is not None and self.seen_s[0] <= time_s < self.seen_s[1]


def size_class(side_px: float) -> str:
    """SLAVC's class of a box by the square root of its area, of 224 pixels."""
    limits = {"small": 32.0, "medium": 96.0, "large": 144.0}
    return next((name for name, limit in limits.items() if side_px < limit), "huge")


def draw_size(rng: Generator) -> float:
    """A bird's size in pixels: a class by its share, then anything in it."""
    name = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
    return float(rng.uniform(*SIZES_PX[name]))


def stage(
    seed: int, clip: str, singer: tuple[str, str], others: list[tuple[str, str]], length_s: float
) -> list[Actor]:
    """Birds of a clip, its singer first.

    Args:
        seed: of the whole set.
        clip: its name.
        singer: species and individual that the clip is of.
        others: those of other species that may be in it.
        length_s: of the clip.
    """
    rng = generator(seed, "stage", clip)
    turns = _turns(length_s, rng)
    cast = [others[n] for n in rng.permutation(len(others))[:3]]
    silent = int(rng.choice(len(_SILENT), p=_SILENT))
    actors = [
        Actor(
            species_id=singer[0],
            individual=singer[1],
            turns=turns,
            seen_s=_singer_seen(turns[0], length_s, rng),
            side_px=draw_size(rng),
            gain_db=float(rng.uniform(18, 28)),
        )
    ]
    actors += [_silent(bird, length_s, rng) for bird in cast[:silent]]
    if rng.random() < _STRANGER and len(cast) > silent:
        actors.append(_stranger(cast[silent], length_s, rng))
    return actors


def _turns(length_s: float, rng: Generator) -> tuple[Span, ...]:
    """One long turn, and a second if there is time."""
    begin = float(rng.uniform(0.05, 0.30)) * length_s
    end = min(begin + float(rng.uniform(0.28, 0.48)) * length_s, length_s)
    again = end + float(rng.uniform(0.06, 0.18)) * length_s
    last = min(again + float(rng.uniform(0.18, 0.30)) * length_s, length_s)
    return ((begin, end), (again, last)) if last - again > 0.12 * length_s else ((begin, end),)


def _singer_seen(song: Span, length_s: float, rng: Generator) -> Span | None:
    chance = rng.random()
    if chance < _NEVER_SEEN:
        return None
    if chance < _NEVER_SEEN + _ALWAYS_SEEN:
        return 0.0, length_s
    return _around(float(np.mean(song)) + rng.normal(0, 0.05 * length_s), length_s, rng)


def _around(middle_s: float, length_s: float, rng: Generator) -> Span:
    """A part of the clip about a moment, as much as possible within it."""
    half = float(rng.uniform(*_SEEN)) * length_s / 2
    middle_s = float(np.clip(middle_s, half, length_s - half))
    return middle_s - half, middle_s + half


def _silent(bird: tuple[str, str], length_s: float, rng: Generator) -> Actor:
    species_id, individual = bird
    everywhere = rng.random() < 0.4
    part = _around(float(rng.uniform(0, length_s)), length_s, rng)
    return Actor(
        species_id=species_id,
        individual=individual,
        turns=(),
        seen_s=(0.0, length_s) if everywhere else part,
        side_px=draw_size(rng),
        gain_db=0.0,
    )


def _stranger(bird: tuple[str, str], length_s: float, rng: Generator) -> Actor:
    species_id, individual = bird
    begin = float(rng.uniform(0.05, 0.6)) * length_s
    return Actor(
        species_id=species_id,
        individual=individual,
        turns=((begin, begin + 0.25 * length_s),),
        seen_s=None,
        side_px=0.0,
        gain_db=float(rng.uniform(8, 16)),
    )
