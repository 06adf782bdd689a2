"""Opening of bundle, listener and store, as the settings have them."""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from edge.command.bench_choice import read_choice
from edge.command.picture_show import drawer, picture_files
from edge.config import Settings, hop_samples
from edge.contract.bundle import Bundle, load_bundle
from edge.contract.coordinates import Coordinates
from edge.contract.errors import ConfigError
from edge.contract.manifest import Manifest
from edge.decision.naming import read_species
from edge.decision.occurrence import Occurrence, read_occurrence
from edge.decision.rules import Decision, read_overrides
from edge.decision.selection import is_file, select
from edge.pipeline.effect import Weighing
from edge.pipeline.listener import Listener
from edge.recognition.doubts import doubts
from edge.recognition.encoder import choose_precision
from edge.recognition.overlay import Overlay
from edge.recognition.own_species import OwnSpecies, extended
from edge.recognition.recognizer import Recognizer
from edge.recognition.runtime import RuntimeOptions
from edge.records.detection import Record
from edge.records.sink import RecordSink, is_reported
from edge.records.supervisor import StoreSupervisor
from edge.records.writer import Writer
from edge.source.live import is_live
from edge.system.outlet import Outlet
from edge.system.status_line import CLEAR, has_status_line

_LOG = logging.getLogger(__name__)
ENGINES = "engines"
"""Folder in the station: what TensorRT has compiled."""


def open_recognizer(settings: Settings, live: bool = False) -> Recognizer:
    """Load the bundle that the settings name and make it ready.

    Args:
        settings: of the run.
        live: a live source shall cost little power; files shall be done soon.

    Raises:
        BirdlistenError: bundle, precision, provider or species can't be used.
    """
    bundle = open_bundle(settings)
    named, ids = _chosen(settings, bundle)
    met, manifest = _occurrence(settings), bundle.manifest
    overlay = open_overlay(settings, manifest)
    precision, runtime = _runtime(settings, bundle, live)
    recognizer = Recognizer(
        bundle,
        precision,
        runtime,
        species_set=named,
        species_ids=ids,
        occurrence=met,
        live=live,
        overlay=overlay,
    )
    for doubt in doubts(bundle, recognizer.precision, recognizer.species_set):
        _LOG.warning("bundle %s: %s", bundle.path, doubt)
    if overlay.loss:
        _LOG.warning("%s; teach it again: birdlisten teach", overlay.loss)
    if met and recognizer.calibration is None:
        _LOG.warning("bundle %s gives no probabilities: --occurrence is not used", bundle.path)
    model = f"{recognizer.precision} on {recognizer.provider}"
    _LOG.info("bundle %s: %d species, %s", manifest.name, len(recognizer.species), model)
    return recognizer


def open_weighing(settings: Settings, bundle: Bundle) -> Weighing:
    """Decisions on kept evidence, as a listener with these settings makes them.

    Raises:
        BirdlistenError: bundle, precision or species can't be used.
    """
    named, ids = _chosen(settings, bundle)
    precision, runtime = _runtime(settings, bundle, live=True)
    exact = choose_precision(bundle, precision, runtime.provider)
    return Weighing(
        bundle,
        exact,
        species_set=named,
        chosen=ids,
        decision=_decision(settings, bundle),
    )


def open_bundle(settings: Settings) -> Bundle:
    """The bundle that the settings name, with the species that the station has added.

    Raises:
        BundleError: it can't be used.
    """
    bundle = load_bundle(settings.bundle_path).in_language(settings.language)
    return extended(bundle, own_species(settings, bundle.manifest).load())


def own_species(settings: Settings, manifest: Manifest) -> OwnSpecies:
    """The species that the station has added to a bundle."""
    return OwnSpecies(settings.station_path, manifest.space_id, manifest.embedding_dim)


def open_overlay(settings: Settings, manifest: Manifest) -> Overlay:
    """The overlay of a bundle's encoder at the station."""
    model, dim = manifest.model_id, manifest.embedding_dim
    return Overlay(settings.station_path, model, dim, manifest.sound_dim)


def _occurrence(settings: Settings) -> Occurrence | None:
    latitude, longitude = settings.latitude, settings.longitude
    if (latitude is None) != (longitude is None):
        raise ConfigError("--latitude and --longitude go together")
    place = None if latitude is None or longitude is None else Coordinates(latitude, longitude)
    return (
        None if settings.occurrence is None else read_occurrence(Path(settings.occurrence), place)
    )


def _runtime(settings: Settings, bundle: Bundle, live: bool) -> tuple[str, RuntimeOptions]:
    """Precision and manner: as set, else as the bench found best here, else by kind of source."""
    station = settings.station_path
    on_cpu = settings.provider in ("auto", "cpu")
    known = read_choice(station, bundle.manifest.model_id) if on_cpu else None
    precision, threads = settings.precision, settings.threads
    if known and precision == "auto" and known.precision in bundle.manifest.precisions:
        precision = known.precision
    if threads is None:
        threads = known.threads if known and live else int(live)
    return precision, RuntimeOptions(settings.provider, threads, station / ENGINES)


def open_listener(settings: Settings, recognizer: Recognizer) -> Listener:
    """A listener with the settings' hop and threshold.

    Raises:
        ConfigError: the hop is longer than the bundle's window, or a rule can't be used.
    """
    max_cpu = None if settings.max_cpu is None else settings.max_cpu / 100
    return Listener(recognizer, _decision(settings, recognizer.bundle), max_cpu)


def _decision(settings: Settings, bundle: Bundle) -> Decision:
    hop, file = hop_samples(settings, bundle.manifest.audio), settings.overrides
    rules = {} if file is None else read_overrides(Path(file), bundle.taxonomy)
    return Decision(hop, settings.threshold, settings.caution, rules)


@contextmanager
def open_records(
    settings: Settings, again: bool = False, kept: bool = True
) -> Iterator[tuple[Writer[Record], Outlet]]:
    """A thread that keeps and prints records, and what it prints to.

    A station that can't keep records now is told, and tried again: listening goes on.

    Args:
        settings: of the run.
        again: begun anew by a reload, while what was before may still be about to end.
        kept: False only prints them.

    Raises:
        StationInUse: another listener keeps its records there.
    """
    files = settings.input is not None and not is_live(settings.input)
    with ExitStack() as stack:
        keep: Callable[[Sequence[Record]], None] = keep_none
        if kept:
            keeper = StoreSupervisor(settings.station_path, settings.candidates_days)
            keeper.start(again)
            keep = stack.enter_context(closing(keeper)).keep
        outlet = stack.enter_context(Outlet(sys.stdout, patient=files))
        above = CLEAR if shows_status(settings) else ""
        sink = RecordSink(
            keep,
            lambda line: outlet.write(f"{above}{line}"),
            as_json=settings.json,
            explain=settings.explain,
            files=picture_files(settings),
            draw=drawer(settings),
        )
        with Writer(sink, urgent=is_reported) as records:
            yield records, outlet


def shows_status(settings: Settings) -> bool:
    """True if a status line stands below what a live source gives."""
    live = settings.input is None or is_live(settings.input)
    return live and not settings.json and not settings.quiet and has_status_line()


def keep_none(records: Sequence[Record]) -> None:
    """Stands for a station where none is named."""


def _chosen(settings: Settings, bundle: Bundle) -> tuple[str | None, list[str] | None]:
    """The name of a species set, or the ids of a list; less what is left out."""
    named, ids = _species(settings.species, bundle)
    if settings.include is None and settings.exclude is None:
        return named, ids
    begun = ids or bundle.species_ids(named or bundle.manifest.default_species_set)
    return named, select(bundle.taxonomy, begun, settings.include, settings.exclude)


def _species(chosen: str | None, bundle: Bundle) -> tuple[str | None, list[str] | None]:
    """The name of a species set, or the ids that a file lists."""
    sets = bundle.manifest.species_sets
    if chosen is None or chosen in sets:
        return chosen, None
    path = Path(chosen)
    if not is_file(path):
        raise ConfigError(f"species: {chosen!r} is neither a file nor one of {sorted(sets)}")
    return None, read_species(path, bundle.taxonomy)
