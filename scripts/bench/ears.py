"""Figures of an ear: first guesses, reports, noise and background, beside its original.

python scripts/bench/ears.py BUNDLE [--recordings data/birds]
                             [--network FILE] [--hours 3] [--seeds 11 23 37 41]
                             [--only recordings,crossed,precisions,noise,background,cost]
                             [--output FILE.png]

Recordings of the archive's sets, through gate, encoder, search and confirmation as the listener has
them, over each of the bundle's species sets at its default threshold; and the network's own
classifier on the same windows, at 0.7 (as its users set it) without any of that.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from edge.config import DEMO_BUNDLE, PACKAGED_BUNDLE
from edge.contract.audio import Waveform, repeat_pad
from edge.contract.bundle import Bundle, load_bundle
from edge.contract.tables import read_table
from edge.contract.taxonomy import slug
from edge.recognition.encoder import open_encoder
from edge.recognition.runtime import RuntimeOptions
from edge.source.framing import frame_waveform
from edge.source.recording import read_recording
from edge.source.resampling import resample
from gallery.calibration.embedding import embed_recordings
from gallery.calibration.recordings import LabelledRecording, read_background, read_recordings
from gallery.calibration.scored_windows import ScoredWindows
from gallery.calibration.scoring import ScoringModel, score
from gallery.calibration.threshold import (
    ThresholdLimits,
    false_matches,
    fit_calibration,
    true_matches,
)
from scripts.bench.open_set import signals, synthetic
from train.birds.build import fold_folder
from train.birds.folds import FOLDS
from train.birds.report import machine
from train.ears.labels import known_ids
from train.ears.network import EarNetwork
from train.ears.recipe import Recipe, recipe_of

_OWN = 0.7
RATIOS_DB = (None, 20, 10, 5, 0, -5)
_AT_ONCE = 20


@dataclass
class Count:
    """Recordings in one species set."""

    recordings: int = 0
    first: int = 0
    right: int = 0
    wrong: int = 0
    """Species that were reported and are not what the recording is of."""

    def cells(self) -> str:
        """Shares of the recordings, and wrong reports."""
        if not self.recordings:
            return f"- | - | {self.wrong}"
        first, right = self.first / self.recordings, self.right / self.recordings
        return f"{first:.3f} | {right:.3f} | {self.wrong}"


@dataclass
class Hearing:
    """A calibrated bundle."""

    bundle: Bundle
    precision: str = "fp32"
    ear: ScoringModel = field(init=False)

    def __post_init__(self) -> None:
        bank = self.bundle.background(self.precision)
        if bank is None:
            raise SystemExit(f"{self.bundle.path}: not calibrated; python -m gallery.calibrate")
        encoder = open_encoder(self.bundle, self.precision, RuntimeOptions(threads=0))
        self.ear = ScoringModel(self.bundle, encoder, bank)
        self.sets = tuple(self.bundle.manifest.species_sets)
        self.known = {
            set_name: self.bundle.calibrated(self.precision, set_name) for set_name in self.sets
        }

    def count(self, recordings: Sequence[LabelledRecording]) -> dict[str, Count]:
        """Counts of recordings by species set."""
        found = {set_name: Count() for set_name in self.sets}
        left = iter(recordings)
        while chunk := list(islice(left, _AT_ONCE)):
            part = embed_recordings(chunk, self.ear)
            weights = self.known[self.sets[0]].weights
            for name, windows in score(part, self.bundle, weights).items():
                known = self.known[name]
                probability = known.probability(windows.score)
                right, takes_in = true_matches(probability, windows, known.threshold)
                counted = found[name]
                counted.recordings += takes_in
                counted.right += right
                counted.wrong += false_matches(probability, windows, known.threshold)
                counted.first += count_first(windows, part.audible)
        return found


def count_first(windows: ScoredWindows, gated: np.ndarray) -> int:
    """Count of recordings in which the right species has the highest score of any window."""
    found = 0
    for recording in np.unique(windows.recording[windows.present.any(axis=1)]):
        held = windows.recording == recording
        found += bool(windows.present[held][0, best_of(windows, held & gated, held)])
    return found


def best_of(windows: ScoredWindows, audible: np.ndarray, held: np.ndarray) -> int:
    """The species with the highest score of any audible window; of any at all, if none is."""
    return int(windows.score[audible if audible.any() else held].max(axis=0).argmax())


class Original:
    """The network's own classifier, over the same species sets."""

    def __init__(self, recipe: Recipe, file: Path, bundle: Bundle) -> None:
        self._network, self._bundle = EarNetwork(recipe, file), bundle
        self._ids = known_ids(recipe, file.parent)

    def count(self, recordings: Sequence[LabelledRecording]) -> dict[str, Count]:
        """As `Hearing.count`; a species is reported if any window of 3 s reaches the threshold."""
        sets = self._bundle.manifest.species_sets
        found = {set_name: Count() for set_name in sets}
        spec = self._bundle.manifest.audio
        for recording in recordings:
            framed = frame_waveform(recording.waveform, spec.sample_rate_hz, spec)
            rows = np.stack([window.samples for window in framed])
            best = self._network.logits(rows).max(axis=0)
            for name in sets:
                self._add(found[name], best, recording, self._bundle.species_ids(name))
        return found

    def _add(
        self, count: Count, best: np.ndarray, recording: LabelledRecording, ids: Sequence[str]
    ) -> None:
        place = {species_id: n for n, species_id in enumerate(self._ids)}
        held = [species_id for species_id in ids if species_id in place]
        chance = best[[place[one] for one in held]]
        reported = {held[n] for n in np.flatnonzero(1 / (1 + np.exp(-chance)) >= _OWN)}
        present = recording.species_ids & set(held)
        count.wrong += len(reported - recording.species_ids)
        if present:
            count.recordings += 1
            count.first += held[int(chance.argmax())] in present
            count.right += bool(reported & present)


def recordings_of(folder: Path, set_name: str, rate_hz: int) -> list[LabelledRecording]:
    """The readable recordings of one of the archive's sets."""
    rows = read_table(folder / "manifest.csv", ("path", "kind", "scientific_name", "set"))
    found = []
    for row in rows:
        if row["kind"] != "audio" or row["set"] != set_name:
            continue
        try:
            waveform = resample(*read_recording(folder / row["path"]), rate_hz)
        except ValueError:
            continue
        found.append(LabelledRecording(waveform, frozenset([slug(row["scientific_name"])])))
    return found


def rows_of(
    sets: dict[str, list[LabelledRecording]], ways: dict[str, Hearing | Original]
) -> Iterator[tuple[str, dict[str, Count]]]:
    """A row a set of recordings; its own classifier hears the first only."""
    for name, recordings in sets.items():
        for way, by in ways.items():
            if not way or name == next(iter(sets)):
                yield f"{name}{way}", by.count(recordings)


def noisy(
    recordings: Sequence[LabelledRecording],
    noise: Sequence[LabelledRecording],
    ratio_db: float | None,
) -> list[LabelledRecording]:
    """Recordings over background, at a ratio of their powers."""
    if ratio_db is None:
        return list(recordings)
    random, mixed = np.random.default_rng(5), []
    for recording in recordings:
        other = noise[random.integers(len(noise))].waveform
        mixed.append(
            LabelledRecording(_mixed(recording.waveform, other, ratio_db), recording.species_ids)
        )
    return mixed


def _mixed(bird: Waveform, noise: Waveform, ratio_db: float) -> Waveform:
    cut = repeat_pad(noise, len(bird))[: len(bird)]
    power = [max(float(np.square(one).mean()), 1e-12) for one in (bird, cut)]
    level = np.sqrt(power[0] / power[1] / 10 ** (ratio_db / 10))
    mixed = bird + np.float32(level) * cut
    return mixed / max(float(np.abs(mixed).max()), 1)


def table(title: str, rows: Iterator[tuple[str, dict[str, Count]]], sets: Sequence[str]) -> None:
    """A row a set of recordings; three columns a species set."""
    print(f"\n### {title}\n")
    heads = " | ".join(f"{set_name}: first | reported | wrong" for set_name in sets)
    print(f"| recordings | {heads} |")
    print("|---" * (1 + 3 * len(sets)) + "|")
    for name, counts in rows:
        print(
            f"| {name} | {' | '.join(counts[set_name].cells() for set_name in sets)} |", flush=True
        )


def crossed(hearing: Hearing, args: argparse.Namespace) -> None:
    """Each fold's recordists by a threshold that was fitted to the other folds'."""
    spec = hearing.bundle.manifest.audio
    weights = hearing.known[hearing.sets[0]].weights
    background = read_background(args.background, "validation", spec.sample_rate_hz)
    folds = [
        read_recordings(fold_folder(args.recordings, n), "test", spec.sample_rate_hz, birds=True)
        for n in range(FOLDS)
    ]
    embedded = [embed_recordings(one, hearing.ear) for one in (background, *folds)]
    scored = [score(part, hearing.bundle, weights) for part in embedded]
    print("\n### Threshold fitted to the other folds\n")
    print("| species set | recordings | reported | wrong | thresholds |\n|---|---|---|---|---|")
    for name in hearing.sets:
        total, thresholds = Count(), []
        for n in range(1, FOLDS + 1):
            others = [one[name] for place, one in enumerate(scored) if place != n]
            limits = ThresholdLimits(args.least_right, args.false_per_hour)
            found = fit_calibration(ScoredWindows.joined(others), limits)
            held = scored[n][name]
            probability = found.probability(held.score)
            right, recordings = true_matches(probability, held, found.threshold)
            total.right += right
            total.recordings += recordings
            total.wrong += false_matches(probability, held, found.threshold)
            thresholds.append(f"{found.threshold:.2f}")
        share = total.right / total.recordings
        row = f"{total.recordings} | {share:.3f} | {total.wrong} | {', '.join(thresholds)}"
        print(f"| {name} | {row} |", flush=True)


def background(hearing: Hearing, args: argparse.Namespace) -> None:
    """False matches an hour."""
    print("\n### False matches\n")
    sets = hearing.sets
    print(f"| background | hours | {' | '.join(f'{n}: in all | an hour' for n in sets)} |")
    print("|---" * (2 + 2 * len(sets)) + "|")
    rate_hz = hearing.bundle.manifest.audio.sample_rate_hz
    total: list[tuple[float, dict[str, int]]] = []
    for seed in args.seeds:
        mixed = synthetic(args.hours, seed)
        total.append(_quiet(hearing, f"synthetic, mixed, seed {seed}", mixed))
    hours = sum(one for one, _ in total)
    counts = {name: sum(found[name] for _, found in total) for name in sets}
    _row("synthetic, mixed, all seeds", hours, counts)
    _quiet(hearing, "speech", synthetic(args.speech, args.seeds[0] + 1, ["speech"]))
    _quiet(hearing, "silence, dither, DC, hum, white noise, clipped tone", signals())
    for folder in args.background:
        _quiet(hearing, f"{folder.name}, held out", read_background([folder], "test", rate_hz))


def _quiet(
    hearing: Hearing, name: str, recordings: Iterator[LabelledRecording]
) -> tuple[float, dict[str, int]]:
    seconds, counts, left = 0.0, dict.fromkeys(hearing.sets, 0), iter(recordings)
    while chunk := list(islice(left, _AT_ONCE)):
        rate_hz = hearing.bundle.manifest.audio.sample_rate_hz
        seconds += sum(len(one.waveform) for one in chunk) / rate_hz
        for one, found in hearing.count(chunk).items():
            counts[one] += found.wrong
    _row(name, seconds / 3600, counts)
    return seconds / 3600, counts


def _row(name: str, hours: float, counts: dict[str, int]) -> None:
    cells = " | ".join(f"{count} | {count / max(hours, 1e-9):.2f}" for count in counts.values())
    print(f"| {name} | {hours:.2f} | {cells} |", flush=True)


def precisions(bundle: Bundle, recordings: Sequence[LabelledRecording]) -> None:
    """Size of each precision, and whether it finds the same best species as FP32."""
    print("\n### Precisions\n")
    print("| precision | MB | same best species of all names | least cosine with FP32 |")
    print("|---|---|---|---|")
    embeddings = {}
    for precision in bundle.manifest.precisions:
        part = embed_recordings(recordings, Hearing(bundle, precision).ear)
        embeddings[precision] = part.embeddings[part.audible]
        anchors = bundle.anchors.astype(np.float32)
        best = (embeddings[precision] @ anchors.T).argmax(axis=1)
        first = (embeddings["fp32"] @ anchors.T).argmax(axis=1)
        cosine = (embeddings[precision] * embeddings["fp32"]).sum(axis=1).min()
        size = bundle.manifest.roles[f"encoder.{precision}"].bytes / 1e6
        same = float((best == first).mean())
        print(f"| {precision} | {size:.1f} | {same:.4f} | {cosine:.5f} |", flush=True)


def cost(bundle: Bundle, recipe: Recipe, file: Path) -> None:
    """Milliseconds a window in turns, one thread and two: the encoder, and its original."""
    from ai_edge_litert.interpreter import Interpreter

    print("\n### Cost of a window, ms (median of 60 in turns)\n")
    print("| threads | TFLite with XNNPACK | onnxruntime " + " | ratio |\n|---|---|---|---|")
    window = np.random.default_rng(0).normal(0, 0.1, (1, recipe.window_samples))
    window = window.astype(np.float32)
    for threads in (1, 2):
        encoder = open_encoder(bundle, "fp32", RuntimeOptions("cpu", threads=threads))
        original = Interpreter(str(file), num_threads=threads)
        original.allocate_tensors()
        place = original.get_input_details()[0]["index"]
        times: list[list[float]] = [[], []]
        for _ in range(60):
            begun = time.perf_counter()
            original.set_tensor(place, window)
            original.invoke()
            middle = time.perf_counter()
            encoder.encode(window)
            times[0].append(middle - begun)
            times[1].append(time.perf_counter() - middle)
        theirs, ours = (1000 * float(np.median(time)) for time in times)
        print(f"| {threads} | {theirs:.1f} | {ours:.1f} | {ours / theirs:.2f} |", flush=True)


def listeners(bundles: Sequence[Path]) -> None:
    """Cost of a second of sound in turns, on one thread; and PSS of the whole listener."""
    print("\n### Listeners\n")
    print("| bundle | window, ms | hop, s | ms a second of sound | PSS at most, MB |")
    print("|---|---|---|---|---|")
    encoders = [
        open_encoder(load_bundle(bundle), "fp32", RuntimeOptions("cpu", threads=1))
        for bundle in bundles
    ]
    random, times = np.random.default_rng(0), [[] for _ in bundles]
    for _ in range(40):
        for encoder, found in zip(encoders, times, strict=True):
            window = random.normal(0, 0.1, (1, encoder.window_samples)).astype(np.float32)
            begun = time.perf_counter()
            encoder.encode(window)
            found.append(time.perf_counter() - begun)
    for path, found in zip(bundles, times, strict=True):
        spec, cost_ms = load_bundle(path).manifest.audio, 1000 * float(np.median(found))
        hop_s = spec.hop_samples / spec.sample_rate_hz
        row = f"{cost_ms:.1f} | {hop_s:g} | {cost_ms / hop_s:.1f} | {_memory_mb(path):.0f}"
        print(f"| {path.name} | {row} |", flush=True)


def _memory_mb(bundle: Path, seconds: int = 20) -> float:
    """Largest sum of PSS over the listener's processes while birds sing in real time."""
    chorus = resample(*read_recording(DEMO_BUNDLE / "chorus.flac"), 48_000)
    pcm = (repeat_pad(chorus, seconds * 48_000) * 32_000).astype("<i2")
    with tempfile.TemporaryDirectory() as station:
        flags = ["--input", "-", "--bundle", str(bundle), "--station", station, "--quiet"]
        child = subprocess.Popen(
            [sys.executable, "-m", "edge", "listen", *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        most = 0.0
        for second in np.split(pcm[: seconds * 48_000], seconds):
            time.sleep(1)
            child.stdin.write(second.tobytes())
            child.stdin.flush()
            most = max(most, _pss_mb(child.pid))
        child.stdin.close()
        child.wait()
    return most


def _pss_mb(pid: int) -> float:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    own = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return own / 1000 + sum(_pss_mb(int(one)) for one in children)


def plot(output: Path, curves: dict[str, list[tuple[float, int]]], count: int) -> None:
    """Recordings reported rightly against the ratio of bird to background."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), constrained_layout=True)
    labels = ["clean" if one is None else f"{one:+}" for one in RATIOS_DB]
    for name, found in curves.items():
        axes.plot(labels, [right / count for right, _ in found], "o-", label=name)
    axes.set(ylim=(0, 1), xlabel="bird to background, dB", ylabel="recordings reported rightly")
    axes.legend()
    figure.savefig(output, dpi=80)
    pyplot.close(figure)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--recordings", type=Path, default=Path("data/birds"))
    parser.add_argument("--network", type=Path, help="file of the network that it was made of")
    parser.add_argument("--background", type=Path, nargs="+",
                        default=[Path("data/birds"), Path("data/background")])  # fmt: skip
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--speech", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 23, 37, 41])
    parser.add_argument("--only", default="recordings,crossed,precisions,noise,background,cost")
    parser.add_argument("--least-right", type=float, default=0.875, help="as it was calibrated")
    parser.add_argument("--false-per-hour", type=float, default=8.0, help="likewise")
    parser.add_argument("--beside", type=Path, default=PACKAGED_BUNDLE, help="a bundle's cost")
    parser.add_argument("--output", type=Path, help="plot of the noise")
    args = parser.parse_args()
    chosen = args.only.split(",")
    hearing = Hearing(load_bundle(args.bundle))
    thresholds = ", ".join(f"{k} {v.threshold:.3f}" for k, v in hearing.known.items())
    print(f"{machine()}; {args.bundle}; thresholds: {thresholds}")
    rate_hz = hearing.bundle.manifest.audio.sample_rate_hz
    recipe = recipe_of(args.network) if args.network else None
    original = Original(recipe, args.network, hearing.bundle) if recipe else None
    ways = {"": hearing, **({f", its own classifier at {_OWN}": original} if original else {})}
    if "recordings" in chosen:
        sets = {
            one: recordings_of(args.recordings, one, rate_hz) for one in ("core", "more", "many")
        }
        table("Recordings", rows_of(sets, ways), hearing.sets)
    if "crossed" in chosen:
        crossed(hearing, args)
    if "precisions" in chosen:
        precisions(hearing.bundle, recordings_of(args.recordings, "core", rate_hz))
    if "noise" in chosen:
        core = recordings_of(args.recordings, "core", rate_hz)
        noise = read_background([args.recordings], "test", rate_hz)
        curves: dict[str, list[tuple[float, int]]] = {}

        def rows_of_noise() -> Iterator[tuple[str, dict[str, Count]]]:
            for ratio in RATIOS_DB:
                mixed = noisy(core, noise, ratio)
                for way, by in ways.items():
                    found = by.count(mixed)
                    counted = found[hearing.sets[0]]
                    curves.setdefault(f"the bundle{way}" if not way else way[2:], []).append(
                        (counted.right, counted.wrong)
                    )
                    yield f"{'clean' if ratio is None else f'{ratio:+} dB'}{way}", found

        table("Over real background", rows_of_noise(), hearing.sets)
        if args.output:
            plot(args.output, curves, len(core))
    if "background" in chosen:
        background(hearing, args)
    if "cost" in chosen and recipe is not None:
        cost(hearing.bundle, recipe, args.network)
    if "cost" in chosen:
        listeners([args.beside, args.bundle])


if __name__ == "__main__":
    main()
