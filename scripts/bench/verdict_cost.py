"""Cost of thousands of verdicts: to load them, in a window, and to say what one changes in a week.

python scripts/bench/verdict_cost.py [--bundle starter] [--verdicts 3000] [--records 1500]

Verdicts on random sounds, eight windows each: of three one rejects, one confirms another species,
one confirms. Times are of the processor, for others share it.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from edge.config import Settings
from edge.contract.bundle import Bundle, load_bundle
from edge.decision.rules import Decision
from edge.pipeline.effect import Weighing
from edge.recognition.doubts import usable_calibration
from edge.recognition.encoder import open_encoder
from edge.recognition.knowledge import Knowledge
from edge.recognition.overlay import Learnt, Overlay, packed
from edge.recognition.runtime import RuntimeOptions
from edge.records.evidence import Decided, Evidence
from edge.records.inbox import Lesson, Review
from edge.records.lessons import FOLDER
from train.birds.report import machine

_WINDOWS, _ROUNDS = 8, 200


def rows(random: np.random.Generator, count: int, dim: int) -> np.ndarray:
    """Unit rows in any direction."""
    found = random.standard_normal((count, dim))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


def fill(station: Path, bundle: Bundle, verdicts: int, random: np.random.Generator) -> None:
    """Give verdicts, as they lie once they were noted."""
    folder, ids, manifest = station / FOLDER, bundle.taxonomy.ids, bundle.manifest
    folder.mkdir(parents=True)
    for n in range(verdicts):
        lesson = Lesson(
            by="bench",
            model=manifest.model_id,
            taught=ids[n % len(ids)] if n % 3 else None,
            mistaken=ids[(n + 1) % len(ids)] if n % 3 == 1 else None,
            dim=manifest.sound_dim,
            rows=packed(rows(random, _WINDOWS, manifest.sound_dim)),
        )
        review = Review(f"record-{n}", "confirmed", "", 0, lesson=lesson)
        (folder / f"{n:020}-bench.json").write_text(json.dumps(asdict(review)))


def spent_s(work: Callable[[], object], rounds: int = 1) -> float:
    """Median of the processor's seconds."""
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return float(np.median(times))


def decisions(bundle: Bundle, count: int, random: np.random.Generator) -> list[Decided]:
    """A week of records of four windows each, and candidates of one."""
    manifest, found = bundle.manifest, []
    for n in range(count):
        windows = 4 if n % 2 else 1
        heard = rows(random, windows, manifest.embedding_dim)
        sounds = rows(random, windows, manifest.sound_dim)
        evidence = Evidence(f"record-{n}", heard[0], heard[1:], sounds)
        found.append(Decided(evidence, bundle.taxonomy.ids[0], 2, bool(n % 2)))
    return found


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default="starter")
    parser.add_argument("--verdicts", type=int, default=3000)
    parser.add_argument("--records", type=int, default=1500)
    args = parser.parse_args()
    random, precision = np.random.default_rng(0), "fp32"
    bundle = load_bundle(Settings(bundle=args.bundle).bundle_path)
    manifest, name = bundle.manifest, bundle.manifest.default_species_set
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), bundle, args.verdicts, random)
        overlay = Overlay(
            Path(folder), manifest.model_id, manifest.embedding_dim, manifest.sound_dim
        )
        load_s, learnt = spent_s(overlay.load), overlay.load()
    known = Knowledge(
        bundle=bundle,
        chosen=bundle.species_ids(name),
        calibration=usable_calibration(bundle, precision, name),
        background=bundle.background(precision),
        learnt=Learnt(),
    )
    taught = known.taught(learnt)
    heard, sound = (
        rows(random, 1, dim).astype(np.float32)
        for dim in (manifest.embedding_dim, manifest.sound_dim)
    )
    before, after = (
        spent_s(lambda knows=knows: knows.hear(heard, sound), _ROUNDS) for knows in (known, taught)
    )
    encoder = open_encoder(bundle, precision, RuntimeOptions("cpu", threads=1))
    silence = np.zeros((1, manifest.audio.window_samples), np.float32)
    window = before + spent_s(lambda: encoder.hear(silence), 30)
    weighing = Weighing(bundle, precision, species_set=None, chosen=None, decision=Decision())
    week = decisions(bundle, args.records, random)
    exemplars = {**learnt.exemplars}
    species = next(iter(exemplars))
    more = rows(random, _WINDOWS, manifest.sound_dim)
    exemplars[species] = np.concatenate([exemplars[species], more])
    after_one = replace(learnt, exemplars=exemplars)
    effect_s = spent_s(lambda: weighing.effect(week, learnt, after_one))
    print(f"{machine()}; bundle {manifest.name}, {args.verdicts} verdicts\n")
    print("| figure | value | limit |\n|---|---|---|")
    print(f"| to load them all, once, s | {load_s:.2f} | 0.5 |")
    print(f"| a window costs more by, % | {100 * (after - before) / window:.1f} | 5 |")
    print(f"| what one changes among {args.records} decisions, s | {effect_s:.2f} | 1 |")


if __name__ == "__main__":
    main()
