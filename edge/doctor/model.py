"""Checks of the bundle, and of this machine's speed with it."""

import json
import subprocess
from collections.abc import Iterator

from edge.clip.voice import VoiceGate
from edge.config import Settings, hop_samples
from edge.contract.bundle import Bundle, load_bundle
from edge.contract.errors import BirdlistenError
from edge.contract.manifest import Manifest
from edge.contract.roles import read_role
from edge.doctor.finding import BAD, DOUBT, GOOD, Finding, judged
from edge.recognition.encoder import choose_precision
from edge.recognition.overlay import Overlay
from edge.recognition.trial import BenchTrial
from edge.system.process import leashed, python_module

_WINDOWS = 5
_COMFORT = 0.8
"""Share of real time from which the hop will widen now and then."""


def check_bundle(settings: Settings) -> Iterator[Finding]:
    """Every file against its checksum; then how fast it hears, and on what."""
    try:
        path = settings.bundle_path
        bundle = load_bundle(path)
        for role in bundle.manifest.roles:
            read_role(path, bundle.manifest, role)
        yield Finding("bundle", GOOD, _described(bundle))
        yield from _lost_lessons(settings, bundle.manifest)
        yield _speed(settings, bundle)
    except BirdlistenError as error:
        yield Finding("bundle", BAD, str(error), "copy or install the bundle again")


def check_voice(settings: Settings) -> Finding:
    """Check that clips can be kept free of speech."""
    if not settings.clips or settings.voices == "keep":
        return Finding("voices", GOOD, "not asked for")
    try:
        VoiceGate()
    except BirdlistenError as error:
        return Finding("voices", DOUBT, "no clips are kept", str(error))
    return Finding("voices", GOOD, "clips with speech are withheld")


def _described(bundle: Bundle) -> str:
    manifest = bundle.manifest
    precisions = ", ".join(manifest.precisions)
    return f"{manifest.name}, {len(bundle.taxonomy.ids)} species, {precisions}; all files whole"


def _lost_lessons(settings: Settings, manifest: Manifest) -> Iterator[Finding]:
    """Lessons that count no more."""
    model, dim = manifest.model_id, manifest.embedding_dim
    overlay = Overlay(settings.station_path, model, dim, manifest.sound_dim)
    overlay.load()
    if overlay.loss:
        yield Finding("lessons", DOUBT, overlay.loss, "teach it again: birdlisten teach")


def _speed(settings: Settings, bundle: Bundle) -> Finding:
    trial = _trial(settings, bundle)
    audio = bundle.manifest.audio
    hop_ms = 1000 * hop_samples(settings, audio) / audio.sample_rate_hz
    share = trial.window_ms / hop_ms
    found = f"{trial.precision} on {trial.provider}: {100 * share:.1f} % of real time"
    if settings.provider in trial.provider.lower() or settings.provider in ("auto", "cpu"):
        return judged(
            "speed",
            good=share < _COMFORT,
            found=found,
            advice="birdlisten bench; or a longer --hop",
            otherwise=DOUBT,
        )
    return Finding("speed", BAD, found, f"--provider {settings.provider} is not really used")


def _trial(settings: Settings, bundle: Bundle) -> BenchTrial:
    """In a process of its own, so that a provider that crashes is one more finding."""
    precision = choose_precision(bundle, settings.precision, settings.provider)
    threads = str(settings.threads or 1)
    trial = python_module("edge.recognition.trial", str(bundle.path), precision)
    ended = subprocess.run(
        leashed([*trial, settings.provider, threads, str(_WINDOWS)]), capture_output=True, text=True
    )
    if ended.returncode:
        raise BirdlistenError(ended.stderr.strip() or f"the encoder crashed ({ended.returncode})")
    return BenchTrial(**json.loads(ended.stdout))
