import json
from typing import Any

import numpy as np
import pytest

from edge.config import DEMO_BUNDLE
from edge.contract.bundle import load_bundle
from edge.contract.calibration import Calibration
from edge.contract.errors import BundleError
from edge.recognition.recognizer import Recognizer
from edge.source.framing import Window

GOOD = {"scores": [-1.0, 0.0, 2.0], "probabilities": [0.0, 0.2, 0.9], "threshold": 0.5}


def test_the_map_is_monotone_and_keeps_to_its_ends() -> None:
    known = Calibration.from_json(GOOD)
    probability = known.probability(np.linspace(-10, 10, 1001))
    assert (np.diff(probability) >= 0).all()
    assert (probability[0], probability[-1]) == (0.0, 0.9)


def test_the_map_goes_through_its_knots_and_straight_between() -> None:
    known = Calibration.from_json(GOOD)
    asked = np.array([[-1.0, -0.5], [0.0, 1.0]])
    assert known.probability(asked) == pytest.approx(np.array([[0.0, 0.1], [0.2, 0.55]]))


def test_json_round_trip() -> None:
    known = Calibration.from_json(GOOD)
    assert Calibration.from_json(json.loads(json.dumps(known.to_json()))) == known


@pytest.mark.parametrize(
    "change",
    [
        {"scores": [0.0], "probabilities": [0.5]},
        {"scores": [], "probabilities": []},
        {"scores": [0.0, 0.0, 1.0]},
        {"scores": [2.0, 1.0, 0.0]},
        {"scores": [0.0, 1.0]},
        {"scores": [0.0, float("nan"), 1.0]},
        {"scores": [0.0, 1.0, float("inf")]},
        {"probabilities": [0.0, 0.5, 1.1]},
        {"probabilities": [-0.1, 0.5, 1.0]},
        {"probabilities": [0.5, 0.4, 1.0]},
        {"probabilities": [0.0, float("nan"), 1.0]},
        {"threshold": 1.5},
        {"threshold": -0.1},
        {"threshold": float("nan")},
        {"threshold": None},
        {"scores": None},
        {"scores": "abc"},
        {"scores": [10**400, 0, 1]},
    ],
)
def test_impossible_calibrations_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match="calibration"):
        Calibration.from_json({**GOOD, **change})


@pytest.mark.parametrize("missing", GOOD)
def test_a_missing_field_is_named(missing: str) -> None:
    with pytest.raises(BundleError, match=missing):
        Calibration.from_json({name: value for name, value in GOOD.items() if name != missing})


@pytest.mark.parametrize("entry", [[], "text", 5, None])
def test_an_entry_that_is_no_object_is_refused(entry: Any) -> None:
    with pytest.raises(BundleError):
        Calibration.from_json(entry)


def test_a_probability_is_that_of_the_score() -> None:
    recognizer = Recognizer(load_bundle(DEMO_BUNDLE))
    assert recognizer.calibration
    noise = np.random.default_rng(0).normal(0, 0.1, 120_000).astype(np.float32)
    scores = recognizer.score([Window(0, noise)])[0]
    assert scores.probability == pytest.approx(recognizer.calibration.probability(scores.score))
