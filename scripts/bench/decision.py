"""Cost of gate, search and confirmation, as a share of a window of full-size HTSAT in INT8.

python scripts/bench/decision.py [--rounds 30]

Galleries are random: 29 species with 145 pictures, and 10,000 species with 50,000 pictures. One
thread. Weights are random: they don't change the time.
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
from encoder import encoding, graphs, median

from edge.contract.audio_spec import AudioSpec
from edge.contract.gallery import Gallery, GalleryRow
from edge.decision.confirm import Confirmer, Hit
from edge.dsp.gate import GateConfig, judge
from edge.recognition.search import Search
from train.birds.report import machine

_DIM = 768
_SPEC = AudioSpec(48_000, 480_000, 144_000)
_GALLERIES = ((29, 5), (10_000, 5))
_BACKGROUND = 512


def search(species: int, pictures: int) -> Search:
    """A random gallery's."""
    random = np.random.default_rng(0)
    ids = [f"s{n}" for n in range(species)]
    table = tuple(
        GalleryRow(species_id=species_id, picture="", url="", author="", licence="")
        for species_id in ids
        for _ in range(pictures)
    )
    return Search(Gallery(_unit(random, len(table)), table), ids, 3, _unit(random, _BACKGROUND))


def _unit(random: np.random.Generator, rows: int) -> np.ndarray:
    found = random.standard_normal((rows, _DIM)).astype(np.float32)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


def _encoder_ms(folder: Path, rounds: int) -> float:
    model = next(model for name, _, model in graphs() if name == "HTSAT int8")
    onnx.save(model, folder / "int8.onnx")
    return median(encoding(folder / "int8.onnx", 1), rounds)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    print(f"Machine: {machine()}.\n")
    with tempfile.TemporaryDirectory() as folder:
        whole = _encoder_ms(Path(folder), args.rounds)
    random = np.random.default_rng(0)
    waveform = (0.1 * random.standard_normal(_SPEC.window_samples)).astype(np.float32)
    gate = median(lambda: judge(waveform, GateConfig()), args.rounds)
    print(f"Encoder: {whole:.1f} ms. Gate: {gate:.2f} ms, {gate / whole:.1%} of it.\n")
    print("| species | pictures | search, ms | decision, ms | with the gate, of the encoder |")
    print("|---|---|---|---|---|")
    for species, pictures in _GALLERIES:
        first, embedding = search(species, pictures), _unit(random, 1).astype(np.float32)
        found = median(lambda one=first, e=embedding: one.scores(e), args.rounds)
        confirmer: Confirmer[None] = Confirmer(_SPEC)
        passed = {n: Hit(0, 0.9, None) for n in range(3)}
        decided = median(lambda c=confirmer, p=passed: c.update(0, p), args.rounds)
        share = (gate + found + decided) / whole
        cells = f"{found:.2f} | {decided:.3f} | {share:.1%}"
        print(f"| {species:,} | {species * pictures:,} | {cells} |")


if __name__ == "__main__":
    main()
