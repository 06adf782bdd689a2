"""Calibration: a monotone map from score to probability, and the threshold with it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge.contract.arrays import Array, Float64s
from edge.contract.errors import BundleError, ConfigError, in_words
from edge.contract.values import Number, checked, shown


@dataclass(frozen=True)
class Weights:
    """Weights of the kinds of evidence in a species' score.

    Raises:
        BundleError: one is negative or not finite, or all are zero.
    """

    pictures: float
    anchor: float
    """Of the species' name."""

    def __post_init__(self) -> None:
        both = np.array([self.pictures, self.anchor])
        if not (np.isfinite(both).all() and (both >= 0).all() and both.sum() > 0):
            raise BundleError("calibration: weights must be from 0 up, and one above 0")


@dataclass(frozen=True)
class LikenessMap:
    """A piecewise linear, non-decreasing map from the cosine of two sounds to a probability.

    Raises:
        BundleError: the knots are not increasing, or a value is no probability.
    """

    cosines: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        _check_knots(self.cosines, self.probabilities)

    def __call__(self, cosine: Array) -> Float64s:
        """Probability for each cosine; same shape."""
        mapped: Float64s = np.interp(cosine, self.cosines, self.probabilities)
        return mapped


@dataclass(frozen=True)
class Calibration:
    """A piecewise linear, non-decreasing map from score to probability.

    Raises:
        BundleError: the knots are not increasing, or a value is no probability.
    """

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]
    threshold: float
    """The default: a species passes a window at this probability."""
    weights: Weights | None = None
    """What the score is made of; None: of pictures alone, and of the chosen species alone."""
    exemplars: LikenessMap | None = None
    """That a window holds a species, by its likeness to a confirmed sound of it; None: unknown."""
    rejects: LikenessMap | None = None
    """That a window is the same sound as a rejected one, by their likeness; None: unknown."""

    def __post_init__(self) -> None:
        _check_knots(self.scores, self.probabilities)
        if not 0 <= self.threshold <= 1:
            raise BundleError("calibration: probabilities must lie between 0 and 1")

    def probability(self, score: Array) -> Float64s:
        """Probability that a species with this score is there; same shape as `score`."""
        mapped: Float64s = np.interp(score, self.scores, self.probabilities)
        return mapped

    def score(self, probability: Array) -> Float64s:
        """Score that has this probability, the lowest of several; same shape."""
        probabilities, first = np.unique(self.probabilities, return_index=True)
        found: Float64s = np.interp(probability, probabilities, np.array(self.scores)[first])
        return found

    def to_json(self) -> dict[str, Any]:
        """The entry of calibration.json."""
        return {name: part for name, part in asdict(self).items() if part is not None}

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> "Calibration":
        """Read an entry of calibration.json.

        Raises:
            BundleError: a field is missing or impossible.
        """
        entry = _object("", entry, ("scores", "probabilities", "threshold"))
        return cls(
            _numbers(entry, "scores"),
            _numbers(entry, "probabilities"),
            _number("threshold", entry["threshold"]),
            None if entry.get("weights") is None else _weights(entry["weights"]),
            *(_likeness(name, entry.get(name)) for name in ("exemplars", "rejects")),
        )


def read_calibrations(content: bytes) -> dict[str, Any]:
    """The entries of calibration.json by precision and species set, each checked.

    Raises:
        BundleError: not JSON, or an entry is impossible.
    """
    try:
        table = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"calibration: not JSON ({in_words(error)}); build it again") from error
    for precision in _object("", table):
        for entry in _object(f"{precision}: ", table[precision]).values():
            Calibration.from_json(entry)
    return dict(table)


def _check_knots(places: Sequence[float], probabilities: Sequence[float]) -> None:
    rising = (np.diff(places) > 0).all() and (np.diff(probabilities) >= 0).all()
    if len(places) < 2 or len(places) != len(probabilities) or not rising:
        raise BundleError("calibration: knots must increase, two or more of each")
    if not (np.isfinite(places).all() and 0 <= probabilities[0] <= probabilities[-1] <= 1):
        raise BundleError("calibration: probabilities must lie between 0 and 1")


def _likeness(name: str, entry: Any) -> LikenessMap | None:
    if entry is None:
        return None
    found = _object(f"{name}: ", entry, ("cosines", "probabilities"))
    return LikenessMap(*(_numbers(found, part) for part in ("cosines", "probabilities")))


def _weights(entry: Any) -> Weights:
    found = _object("weights: ", entry, ("pictures", "anchor"))
    return Weights(*(_number(name, found[name]) for name in ("pictures", "anchor")))


def _object(place: str, entry: Any, names: Sequence[str] = ()) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise BundleError(f"calibration: {place}{shown(entry)}, expected an object")
    if missing := [name for name in names if name not in entry]:
        raise BundleError(f"calibration: {place}{', '.join(missing)} missing")
    return entry


def _numbers(entry: dict[str, Any], name: str) -> tuple[float, ...]:
    if not isinstance(entry[name], list):
        raise BundleError(f"calibration: {name}: {shown(entry[name])}, expected a list of numbers")
    return tuple(_number(name, value) for value in entry[name])


def _number(name: str, value: Any) -> float:
    try:
        return float(checked(f"calibration: {name}", value, Number()))
    except ConfigError as error:
        raise BundleError(str(error)) from error
