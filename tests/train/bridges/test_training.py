"""A bridge trained by the shared base, with an objective of three lines."""

import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("av")
from safetensors.torch import load_file  # noqa: E402

from edge.contract.errors import BirdlistenError, ConfigError, DatasetError  # noqa: E402
from tests.train.bridges.test_pairs import folder, teacher  # noqa: E402, F401
from train.bridges.__main__ import main  # noqa: E402
from train.bridges.training import prepare, teach  # noqa: E402
from train.config.bridging import BridgeConfig  # noqa: E402
from train.engine.loop import LogScale  # noqa: E402
from train.engine.resume import KEPT  # noqa: E402
from train.engine.stopping import EarlyStopping  # noqa: E402
from train.model.checkpoint import META, WEIGHTS, load_checkpoint  # noqa: E402

STEPS = 6


class MeanFrame:
    """Pulls a clip's sound to the mean of its frames; stops in the middle if it is told to."""

    def __init__(self, parts, dies_at=None):
        self._parts, self._dies_at = parts, dies_at
        self._sampler, self._scale, self._calls = parts.sampler(), LogScale(), 0

    @property
    def modules(self):
        return self._parts.student, self._scale

    @property
    def generators(self):
        return (self._sampler,)

    def loss(self):
        if self._calls == self._dies_at:
            raise KeyboardInterrupt
        self._calls += 1
        batch = self._sampler.batch(self._parts.config.batch)
        heard = self._parts.student(batch.log_mel)
        return -self._scale() * (heard * batch.rows.mean(dim=1)).sum(dim=1).mean()


@pytest.fixture
def config(folder, teacher, tmp_path, computed, monkeypatch):  # noqa: F811
    monkeypatch.chdir(computed)  # runs/cache
    return BridgeConfig(
        data=f"videos:{folder}",
        teacher=teacher.name,
        student="cnn:mobilenetv3_small_050",
        output=str(tmp_path / "run"),
        frames=4,
        window_s=1.0,
        steps=STEPS,
        batch=4,
        warmup=1,
        frame_hop_samples=960,
        device="cpu",
    )


def changed(config, **settings):
    from dataclasses import replace

    return replace(config, **settings)


def losses(output):
    lines = map(json.loads, (output / "metrics.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines]


def test_the_run_is_a_checkpoint_like_any_other(config, teacher):  # noqa: F811
    parts = prepare(config, "mean")
    run = teach(parts, MeanFrame(parts), "mean")
    checkpoint = load_checkpoint(run)
    assert checkpoint.space_id == teacher.space_id
    assert checkpoint.origin == "cnn:mobilenetv3_small_050"
    assert checkpoint.window_samples == 48_000
    assert checkpoint.anchors.shape == (4, 16)
    assert set(checkpoint.seen_species) == set(checkpoint.taxonomy.ids)
    assert len(losses(run)) == STEPS
    assert not (run / KEPT).exists()


def test_a_training_that_was_killed_goes_on_as_if_nothing_had_been(config, tmp_path):
    runs = {}
    for name, dies_at in (("whole", None), ("broken", 4)):
        kept = changed(config, output=str(tmp_path / name), snapshot_every=1)
        parts = prepare(kept, "mean")
        try:
            teach(parts, MeanFrame(parts, dies_at), "mean")
        except KeyboardInterrupt:
            assert (tmp_path / name / KEPT).is_file()
            parts = prepare(kept, "mean")
            teach(parts, MeanFrame(parts), "mean")
        runs[name] = tmp_path / name
    assert losses(runs["broken"]) == losses(runs["whole"])
    one, other = (load_file(run / WEIGHTS) for run in runs.values())
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_weights_that_validate_best_are_saved(config):
    parts = prepare(config, "mean")
    scores = iter([0.1, 0.9, 0.2])
    seen = []

    def score():
        seen.append({name: one.clone() for name, one in parts.student.state_dict().items()})
        return next(scores)

    run = teach(parts, MeanFrame(parts), "mean", EarlyStopping(score, 2))
    saved = load_checkpoint(run).student.state_dict()
    assert all(torch.equal(saved[name], weight) for name, weight in seen[1].items())


def test_a_run_without_a_name_says_method_and_data(config):
    parts = prepare(changed(config, output="", steps=0), "mean")
    assert parts.output.name.startswith(f"bridge-mean-{parts.clips.name}-")
    assert parts.output.parent.name == "runs"


def test_a_held_out_species_is_unseen(config):
    parts = prepare(changed(config, held_out=("asio_otus",), steps=0), "mean")
    run = teach(parts, MeanFrame(parts), "mean")
    assert "asio_otus" not in load_checkpoint(run).seen_species
    assert "asio_otus" in load_checkpoint(run).taxonomy.ids


@pytest.mark.parametrize(
    ("settings", "error", "told"),
    [
        ({"data": "videos:/nowhere"}, DatasetError, "no such folder"),
        ({"teacher": "local-dir:/nowhere"}, BirdlistenError, "/nowhere"),
        ({"device": "tpu"}, ConfigError, "device"),
        ({"held_out": ("corvus_corax",)}, DatasetError, "held_out"),
    ],
)
def test_what_cant_be_used_is_named(config, settings, error, told):
    with pytest.raises(error, match=told):
        prepare(changed(config, **settings), "mean")


def run_of(config, output, **settings):
    """A run that has learned nothing."""
    parts = prepare(changed(config, output=str(output), steps=0, **settings), "mean")
    return teach(parts, MeanFrame(parts), "mean")


def test_a_run_is_gone_on_with_by_its_own_projection(config, tmp_path):
    run = run_of(config, tmp_path / "wide", projection_hidden=8)
    parts = prepare(changed(config, student=str(run)), "mean")
    before = load_checkpoint(run).student.state_dict()
    found = parts.student.state_dict()
    assert before.keys() == found.keys()
    assert all(torch.equal(found[name], weight) for name, weight in before.items())
    with pytest.raises(ConfigError, match=r"hidden 8.*leave them out"):
        prepare(changed(config, student=str(run), projection_hidden=4), "mean")


@pytest.mark.parametrize(
    ("meta", "error", "told"),
    [
        ({"space_id": "f" * 64}, ConfigError, "name the teacher that it learned from"),
        ({"synthetic": True}, DatasetError, "never mixes with real birds"),
    ],
)
def test_a_run_that_doesnt_fit_teacher_or_clips_is_refused(config, tmp_path, meta, error, told):
    run = run_of(config, tmp_path / "other")
    kept = json.loads((run / META).read_text())
    (run / META).write_text(json.dumps({**kept, **meta}))
    with pytest.raises(error, match=told):
        prepare(changed(config, student=str(run)), "mean")


@pytest.mark.parametrize(
    "settings", [{"frames": 0}, {"batch": 0}, {"mask": 2.0}, {"temperature": 0.0}, {"steps": -1}]
)
def test_numbers_that_cant_train_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        BridgeConfig(**settings)


def test_an_unknown_method_is_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["pivott"])
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
