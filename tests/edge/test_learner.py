"""What the station is taught is taken up while inference goes on."""

import threading
import time

import numpy as np
import pytest

from edge.contract.bundle import load_bundle, npy_bytes
from edge.contract.gallery import Gallery
from edge.recognition import learner
from edge.recognition.learner import Learner
from edge.recognition.overlay import Overlay
from edge.recognition.recognizer import Recognizer
from edge.source.framing import Window


class Taught:
    """Something to learn, which takes until it is let go."""

    def __init__(self):
        self.news, self.go, self.times = 1, threading.Event(), 0
        self.fault = None

    def changed(self):
        return self.news > self.times

    def learn(self, known):
        self.times += 1
        assert self.go.wait(10)
        if self.fault:
            raise self.fault
        return self.times


@pytest.fixture
def taught():
    found = Taught()
    yield found
    found.go.set()


def until(known):
    """What comes of it within ten seconds."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if (found := known()) is not None:
            return found
        time.sleep(0.01)
    raise AssertionError("nothing was learnt")


def test_who_has_time_waits_until_it_is_learnt(taught):
    taught.go.set()
    learner = Learner(taught.changed, taught.learn, 0, patience_s=None)
    assert learner.newest() == 1
    assert learner.newest() is None


def test_inference_goes_on_while_it_is_learnt(taught):
    learner = Learner(taught.changed, taught.learn, 0, patience_s=0.01)
    for _ in range(20):
        assert learner.newest() is None
    assert taught.times == 1
    taught.go.set()
    assert until(learner.newest) == 1


def test_what_comes_meanwhile_is_learnt_next(taught):
    learner = Learner(taught.changed, taught.learn, 0, patience_s=0)
    assert learner.newest() is None
    taught.news = 2
    taught.go.set()
    assert until(learner.newest) == 1
    assert until(learner.newest) == 2


@pytest.mark.parametrize("fault", [MemoryError(), KeyError("y"), OSError(28, "z")])
def test_a_fault_leaves_what_was_known_and_is_tried_again_later(taught, monkeypatch, caplog, fault):
    clock = [1000.0]
    monkeypatch.setattr(learner.time, "monotonic", lambda: clock[0])
    taught.fault, taught.news = fault, 9
    taught.go.set()
    one = Learner(taught.changed, taught.learn, 0, patience_s=None)
    for _ in range(5):
        assert one.newest() is None
    assert taught.times == 1
    assert "going on as before" in caplog.text
    taught.fault = None
    clock[0] += 61
    assert one.newest() == 2


def test_without_another_thread_everything_goes_on(taught, monkeypatch, caplog):
    def refused(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert Learner(taught.changed, taught.learn, 0, patience_s=0.01).newest() is None
    assert "can't start new thread" in caplog.text


@pytest.fixture
def heard_only(bundle_copy):
    """A bundle with neither a picture nor a name of the tawny owl."""
    gallery = load_bundle(bundle_copy.path).gallery
    kept = [n for n, row in enumerate(gallery.table) if row.species_id != "strix_aluco"]
    rest = Gallery(gallery.rows[kept], tuple(gallery.table[n] for n in kept))
    bundle_copy.put("gallery.rows", npy_bytes(rest.rows))
    bundle_copy.put("gallery.table", rest.table_csv())
    bundle_copy.edit(lambda manifest: manifest["roles"].pop("anchors"))
    return load_bundle(bundle_copy.path)


def test_a_species_known_by_its_sounds_alone_stays_when_they_are_taken_back(heard_only, tmp_path):
    manifest = heard_only.manifest
    overlay = Overlay(tmp_path, manifest.model_id, manifest.embedding_dim)
    overlay.add_exemplar("strix_aluco", "one", heard_only.gallery.rows[:1])
    recognizer = Recognizer(heard_only, "fp32", overlay=overlay)
    before = [species.species_id for species in recognizer.species]
    owl, sound = before.index("strix_aluco"), heard_only.gallery.rows[:1].astype(np.float32)
    assert recognizer.scores_of(sound, [0])[0].similarity[owl] == pytest.approx(1, abs=1e-2)
    assert overlay.forget("one")
    recognizer.refresh()
    scores = recognizer.scores_of(sound, [0])[0]
    assert len(scores.score) == len(before)
    assert (scores.score[owl], scores.similarity[owl]) == (0, 0)


def test_sounds_that_cancel_each_other_out_are_near_to_nothing(heard_only, tmp_path):
    manifest = heard_only.manifest
    overlay = Overlay(tmp_path, manifest.model_id, manifest.embedding_dim)
    sound = heard_only.gallery.rows[:1]
    overlay.add_exemplar("strix_aluco", "one", np.concatenate([sound, -sound]))
    recognizer = Recognizer(heard_only, "fp32", overlay=overlay)
    scores = recognizer.score([Window(0, np.full(120_000, 0.1, np.float32))])[0]
    assert np.isfinite(scores.score).all()
