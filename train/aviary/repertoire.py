"""Repertoires: species, individual singers, and bouts of song."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from train.aviary import nonpasserines, passerines
from train.aviary.chance import generator
from train.aviary.song import Note, Waveform, perform

Strophe = Callable[[Generator, Generator], list[Note]]
"""(the individual's generator, the performance's generator) -> one strophe."""

STROPHES: Mapping[str, Strophe] = {
    "cuculus_canorus": nonpasserines.common_cuckoo,
    "cuculus_optatus": nonpasserines.oriental_cuckoo,
    "clamator_glandarius": nonpasserines.great_spotted_cuckoo,
    "strix_aluco": nonpasserines.tawny_owl,
    "bubo_bubo": nonpasserines.eagle_owl,
    "asio_otus": nonpasserines.long_eared_owl,
    "dendrocopos_major": nonpasserines.great_spotted_woodpecker,
    "dryocopus_martius": nonpasserines.black_woodpecker,
    "picus_viridis": nonpasserines.green_woodpecker,
    "parus_major": passerines.great_tit,
    "periparus_ater": passerines.coal_tit,
    "cyanistes_caeruleus": passerines.blue_tit,
    "phylloscopus_collybita": passerines.common_chiffchaff,
    "phylloscopus_trochilus": passerines.willow_warbler,
    "phylloscopus_sibilatrix": passerines.wood_warbler,
    "columba_palumbus": nonpasserines.wood_pigeon,
    "streptopelia_decaocto": nonpasserines.collared_dove,
    "columba_oenas": nonpasserines.stock_dove,
    "turdus_merula": passerines.common_blackbird,
    "turdus_philomelos": passerines.song_thrush,
    "turdus_viscivorus": passerines.mistle_thrush,
    "fringilla_coelebs": passerines.common_chaffinch,
    "chloris_chloris": passerines.european_greenfinch,
    "carduelis_carduelis": passerines.european_goldfinch,
}


@dataclass(frozen=True)
class Singer:
    """One individual bird: its voice, and the seed of its own phrases."""

    species_id: str
    seed: int
    name: str
    pitch: float = 1.0
    tempo: float = 1.0
    brightness: float = 1.0

    @classmethod
    def hatch(cls, species_id: str, seed: int, name: str) -> "Singer":
        """Return an individual that differs a few percent from its species' mean."""
        rng = generator(seed, "singer", species_id, name)
        pitch, tempo, brightness = np.exp(
            np.clip(rng.standard_normal(3), -2, 2) * (0.02, 0.05, 0.3)
        )
        return cls(
            species_id=species_id,
            seed=seed,
            name=name,
            pitch=float(pitch),
            tempo=float(tempo),
            brightness=float(brightness),
        )

    def strophe(self, rng: Generator) -> list[Note]:
        """Return one strophe in this bird's voice."""
        own = generator(self.seed, "phrases", self.species_id, self.name)
        notes = STROPHES[self.species_id](own, rng)
        return [note.varied(self.pitch, self.tempo, self.brightness) for note in notes]


def bout(singer: Singer, length_s: float, rng: Generator) -> Waveform:
    """Sing strophe after strophe with natural pauses.

    Args:
        singer: The individual.
        length_s: Upper limit; the last note ends at or before it.
        rng: The performance's generator.

    Returns:
        float32[n], n <= length_s, from the first note's start to the last note's end, peak 1.
    """
    tempo = float(np.exp(rng.normal(0, 0.02)))
    notes: list[Note] = []
    while sum(note.period_s for note in notes) < length_s:
        notes += [note.varied(1.0, tempo, 1.0) for note in singer.strophe(rng)]
    ends_s = np.cumsum([note.period_s for note in notes]) - [note.pause_s for note in notes]
    fitting = [n for n, end_s in zip(notes, ends_s, strict=True) if end_s <= length_s - 0.001]
    wave = perform(fitting, rng)
    return wave / np.float32(np.abs(wave).max(initial=1e-9))
