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

    def __post_init__(self) -> None:
        probabilities = (*self.probabilities, self.threshold)
        numbers = np.asarray((*self.scores, *probabilities), dtype=float)
        sorted_knots = (np.diff(self.scores) > 0).all() and (np.diff(self.probabilities) >= 0).all()
        if len(self.scores) < 2 or len(self.scores) != len(self.probabilities) or not sorted_knots:
            raise BundleError("calibration: knots must increase, two or more of each")
        if not np.isfinite(numbers).all() or not 0 <= min(probabilities) <= max(probabilities) <= 1:
            raise BundleError("calibration: probabilities must lie between 0 and 1")

    def probability(self, score: Array) -> Float64s:
        """Probability that a species with this score is there; same shape as `score`."""
        mapped: Float64s = np.interp(score, self.scores, self.probabilities)
        return mapped

    def to_json(self) -> dict[str, Any]:
        """The entry of calibration.json."""
        entry = asdict(self)
        return entry if self.weights else {k: v for k, v in entry.items() if k != "weights"}

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
