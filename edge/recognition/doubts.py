"""Doubts about a bundle that can be used: parts that it lacks, and the effect of that."""

from collections import Counter
from collections.abc import Iterator

from edge.contract.bundle import Bundle
from edge.contract.calibration import Calibration

UNCALIBRATED_THRESHOLD = 0.5
"""Cosine that a species must reach where the bundle ships no calibration."""


def default_threshold(calibration: Calibration | None) -> float:
    """Confidence from which a species passes where nobody has set another."""
    return calibration.threshold if calibration else UNCALIBRATED_THRESHOLD


def usable_calibration(bundle: Bundle, precision: str, species_set: str) -> Calibration | None:
    """The calibration of a bundle, if it ships the background that scores are standardised over.

    Without that scores lie elsewhere, and what the calibration makes of them means nothing.
    """
    known, bank = bundle.calibrated(precision, species_set), None
    if known:
        bank = bundle.background(precision)
    return None if bank is None or len(bank) < 2 else known


def doubts(bundle: Bundle, precision: str, species_set: str) -> Iterator[str]:
    """Things that a person should know who listens with a bundle, a line each.

    Args:
        bundle: the bundle.
        precision: of the encoder in use.
        species_set: whose calibration is asked for.
    """
    if usable_calibration(bundle, precision, species_set) is None:
        yield (
            f"{_missing(bundle, precision, species_set)}; until then a species passes at a cosine "
            f"of {UNCALIBRATED_THRESHOLD} or --threshold, and its probability is null"
        )
    count = Counter(bundle.manifest.species_sets[species_set] or ())
    if twice := [species for species, times in count.items() if times > 1]:
        yield f"species set {species_set!r} names {', '.join(twice)} more than once; taken once"


def doubts_about_lessons(bundle: Bundle) -> Iterator[str]:
    """Things that a person should know who teaches a station with a bundle."""
    entries = [entry for sets in bundle.calibration.values() for entry in sets.values()]
    if all("exemplars" in entry for entry in entries) and entries:
        return
    counts = "counts from a cosine of 0.8" if bundle.manifest.features is None else "can't count"
    yield (
        f"bundle {bundle.manifest.name} has no map of likeness: a confirmed sound {counts}; "
        "run python -m gallery.likeness"
    )


def _missing(bundle: Bundle, precision: str, species_set: str) -> str:
    """The part that is missing, and the way to get it."""
    calibrated = bundle.calibration.get(precision, {})
    if species_set in calibrated:
        return (
            f"background.{precision} is missing or empty, without which the calibration means "
            "nothing: copy the bundle again, or run python -m gallery.calibrate"
        )
    others = f", or choose one of {sorted(calibrated)} with --species" if calibrated else ""
    return (
        f"{precision} is not calibrated for species set {species_set!r}: run "
        f"python -m gallery.calibrate{others}"
    )
