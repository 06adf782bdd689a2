"""Verdicts: what they give to the species that is taught, and what they cost all others.

python scripts/bench/verdicts.py --bundle NAME|DIR [--recordings DIR ... --background DIR ...]
                                 [--split test ...] [--individuals 30] [--species 12] [--seed 26]
                                 [--only teach,reject,site]

Without --recordings a new aviary sings: other individuals than any training, or map, has heard.
What is listened for is the bundle's default set, and whatever sings in the recordings. A verdict is
on a recording; taught and tested are different recordists (of the aviary, individuals). A species
is reported in a recording if it passes in two of its windows, or in all if it has fewer, and
nothing outside the chosen set is nearer; windows that the gate holds up are left out. Intervals are
of a bootstrap over trials, 95 %.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.config import Settings
from edge.contract.arrays import Flags, Float16s, Float32s
from edge.contract.bundle import Bundle, load_bundle
from edge.decision.confirm import MOST_WINDOWS
from edge.recognition.background import thinned
from edge.recognition.doubts import default_threshold, usable_calibration
from edge.recognition.encoder import open_encoder
from edge.recognition.knowledge import Heard, Knowledge, sound_space
from edge.recognition.overlay import Learnt
from edge.recognition.runtime import RuntimeOptions
from gallery.calibration.embedding import embed
from gallery.calibration.recordings import LabelledRecording, read_background, read_recordings
from train.aviary.dataset import AviaryConfig, items, waveform
from train.aviary.species import SPECIES_IDS
from train.birds.report import machine

_COUNTS = (1, 5, 25)
_BIRDLIKE = 0.5
"""As `edge.recognition.recognizer` has it."""
_SITE_WINDOWS = 400
"""Five minutes at a hop of three quarters of a second."""


@dataclass(frozen=True)
class BenchWindows:
    """Windows of recordings that pass the gate."""

    embeddings: Float32s
    sounds: Float32s
    owners: np.ndarray
    species: np.ndarray
    """Of each recording; empty: no bird."""
    authors: np.ndarray

    def of(self, recordings: Sequence[int]) -> np.ndarray:
        """Places of all windows of some recordings."""
        return np.flatnonzero(np.isin(self.owners, recordings))

    def record(self, recording: int) -> Float16s:
        """The sounds that a record of it keeps."""
        return self.sounds[self.of([recording])[:MOST_WINDOWS]].astype(np.float16)


class Bench:
    """A bundle that knows nothing of the station yet, and what it is asked about."""

    def __init__(self, bundle: Bundle, windows: BenchWindows) -> None:
        precision, name = bundle.manifest.precisions[0], bundle.manifest.default_species_set
        calibration = usable_calibration(bundle, precision, name)
        self.windows, self.threshold = windows, default_threshold(calibration)
        self.first = Knowledge(
            bundle=bundle,
            chosen=_chosen(bundle, windows),
            calibration=calibration,
            background=bundle.background(precision),
            learnt=Learnt(),
        )
        self.ids = list(self.first.species_ids)
        self.before = self.passing(Learnt())

    def hear(self, learnt: Learnt) -> Heard:
        """All windows with what was learnt."""
        return self.first.taught(learnt).hear(self.windows.embeddings, self.windows.sounds)

    def passing(self, learnt: Learnt, share: float = 1.0) -> Flags:
        """bool[windows, species]: which species pass, at a share of the threshold."""
        heard = self.hear(learnt)
        sure = heard.similarity if heard.probability is None else heard.probability
        held = heard.is_rejected | (heard.rivals >= 0)
        return np.asarray((sure >= share * self.threshold) & ~held[:, None])

    def reported(self, passing: Flags) -> Flags:
        """bool[recordings, species]."""
        recordings = len(self.windows.species)
        hits = np.zeros((recordings, passing.shape[1]), int)
        np.add.at(hits, self.windows.owners, passing)
        counts = np.bincount(self.windows.owners, minlength=recordings)
        return hits >= np.clip(counts, 1, 2)[:, None]

    def present(self) -> Flags:
        """bool[recordings, species]."""
        return np.asarray(self.windows.species[:, None] == np.array(self.ids))


def _chosen(bundle: Bundle, windows: BenchWindows) -> list[str]:
    listened = {*bundle.species_ids(bundle.manifest.default_species_set), *windows.species.tolist()}
    return [species for species in bundle.taxonomy.ids if species in listened]


def open_windows(bundle: Bundle, recordings: Sequence[LabelledRecording]) -> BenchWindows:
    """Recordings as a bundle hears them."""
    precision, name = bundle.manifest.precisions[0], bundle.manifest.default_species_set
    encoder = open_encoder(bundle, precision, RuntimeOptions("cpu", threads=1))
    found = embed(recordings, encoder, bundle.manifest.audio)
    space = sound_space(bundle, usable_calibration(bundle, precision, name), encoder.silence)
    sounds, kept = space.of(found.embeddings, found.features), found.audible
    names = [next(iter(recording.species_ids), "") for recording in recordings]
    return BenchWindows(
        embeddings=found.embeddings[kept],
        sounds=sounds[kept],
        owners=found.owners[kept],
        species=np.array(names),
        authors=np.array([_author(recording) for recording in recordings]),
    )


def _author(recording: LabelledRecording) -> str:
    """The recordist; of background its class, which stands for a site."""
    of_class = not recording.species_ids and recording.path is not None
    return recording.path.parent.name if of_class and recording.path else recording.author


def aviary(seed: int, species: int, individuals: int) -> Iterator[LabelledRecording]:
    """A new aviary."""
    config = AviaryConfig(
        seed=seed,
        species=SPECIES_IDS[:species],
        individuals=individuals,
        pictures=3,
        backgrounds=12,
    )
    for item in items(config):
        if item.kind == "audio":
            named = item.scientific_name.lower().replace(" ", "_")
            author = item.individual if named else item.common_name
            ids = frozenset([named] if named else [])
            yield LabelledRecording(waveform(config, item), ids, author=author)


@dataclass(frozen=True)
class Gain:
    """Of one trial: before and after."""

    recall: tuple[float, float]
    """Of the taught species, by other recordists."""
    precision: tuple[float, float]
    """Of all that is reported in recordings of other species."""
    found: tuple[float, float]
    """Share of the others' recordings in which they are reported."""
    taken: tuple[float, float]
    """Share of the others' recordings in which the taught species is."""
    false: tuple[float, float]
    """Share of the background's recordings in which anything is."""
    verdicts: int


def teach(bench: Bench, count: int, wrong: int, random: np.random.Generator) -> list[Gain]:
    """Teach each species by some recordings, of which some are of another."""
    windows, gains = bench.windows, []
    for species in sorted({*windows.species} & {*bench.ids}):
        own = np.flatnonzero(windows.species == species)
        authors = random.permutation(sorted({*windows.authors[own]}))
        if len(authors) < 2:
            continue
        taught_by = authors[: max(len(authors) * 2 // 3, 1)] if count > 1 else authors[:1]
        taught = random.permutation(own[np.isin(windows.authors[own], taught_by)])
        taught = [int(n) for n in taught if len(windows.of([n]))][: count - wrong]
        others = np.flatnonzero((windows.species != species) & (windows.species != ""))
        mistakes = [int(n) for n in random.permutation(others) if len(windows.of([n]))][:wrong]
        rows = [windows.record(n) for n in [*taught, *mistakes]]
        if taught:
            tested = own[~np.isin(windows.authors[own], taught_by)]
            unused = np.setdiff1d(others, mistakes)
            learnt = {species: np.concatenate(rows)}
            gains.append(_gain(bench, species, learnt, tested, unused))
    return gains


def _gain(
    bench: Bench,
    species: str,
    learnt: Mapping[str, Float16s],
    tested: np.ndarray,
    others: np.ndarray,
) -> Gain:
    column, present = bench.ids.index(species), bench.present()
    quiet = np.flatnonzero(bench.windows.species == "")
    both = [bench.reported(bench.before), bench.reported(bench.passing(Learnt(learnt)))]
    known = [n for n in others if present[n].any()]

    def pair(measure) -> tuple[float, float]:
        first, second = (float(measure(reported)) for reported in both)
        return first, second

    return Gain(
        recall=pair(lambda reported: reported[tested, column].mean()),
        precision=pair(
            lambda reported: (reported & present)[others].sum() / max(reported[others].sum(), 1)
        ),
        found=pair(lambda reported: (reported & present)[known].any(axis=1).mean()),
        taken=pair(lambda reported: reported[others, column].mean()),
        false=pair(lambda reported: reported[quiet].any(axis=1).mean() if len(quiet) else 0.0),
        verdicts=len(next(iter(learnt.values()))),
    )


def interval(values: Sequence[float]) -> str:
    """Mean and its bootstrap interval."""
    held, random = np.array(values), np.random.default_rng(0)
    means = held[random.integers(len(held), size=(1000, len(held)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{held.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


def gain_row(name: str, gains: Sequence[Gain]) -> str:
    """Means before and after, and intervals of the differences."""
    cells = []
    for part in ("recall", "precision", "found", "taken", "false"):
        pairs = [getattr(gain, part) for gain in gains]
        before, after = np.mean(pairs, axis=0)
        cells.append(f"{before:.3f} -> {after:.3f}, {interval([b - a for a, b in pairs])}")
    return f"| {name} | {len(gains)} | {' | '.join(cells)} |"


def reject_row(bench: Bench, random: np.random.Generator) -> str:
    """Share of the windows that pass before, and not after the first half was rejected."""
    windows, any_before = bench.windows, bench.before.any(axis=1)
    of_windows, shares = windows.species[windows.owners], {"same": [], "own": [], "others": []}
    for recording in random.permutation(np.flatnonzero(windows.species != ""))[:120]:
        places = windows.of([recording])
        if len(places) < 5 or any_before[places].sum() < 3:
            continue
        record, rest = places[: len(places) // 2][:MOST_WINDOWS], places[len(places) // 2 + 1 :]
        rows = windows.sounds[record].astype(np.float16)
        silent = any_before & ~bench.passing(Learnt(rejected=rows)).any(axis=1)
        foreign = windows.authors[windows.owners] != windows.authors[recording]
        same_species = of_windows == windows.species[recording]
        groups = {
            "same": np.isin(np.arange(len(silent)), rest),
            "own": foreign & same_species,
            "others": ~same_species & (of_windows != ""),
        }
        for name, group in groups.items():
            if (group & any_before).any():
                shares[name].append(float(silent[group & any_before].mean()))
    cells = [f"{np.mean(found):.3f} ({len(found)})" for found in shares.values()]
    return f"| {' | '.join(cells)} |"


def site_row(bench: Bench, with_birds: bool, random: np.random.Generator) -> str:
    """Passing right windows lost, and false windows of each site's noise, before and after."""
    windows, present = bench.windows, bench.present()
    right = present[windows.owners]
    rows = []
    for kind in sorted({*windows.authors[windows.species == ""]}):
        noise = np.flatnonzero((windows.species == "") & (windows.authors == kind))
        learned, rest = windows.of(noise[::2]), windows.of(noise[1::2])
        birds = np.flatnonzero(windows.species != "")
        heard = list(random.permutation(learned)[: _SITE_WINDOWS // 2])
        if with_birds:
            sung = windows.of(random.permutation(birds)[: len(birds) // 3])
            heard += list(random.permutation(sung)[: len(heard)])
        if not heard or not len(rest):
            continue
        likeliest = bench.hear(Learnt()).likeliest[heard]
        kept = np.array(heard)[likeliest < _BIRDLIKE * bench.threshold]
        site = thinned(windows.embeddings[kept].astype(np.float16)) if len(kept) else None
        learnt = Learnt(background=site)
        after = bench.passing(learnt)
        tested = np.setdiff1d(np.arange(len(right)), heard)
        low = [bench.passing(state, 0.5)[rest].any(axis=1).sum() for state in (Learnt(), learnt)]
        passed = [int((state & right)[tested].sum()) for state in (bench.before, after)]
        wrong = [int(state[rest].any(axis=1).sum()) for state in (bench.before, after)]
        rows.append((*passed, *wrong, *low, len(heard) - len(kept), len(heard)))
    total = np.sum(rows, axis=0)
    lost = 1 - total[1] / max(total[0], 1)
    return (
        f"| {'half of it' if with_birds else 'none'} | {len(rows)} | {lost:.3f} | "
        f"{total[2]} -> {total[3]} | {total[4]} -> {total[5]} | {total[6]} of {total[7]} |"
    )


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--bundle", required=True)
    add("--recordings", type=Path, nargs="+", default=())
    add("--background", type=Path, nargs="+", default=())
    add("--split", nargs="+", default=["test"], help="of the recordings; each is heard once")
    add("--individuals", type=int, default=30)
    add("--species", type=int, default=12)
    add("--seed", type=int, default=26)
    add("--only", default="teach,reject,site", metavar="PARTS")
    args = parser.parse_args()
    bundle = load_bundle(Settings(bundle=args.bundle).bundle_path)
    rate_hz = bundle.manifest.audio.sample_rate_hz
    found = [
        recording
        for folder in args.recordings
        for split in args.split
        for recording in read_recordings(folder, split, rate_hz, birds=True)
    ]
    recordings = [*{recording.path: recording for recording in found}.values()]
    recordings += read_background(args.background, "test", rate_hz)
    recordings = recordings or list(aviary(args.seed, args.species, args.individuals))
    bench = Bench(bundle, open_windows(bundle, recordings))
    print(f"{machine()}; {len(recordings)} recordings, {len(bench.windows.owners)} windows; "
          f"{len({*bench.windows.species} - {''})} species\n")  # fmt: skip
    parts = {"teach": teaching, "reject": rejecting, "site": learning_sites}
    for name in args.only.split(","):
        parts[name](bench)


def teaching(bench: Bench) -> None:
    """Print what verdicts give, and what they cost."""
    print("| verdicts | trials | recall of the taught | precision in others' recordings | "
          "others reported | others taken for it | background taken for a bird |")  # fmt: skip
    print("|---" * 7 + "|")
    for count in _COUNTS:
        gains = teach(bench, count, 0, np.random.default_rng(count))
        print(gain_row(str(count), gains), flush=True)
    print(gain_row("25, one of them wrong", teach(bench, 25, 1, np.random.default_rng(25))))


def rejecting(bench: Bench) -> None:
    """Print the windows that a rejected record silences."""
    print("\n| same recording | its species, other recordists | other species |\n|---|---|---|")
    print(reject_row(bench, np.random.default_rng(0)), flush=True)


def learning_sites(bench: Bench) -> None:
    """Print what a site's background changes."""
    print("\n| birds while it is learnt | sites | right windows lost | false windows | at half the "
          "threshold | left out |\n|---|---|---|---|---|---|")  # fmt: skip
    for with_birds in (True, False):
        print(site_row(bench, with_birds, np.random.default_rng(0)), flush=True)


if __name__ == "__main__":
    main()
