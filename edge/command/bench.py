"""`birdlisten bench`: what every precision costs on this board, and which is best here."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from edge.command.bench_choice import BenchChoice, machine, write_choice
from edge.config import Settings, hop_samples
from edge.contract.audio_spec import AudioSpec
from edge.contract.bundle import Bundle, load_bundle
from edge.contract.errors import BirdlistenError
from edge.contract.text import json_line
from edge.recognition.trial import BenchTrial
from edge.system.process import leashed, python_module
from edge.system.terminal import complain, say

_WINDOWS = 20
_COMFORT = 0.5
"""Share of real time above which a setting is no choice: the board does other things, too."""
_NEARLY = 1.05
"""Costs this near to the least are the same; then the more exact one wins."""
_EXACT = ("fp32", "fp16", "int8")


def bench(settings: Settings, threads: Sequence[int]) -> int:
    """Measure, print, recommend, and keep the recommendation in the station.

    Raises:
        BirdlistenError: the bundle can't be used, or no setting could be measured.
    """
    bundle = load_bundle(settings.bundle_path)
    audio, hop = bundle.manifest.audio, hop_samples(settings, bundle.manifest.audio)
    found = []
    if not settings.json:
        say(machine())
        say(f"{bundle.manifest.name}, window {audio.window_s:g} s")
        say(_head(audio, hop))
    for trial in _trials(settings, bundle, threads):
        found.append(trial)
        if not settings.json:
            say(_line(trial, audio, hop))
    if not found:
        raise BirdlistenError("bench: no setting could be measured")
    best = recommend(found, hop / audio.sample_rate_hz)
    file = write_choice(
        settings.station_path, bundle.manifest.model_id, BenchChoice(best.precision, best.threads)
    )
    if settings.json:
        rows = [{**asdict(trial), **costs(trial, audio, hop)} for trial in found]
        say(json_line({"machine": machine(), "trials": rows, "recommended": asdict(best)}))
    else:
        say(f"best here: {best.precision}, threads {best.threads}; kept in {file}")
    return 0


def recommend(trials: Sequence[BenchTrial], hop_s: float) -> BenchTrial:
    """The one that costs least of those fast enough; the fastest, if none is."""
    fast = [trial for trial in trials if trial.window_ms <= 1000 * hop_s * _COMFORT]
    if not fast:
        return min(trials, key=lambda trial: trial.window_ms)
    least = min(trial.cpu_ms for trial in fast)
    near = [trial for trial in fast if trial.cpu_ms <= least * _NEARLY]
    return min(near, key=lambda trial: (_EXACT.index(trial.precision), trial.threads))


def costs(trial: BenchTrial, audio: AudioSpec, hop: int) -> dict[str, dict[str, float]]:
    """Per second and hour of audio, at the hop and without overlap."""
    return {
        name: {
            "hop_s": samples / audio.sample_rate_hz,
            "ms_per_s": round(trial.window_ms * audio.sample_rate_hz / samples, 3),
            "real_time_factor": round(trial.window_ms * audio.sample_rate_hz / samples / 1000, 5),
            "cpu_s_per_hour": round(3.6 * trial.cpu_ms * audio.sample_rate_hz / samples, 1),
        }
        for name, samples in (("at_hop", hop), ("without_overlap", audio.window_samples))
    }


def _trials(settings: Settings, bundle: Bundle, threads: Sequence[int]) -> Iterator[BenchTrial]:
    """One process a setting; what can't be had here is named and left out."""
    shipped = bundle.manifest.precisions
    precisions = shipped if settings.precision == "auto" else (settings.precision,)
    for precision in precisions:
        for count in threads:
            trial = python_module("edge.recognition.trial", str(bundle.path), precision)
            command = leashed([*trial, settings.provider, str(count), str(_WINDOWS)])
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                complain(f"{precision}, threads {count}: {done.stderr.strip()}"[:300])
            else:
                yield BenchTrial(**json.loads(done.stdout.splitlines()[-1]))


def _head(audio: AudioSpec, hop: int) -> str:
    hops = f"hop {hop / audio.sample_rate_hz:g} s: ms/s  real time  CPU s/h"
    return f"precision  threads  {hops}  | no overlap: ms/s   load s  peak MB  provider"


def _line(trial: BenchTrial, audio: AudioSpec, hop: int) -> str:
    at_hop, alone = costs(trial, audio, hop).values()
    return (
        f"{trial.precision:9}  {trial.threads:7d}  {at_hop['ms_per_s']:16.2f}  "
        f"{at_hop['real_time_factor']:9.1%}  {at_hop['cpu_s_per_hour']:7.1f}  | "
        f"{alone['ms_per_s']:16.2f}  {trial.load_s:7.2f}  {trial.rss_mb:7.0f}  {trial.provider}"
    )
