"""Strophes of tits, leaf warblers, thrushes and finches.

As in ``nonpasserines``: one strophe a call, ``own`` is the individual's generator (the same at
every call), ``rng`` the performance's. After Cramp et al. (BWP vols. 5-8) and typical xeno-canto
sonograms; stylised.
"""

from numpy.random import Generator

from train.aviary.song import Note

_WHISTLE = (1.0, 0.05)
_FLUTE = (1.0, 0.22, 0.08)
_SHARP = (1.0, 0.3, 0.1)


def great_tit(own: Generator, rng: Generator) -> list[Note]:
    """Teacher-teacher: a higher short and a lower longer note, 4 to 6 times."""
    high_hz, ratio = own.uniform(4400.0, 4800.0), own.uniform(0.70, 0.78)
    high = Note((high_hz, high_hz * 1.03), 0.09, 0.05, level=1.0, partials=_SHARP)
    low = Note((high_hz * ratio, high_hz * ratio), 0.16, 0.07, level=0.9, partials=_SHARP)
    rest = Note(low.contour_hz, 0.16, rng.uniform(0.5, 0.8), level=0.9, partials=_SHARP)
    return [high, low] * int(rng.integers(3, 6)) + [high, rest]


def coal_tit(own: Generator, rng: Generator) -> list[Note]:
    """Like the great tit, but faster, higher and thinner: 8 to 12 quick pairs."""
    high_hz, ratio = own.uniform(6300.0, 6900.0), own.uniform(0.74, 0.80)
    high = Note((high_hz * 0.97, high_hz), 0.045, 0.02, level=0.9, partials=_WHISTLE)
    low = Note((high_hz * ratio * 1.05, high_hz * ratio), 0.06, 0.03, level=1.0, partials=_WHISTLE)
    rest = Note(low.contour_hz, 0.06, rng.uniform(0.4, 0.6), level=1.0, partials=_WHISTLE)
    return [high, low] * int(rng.integers(7, 12)) + [high, rest]


def blue_tit(own: Generator, rng: Generator) -> list[Note]:
    """Two or three very high drawn-out notes, then a lower silvery trill."""
    top_hz, trill_hz = own.uniform(7400.0, 8200.0), own.uniform(4700.0, 5300.0)
    high = [Note((top_hz, top_hz * 0.97), 0.13, 0.06, level=0.8, partials=_WHISTLE)] * int(
        rng.integers(2, 4)
    )
    tick = Note(
        (trill_hz * 1.12, trill_hz * 0.9),
        0.032,
        0.026,
        level=0.9,
        partials=_WHISTLE,
        attack_s=0.006,
    )
    rest = Note(tick.contour_hz, 0.032, rng.uniform(0.4, 0.6), level=0.8, partials=_WHISTLE)
    return high + [tick] * int(rng.integers(13, 19)) + [rest]


def common_chiffchaff(own: Generator, rng: Generator) -> list[Note]:
    """Two pitches in plodding alternation, each note starting with a steep fall."""
    chiff = Note((7000.0, 5000.0, 5050.0), 0.11, 0.20, level=1.0, partials=_WHISTLE)
    chaff = Note((5600.0, 3900.0, 3950.0), 0.12, 0.19, level=1.0, partials=_WHISTLE)
    phrase = [chiff, chaff] * int(rng.integers(4, 7))
    return [
        *phrase,
        Note(chiff.contour_hz, 0.11, rng.uniform(0.35, 0.5), level=1.0, partials=_WHISTLE),
    ]


def willow_warbler(own: Generator, rng: Generator) -> list[Note]:
    """Soft cadence of whistles that descends, swells and dies away, 2.2 s."""
    count = int(rng.integers(14, 18))
    notes = []
    for i in range(count):
        share = i / (count - 1)
        hz = 5000.0 * 0.50**share
        swell = 0.35 + 0.65 * (1 - (2 * share - 0.9) ** 2)
        shape = (hz * 1.15, hz, hz * 0.9)
        notes.append(
            Note(shape, 0.07 + 0.035 * share, 0.055, level=max(swell, 0.3), partials=_WHISTLE)
        )
    return [
        *notes,
        Note((2450.0, 2200.0), 0.12, rng.uniform(0.5, 0.8), level=0.4, partials=_WHISTLE),
    ]


def wood_warbler(own: Generator, rng: Generator) -> list[Note]:
    """Ticking that accelerates into a shivering metallic trill, 2 s."""
    notes: list[Note] = []
    pause_s = 0.15
    while len(notes) < int(26 + 6 * own.random()):
        notes.append(
            Note((7600.0, 4600.0), 0.034, pause_s, level=1.0, partials=_SHARP, attack_s=0.004)
        )
        pause_s = max(0.012, pause_s * 0.82)
    return [
        *notes,
        Note((7400.0, 4600.0), 0.034, rng.uniform(0.45, 0.7), level=0.8, partials=_SHARP),
    ]


def _flute(rng: Generator, low_hz: float, high_hz: float, length_s: tuple[float, float]) -> Note:
    """Return a random whistled note with a slide."""
    start, middle, end = rng.uniform(low_hz, high_hz) * rng.uniform(0.86, 1.16, 3)
    return Note((start, middle, end), rng.uniform(*length_s), 0.04, level=1.0, partials=_FLUTE)


def common_blackbird(own: Generator, rng: Generator) -> list[Note]:
    """Slow mellow fluting, 1.5 to 2.4 kHz, ending in a soft high twitter."""
    motifs = [[_flute(own, 1500.0, 2300.0, (0.14, 0.30)) for _ in range(5)] for _ in range(4)]
    motif = motifs[int(rng.integers(4))][: int(rng.integers(4, 6))]
    twitter = [
        Note(
            tuple(rng.uniform(4500.0, 7500.0, 3)),
            rng.uniform(0.03, 0.06),
            0.015,
            level=0.3,
            partials=_SHARP,
        )
        for _ in range(int(rng.integers(6, 10)))
    ]
    return [
        *motif,
        *twitter,
        Note((5000.0, 4500.0), 0.03, rng.uniform(0.5, 0.8), level=0.2, partials=_SHARP),
    ]


def song_thrush(own: Generator, rng: Generator) -> list[Note]:
    """Every phrase is said two to four times: varied, sharp, 2 to 5 kHz."""
    phrases = []
    for _ in range(6):
        size, centre_hz = int(own.integers(1, 4)), own.uniform(2300.0, 4300.0)
        notes = [_flute(own, centre_hz * 0.7, centre_hz * 1.3, (0.06, 0.14)) for _ in range(size)]
        phrases.append([n.varied(1.0, 1.0, 1.8) for n in notes])
    phrase = phrases[int(rng.integers(6))]
    gap = Note((3000.0,), 0.01, 0.08, 0.0)
    return [*phrase, gap] * int(rng.integers(2, 5)) + [Note((3000.0,), 0.01, 0.25, 0.0)]


def mistle_thrush(own: Generator, rng: Generator) -> list[Note]:
    """Short wild phrases of 4 to 6 quick notes, all alike, within 2.3 to 3.1 kHz; no twitter."""
    base = [_flute(own, 2450.0, 2950.0, (0.08, 0.13)) for _ in range(6)]
    notes = [n.varied(rng.uniform(0.97, 1.03), 1.3, 1.0) for n in base[: int(rng.integers(4, 7))]]
    return [*notes, Note((2500.0, 2300.0), 0.1, rng.uniform(0.35, 0.5), level=0.8, partials=_FLUTE)]


def common_chaffinch(own: Generator, rng: Generator) -> list[Note]:
    """Accelerating descending rattle in three steps and a terminal flourish."""
    notes = []
    for hz, count, pause_s in ((4900.0, 5, 0.075), (4000.0, 6, 0.05), (3200.0, 6, 0.035)):
        step_hz = hz * own.uniform(0.94, 1.06)
        notes += [
            Note((step_hz * 1.3, step_hz * 0.8), 0.06, pause_s, level=0.9, partials=_SHARP)
        ] * count
    rise = Note((2300.0, 4600.0), 0.10, 0.02, level=1.0, partials=_SHARP)
    fall = Note((5200.0, 2600.0, 3300.0), 0.20, rng.uniform(0.5, 0.8), level=1.0, partials=_SHARP)
    return [*notes, rise, fall]


def european_greenfinch(own: Generator, rng: Generator) -> list[Note]:
    """Trills at different speeds, and a drawn-out nasal wheeze."""
    hz = own.uniform(3000.0, 3500.0)
    slow = [Note((hz * 0.85, hz * 1.1), 0.055, 0.055, level=0.8, partials=_SHARP)] * int(
        rng.integers(6, 9)
    )
    fast = [Note((hz * 1.25, hz), 0.03, 0.02, level=0.8, partials=_SHARP)] * int(
        rng.integers(10, 14)
    )
    wheeze = Note(
        (4300.0, 4000.0, 3300.0), 0.75, rng.uniform(0.25, 0.4), level=1.0, partials=(1.0, 0.4, 0.2),
        vibrato=(110.0, 0.14), roughness=0.04, attack_s=0.06,
    )  # fmt: skip
    return [*(slow if rng.random() < 0.5 else fast), wheeze]


def european_goldfinch(own: Generator, rng: Generator) -> list[Note]:
    """Liquid tinkling: quick triplets of steep rising and falling notes, 4 to 8 kHz."""
    notes = []
    for _ in range(int(rng.integers(5, 8))):
        low_hz, span = own.uniform(3900.0, 5200.0), own.uniform(1.35, 1.7)
        shape = (low_hz, low_hz * span, low_hz * 1.1)
        notes += [Note(shape, rng.uniform(0.045, 0.06), 0.022, level=0.9, partials=_WHISTLE)] * 3
        notes.append(
            Note(
                (low_hz * span, low_hz), 0.05, rng.uniform(0.05, 0.12), level=0.8, partials=_WHISTLE
            )
        )
    return [
        *notes,
        Note((5200.0, 6500.0), 0.05, rng.uniform(0.3, 0.5), level=0.8, partials=_WHISTLE),
    ]
