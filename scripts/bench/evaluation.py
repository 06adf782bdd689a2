"""Time and memory of an evaluation as large as iNatSounds val among iNat21 val.

python scripts/bench/evaluation.py [--recordings 45698] [--pictures 100000] [--species 10000]

Embeddings are drawn, not made: recordings of 1 to 12 windows (10 s every 3 s: 2.5 on average) and
pictures, 10 a species, lie around their species' anchors. One method's tasks are ranked and its
rows made, as train.evaluate does for each. Prints seconds of the clock and of the processor for
every task, and the peak of memory.
"""

import argparse
import resource
import time

import numpy as np

from edge.contract.arrays import Embeddings, Places
from edge.contract.taxonomy import Species
from train.birds.report import machine
from train.measure.baselines import unit
from train.measure.figures import Asked, Figures
from train.measure.methods import SpeciesTexts
from train.measure.protocol import Protocol
from train.measure.retrieval import LabelledEmbeddings, PooledEmbeddings
from train.measure.species_sets import SpeciesSets
from train.measure.task import rank

_SUNG = 1212
"""Species of iNatSounds val."""
_BANK = 512


def around(anchors: Embeddings, species: Places, random: np.random.Generator) -> Embeddings:
    """Unit rows near their species' anchors, float32[n, dim]."""
    rows = np.empty((len(species), anchors.shape[1]), np.float32)
    for begin in range(0, len(rows), 8192):
        part = species[begin : begin + 8192]
        noise = random.standard_normal((len(part), anchors.shape[1]), np.float32)
        rows[begin : begin + 8192] = unit(anchors[part] * 0.3 + noise * anchors.shape[1] ** -0.5)
    return rows


def named(number: int) -> Species:
    """A species with ranks of its own."""
    ranks = (f"order {number // 300}", f"family {number // 40}", f"genus{number // 4}")
    names = (f"species_{number}", f"Genus{number // 4} epithet{number}", f"Bird {number}")
    return Species(*names, *("Animalia", "Chordata", "Aves"), *ranks, f"epithet{number}")


def material(args: argparse.Namespace) -> tuple[Protocol, PooledEmbeddings, Embeddings]:
    """Questions, the recordings as one method hears them, and a bank of background."""
    random = np.random.default_rng(0)
    anchors = unit(random.standard_normal((args.species, args.dim), np.float32))
    species = tuple(map(named, range(args.species)))
    sung = (random.pareto(1.2, args.recordings) * 40).astype(np.intp) % min(_SUNG, args.species)
    windows = np.minimum(1 + random.poisson(1.5, args.recordings), 12)
    owner = np.repeat(np.arange(args.recordings), windows)
    shown = np.arange(args.pictures) % args.species
    ids = np.array([bird.species_id for bird in species])
    protocol = Protocol(
        SpeciesTexts(species, anchors),
        SpeciesSets(sung, np.arange(1, args.recordings + 1), args.species),
        {"": LabelledEmbeddings(around(anchors, shown, random), ids[shown])},
    )
    heard = PooledEmbeddings(around(anchors, sung[owner], random), owner)
    return protocol, heard, around(anchors, np.zeros(_BANK, np.intp), random)


def peak_gib() -> float:
    """Most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=45_698)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--species", type=int, default=10_000)
    parser.add_argument("--dim", type=int, default=768)
    args = parser.parse_args()
    begun, used = time.perf_counter(), time.process_time()
    protocol, heard, bank = material(args)
    print(f"{machine()}; {len(heard)} recordings, {len(heard.windows)} windows, {args.pictures}")
    seen = np.arange(args.species) % 2 == 0
    figures = Figures(protocol.texts, seen)
    for task in protocol.tasks(heard, bank):
        wall, spent = time.perf_counter(), time.process_time()
        asked = Asked(task, rank(task))
        rows = list(figures.rows("distilled", asked))
        took = f"{time.perf_counter() - wall:6.1f} s, {time.process_time() - spent:6.1f} s of CPU"
        print(f"{task.name:12} {took}, mAP {rows[0]['mAP']['mean']:.3f}", flush=True)
    took = f"{time.perf_counter() - begun:.0f} s, {time.process_time() - used:.0f} s of CPU"
    print(f"all {took}, peak {peak_gib():.2f} GiB")


if __name__ == "__main__":
    main()
