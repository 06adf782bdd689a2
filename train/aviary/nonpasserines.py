"""Strophes of cuckoos, owls, woodpeckers and pigeons.

Each function returns one strophe; the last note's pause is the silence before the next strophe.
``own`` is the individual's generator, the same at every call: what is drawn from it belongs to the
bird. ``rng`` is the performance's. Pitches and rhythms after Cramp et al. (BWP vol. 4) and typical
xeno-canto sonograms; long natural pauses are shortened so that most 2.5 s hold the pattern.
"""

from numpy.random import Generator

from train.aviary.song import Note

_HOOT = (1.0, 0.06, 0.03)
_COO = (1.0, 0.30, 0.10, 0.04)
_HARSH = (1.0, 0.8, 0.6, 0.45, 0.3)


def _hoot(hz: tuple[float, ...], length_s: float, pause_s: float, level: float = 1.0) -> Note:
    return Note(hz, length_s, pause_s, level=level, partials=_HOOT, attack_s=0.05)


def common_cuckoo(own: Generator, rng: Generator) -> list[Note]:
    """Falling minor third, 667 then 545 Hz, about once in 1.3 s."""
    first = Note((667.0, 667.0), 0.20, 0.12, level=1.0, partials=(1.0, 0.2, 0.06), attack_s=0.025)
    second = Note((545.0, 545.0), 0.30, 0.65, level=0.9, partials=(1.0, 0.2, 0.06), attack_s=0.03)
    return [first, second]


def oriental_cuckoo(own: Generator, rng: Generator) -> list[Note]:
    """Soft double hoots of equal pitch near 500 Hz, in quick pairs."""
    note = Note((485.0, 500.0, 490.0), 0.13, 0.13, level=1.0, partials=(1.0, 0.08), attack_s=0.04)
    last = Note((485.0, 500.0, 490.0), 0.13, 0.50, level=1.0, partials=(1.0, 0.08), attack_s=0.04)
    return [note, last]


def great_spotted_cuckoo(own: Generator, rng: Generator) -> list[Note]:
    """Rattling cackle, slowing down, hoarse and rich in overtones."""
    count = int(rng.integers(9, 14))
    notes = []
    for i in range(count):
        hz = 1500.0 - 18.0 * i
        pause_s = 0.035 + 0.004 * i
        notes.append(
            Note(
                (hz, hz * 1.2, hz * 0.85), 0.075, pause_s, level=1, partials=_HARSH, roughness=0.07
            )
        )
    harsh = (1400.0, 1600.0, 1300.0)
    return [
        *notes,
        Note(harsh, 0.16, rng.uniform(0.5, 0.8), level=1, partials=_HARSH, roughness=0.1),
    ]


def tawny_owl(own: Generator, rng: Generator) -> list[Note]:
    """Long hoot, pause, a short note and a long quavering hoot, near 850 Hz."""
    long = Note(
        (800.0, 870.0, 830.0), 0.60, 0.55, level=1.0, partials=(1.0, 0.1, 0.12), attack_s=0.08
    )
    short = Note((780.0, 800.0), 0.10, 0.18, level=0.6, partials=(1.0, 0.1, 0.1), attack_s=0.03)
    quaver = Note(
        (800.0, 880.0, 870.0, 800.0), 1.0, rng.uniform(0.5, 0.8), level=1.0,
        partials=(1.0, 0.1, 0.12), vibrato=(13.0, 0.03), tremolo=(13.0, 0.8), attack_s=0.06,
    )  # fmt: skip
    return [long, short, quaver]


def eagle_owl(own: Generator, rng: Generator) -> list[Note]:
    """Deep two-part boom near 300 Hz: a loud first part, a lower second."""
    boom = _hoot((290.0, 325.0, 300.0), 0.42, 0.07)
    return [boom, _hoot((262.0, 245.0), 0.22, rng.uniform(0.9, 1.2), 0.6)]


def long_eared_owl(own: Generator, rng: Generator) -> list[Note]:
    """A single muffled hoot of 400 Hz every 2.5 s or less."""
    return [_hoot((385.0, 408.0, 400.0), 0.45, rng.uniform(1.5, 1.9))]


def _strike(hz: float, pause_s: float, level: float, decay_s: float) -> Note:
    return Note(
        (hz, hz * 0.97), 6 * decay_s, pause_s, level=level, partials=(1.0, 0.7, 0.5, 0.25),
        roughness=0.12, attack_s=0.0015, decay_s=decay_s,
    )  # fmt: skip


def great_spotted_woodpecker(own: Generator, rng: Generator) -> list[Note]:
    """Drum of 0.6 s, 11 to 15 strikes, speeding up and fading; now and then a sharp call."""
    wood_hz = own.uniform(1050.0, 1350.0)
    count = int(rng.integers(11, 16))
    drum = [_strike(wood_hz, 0.018 - 0.0006 * i, 1 - 0.045 * i, 0.006) for i in range(count)]
    call = Note(
        (2300.0, 3100.0, 2000.0), 0.035, 0.55, level=0.7, partials=(1.0, 0.5, 0.2), attack_s=0.004
    )
    rest = _strike(wood_hz, rng.uniform(0.5, 0.8), 0.3, 0.006)
    return [*drum, rest, call] if rng.random() < 0.5 else [*drum, rest]


def black_woodpecker(own: Generator, rng: Generator) -> list[Note]:
    """Loud drum of 2 s at 17 strikes a second on a low, ringing trunk."""
    wood_hz = own.uniform(480.0, 620.0)
    count = int(rng.integers(30, 38))
    drum = [_strike(wood_hz, 0.003, 0.75 + 0.25 * (i > 5), 0.0092) for i in range(count)]
    return [*drum, _strike(wood_hz, rng.uniform(0.6, 0.9), 0.5, 0.0092)]


def green_woodpecker(own: Generator, rng: Generator) -> list[Note]:
    """Laugh: 10 to 15 ringing falling notes, dropping and speeding up a little."""
    count = int(rng.integers(10, 16))
    notes = []
    for i in range(count):
        hz = 2250.0 * 0.978**i
        shape = (hz * 0.75, hz, hz * 0.72)
        notes.append(
            Note(shape, 0.095, 0.065 - 0.002 * i, level=1 - 0.02 * i, partials=(1.0, 0.35, 0.12))
        )
    return [
        *notes,
        Note((1500.0, 1200.0), 0.1, rng.uniform(0.5, 0.8), level=0.7, partials=(1.0, 0.35)),
    ]


def wood_pigeon(own: Generator, rng: Generator) -> list[Note]:
    """Hoarse five-note coo, the second note longest and loudest."""
    shape = ((440, 0.28, 0.05, 0.7), (500, 0.50, 0.06, 1.0), (470, 0.38, 0.12, 0.9),
             (455, 0.20, 0.05, 0.8), (440, 0.22, 0.25, 0.7))  # fmt: skip
    return [
        Note((hz * 0.96, hz, hz * 0.94), length_s, pause_s, level=level, partials=_COO,
             roughness=0.05, tremolo=(26.0, 0.4), attack_s=0.04)
        for hz, length_s, pause_s, level in shape
    ]  # fmt: skip


def collared_dove(own: Generator, rng: Generator) -> list[Note]:
    """Three notes, u-COO-u, the middle one higher, longer and louder."""
    pure = (1.0, 0.35, 0.05)
    first = Note((560.0, 590.0), 0.17, 0.06, level=0.7, partials=pure, attack_s=0.03)
    middle = Note((600.0, 650.0, 640.0), 0.42, 0.09, level=1.0, partials=pure, attack_s=0.03)
    last = Note(
        (540.0, 520.0), 0.20, rng.uniform(0.25, 0.4), level=0.7, partials=pure, attack_s=0.03
    )
    return [first, middle, last]


def stock_dove(own: Generator, rng: Generator) -> list[Note]:
    """Series of rising two-note coos, deep and quick, a pair in 0.65 s."""
    pair = [
        Note((330.0, 385.0), 0.20, 0.03, level=1.0, partials=_COO, roughness=0.03, attack_s=0.03),
        Note((390.0, 330.0), 0.16, 0.24, level=0.7, partials=_COO, roughness=0.03, attack_s=0.03),
    ]
    series = pair * int(rng.integers(5, 8))
    return [*series, Note((340.0, 330.0), 0.12, 0.6, level=0.3, partials=_COO, attack_s=0.03)]
