"""More to imitate: mixtures of recordings, and a tower that learns from a network's hints alone."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")
from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from gallery.data.dataset import Item, read_dataset  # noqa: E402
from train.config import DistillConfig, PretrainConfig  # noqa: E402
from train.distill import _anchors_of, distill, prepare  # noqa: E402
from train.distillation.step import Distillation  # noqa: E402
from train.ears.network import EarOutputs  # noqa: E402
from train.ears.recipe import locate  # noqa: E402
from train.engine.loop import seed_everything  # noqa: E402
from train.engine.ranks import ALONE  # noqa: E402
from train.engine.resume import KEPT  # noqa: E402
from train.engine.training import Training  # noqa: E402
from train.model.checkpoint import load_checkpoint  # noqa: E402
from train.model.clap import load_clap  # noqa: E402
from train.model.frontend import InputSpec, LogMelSpec  # noqa: E402
from train.model.opening import open_student  # noqa: E402
from train.model.start import TOWER, TOWER_WEIGHTS  # noqa: E402
from train.pretraining.audio_text import pretrain_student  # noqa: E402
from train.pretraining.feature_distillation import pretrain_backbone  # noqa: E402
from train.sound import mixtures  # noqa: E402
from train.sound.cores import over_cores  # noqa: E402
from train.sound.hint_loss import NONE_LOGIT, HintLoss  # noqa: E402
from train.sound.hints import Hints, load_embeddings, load_hints  # noqa: E402
from train.sound.mixtures import Mixing, MixtureConfig, load_mixtures  # noqa: E402
from train.sound.taught import load_taught  # noqa: E402
from train.sound.training_set import load_sounds  # noqa: E402

RATE = 48_000
SPEC = LogMelSpec(hop_samples=576)


EAR, DIM = "birdnet-stm32n6", 256


def tone(hz: float, seconds: float = 5.0) -> np.ndarray:
    moments = np.arange(round(seconds * RATE)) / RATE
    return (0.2 * np.sin(2 * np.pi * hz * moments)).astype(np.float32)


class Ear:
    """Stands for the hint's network: hears how loud a window is, and in it its second label."""

    windows = 0

    def __init__(self, recipe, file):
        self.window_s = recipe.window_s
        self.session = lambda: None  # as TFLite's, which can't be sent anywhere

    def outputs(self, waveform, rate_hz, step_s):
        window, step = round(self.window_s * rate_hz), round(step_s * rate_hz)
        starts = range(0, max(len(waveform) - window, 0) + 1, step)
        Ear.windows += len(starts)
        loud = np.array([np.abs(waveform[start : start + window]).mean() for start in starts])
        logits = np.tile(np.array([-9, 4, -9], np.float16), (len(loud), 1))
        return EarOutputs(np.repeat(loud.astype(np.float16)[:, None], DIM, axis=1), logits)


@pytest.fixture
def ear(monkeypatch, tmp_path, world):
    """An ear that was brought, and has labels for two of the world's species."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setattr("train.sound.hints.EarNetwork", Ear)
    species = read_dataset(world.data).taxonomy.species
    named = (species[3].scientific_name, species[1].scientific_name)
    for name in (EAR, "perch"):
        recipe, file = locate(name)
        file.parent.mkdir(parents=True)
        lines = [f"{name}_Bird" for name in (*named, "Nemo nusquam")]
        if recipe.label_style == "table":
            lines = ["scientific_name", *named, "Nemo nusquam"]
        (file.parent / recipe.labels.file).write_text("\n".join(lines) + "\n")


def recordings(world, count: int) -> list[Item]:
    return [item for item in read_dataset(world.data).items if item.kind == "audio"][:count]


def test_hints_are_the_embedding_and_then_the_logits(world, ear, tmp_path):
    species, hints = read_dataset(world.data).taxonomy.species, Hints(EAR)
    assert hints.labels == (species[3].species_id, species[1].species_id, "nemo_nusquam")
    rows = load_hints(recordings(world, 2), hints, tmp_path)
    assert all(row.shape[1] == DIM + 3 for row in rows)
    assert rows[0][0, DIM:].tolist() == [-9, 4, -9]
    embeddings = load_embeddings(recordings(world, 2), EAR, tmp_path)
    assert torch.equal(embeddings[1], rows[1][:, :DIM])


def test_the_belief_is_in_the_names_and_in_none_of_them(ear, world, tmp_path):
    rows = load_hints(recordings(world, 2), Hints(EAR), tmp_path)
    loss = HintLoss(rows, 3, DIM, InputSpec(SPEC, 3 * RATE), 3.0)
    first = torch.tensor([0, 1]), torch.tensor([0, 0])
    for labels, logits in ((None, [-9, 4, -9]), (torch.tensor([1, 0]), [4, -9])):
        expected = torch.softmax(torch.tensor([*logits, NONE_LOGIT]), 0)
        assert torch.allclose(loss.belief(*first, labels), expected.expand(2, -1), atol=1e-4)


def mixed(items, hints, tmp_path, seed: int = 0, count: int = 3, favoured=()):
    wanted = MixtureConfig(count=count, seed=seed, favoured=favoured)
    return load_mixtures(items, (), config=wanted, spec=SPEC, hints=hints, cache=tmp_path)


def test_mixtures_are_heard_once_and_kept(world, ear, tmp_path):
    items, hints = recordings(world, 4), Hints(EAR)
    found = mixed(items, hints, tmp_path)
    windows = Ear.windows
    again = mixed(items, hints, tmp_path)
    assert Ear.windows == windows
    assert found.log_mels.shape == (3, SPEC.frames(3 * RATE), 64)
    assert found.hints.shape == (3, 1, DIM + 3)
    assert torch.equal(found.hints, again.hints)
    assert not torch.equal(found.hints, mixed(items, hints, tmp_path, seed=1).hints)


def test_hints_that_have_heard_something_can_go_to_another_process(ear, world, tmp_path):
    items, hints = recordings(world, 2), Hints(EAR)
    load_hints(items, hints, tmp_path)
    sent = pickle.loads(pickle.dumps(hints))
    assert np.array_equal(sent(items[0]), hints(items[0]))


def test_all_cores_make_the_same_mixtures(world, tmp_path):
    alone = Mixing(
        birds=recordings(world, 4), background=(), config=MixtureConfig(count=5),
        spec=SPEC, hints=Loudness(), cache=tmp_path, at_once=2,
    )  # fmt: skip
    alone.read()
    with over_cores(alone, 3, slow=True) as over:
        together = list(over(range(3)))
    for number, (log_mels, rows) in enumerate(together):
        assert len(rows) == (2, 2, 1)[number] == len(log_mels)
        assert np.array_equal(log_mels, alone(number)[0])


class Loudness:
    """Hints that need no network."""

    recipe = locate(EAR)[0]

    def of(self, waveform, rate_hz):
        return np.abs(waveform).mean(keepdims=True)[None].astype(np.float16)


def test_favoured_species_lead_half_of_the_mixtures(tmp_path):
    birds = [
        (Item(tmp_path, "audio", name, "train", "", ""), np.zeros(length, np.float16))
        for name, length in (("a", 900), ("b", 900), ("b", 100), ("c", 100), ("c", 400))
    ]
    weights = mixtures._weights(birds, {"b", "c", "nobody"})
    assert weights == pytest.approx([0.5, 0.125, 0.125, 0.125, 0.125])
    assert mixtures._weights(birds, {"nobody"}) == []


def test_another_ear_gets_mixtures_and_hints_of_its_own(world, ear, tmp_path):
    items = recordings(world, 2)
    small, perch = (mixed(items, Hints(name), tmp_path) for name in (EAR, "perch"))
    assert small.log_mels.shape[1] == SPEC.frames(3 * RATE)
    assert perch.log_mels.shape[1] == SPEC.frames(5 * RATE)
    for name in (EAR, "perch"):
        assert len(load_hints(items, Hints(name), tmp_path)) == 2
    windows = Ear.windows
    load_hints(items, Hints(EAR), tmp_path)
    assert Ear.windows == windows


def test_mixtures_are_made_again_when_a_recording_has_changed(world, ear, tmp_path):
    item = replace(recordings(world, 1)[0], path=tmp_path / "song.wav")
    found = []
    for hz in (2000, 7000):
        soundfile.write(item.path, tone(hz), RATE)
        found.append(mixed([item], Hints(EAR), tmp_path).log_mels)
    assert not torch.equal(*found)


def config(world, **changes) -> PretrainConfig:
    small = PretrainConfig(
        data=str(world.data),
        hint=EAR,
        cnn="mobilenetv3_small_050",
        mixtures=8,
        audio_steps=3,
        audio_batch=4,
        window_s=3.0,
        frame_hop_samples=576,
        device="cpu",
    )
    return replace(small, **changes)


def test_an_imitator_is_a_start_that_can_be_gone_on_with(world, ear, tmp_path):
    dataset = read_dataset(world.data)
    folder = pretrain_backbone(config(world), dataset, tmp_path, tmp_path / "cache")
    start = open_student(str(folder))
    assert start.spec == SPEC
    assert start.hint["head.weight"].shape == (DIM, start.student(32).hidden)
    losses = (tmp_path / "imitate.jsonl").read_text().splitlines()
    assert len(losses) == 3
    assert set(json.loads((folder / "heard.json").read_text())) == set(dataset.taxonomy.ids)
    on = config(world, init=str(folder), audio_learning_rate=1e-12)
    (tmp_path / "on").mkdir()
    again = open_student(str(pretrain_backbone(on, dataset, tmp_path / "on", tmp_path / "cache")))
    weights = [weight for weight in start.weights if weight.endswith("weight")]
    assert all(torch.allclose(start.weights[n], again.weights[n], atol=1e-6) for n in weights)


def test_a_clap_imitates_too_and_begins_anew_with_that_tower(world, ear, tmp_path):
    dataset = read_dataset(world.data)
    settings = config(world, init=world.student, window_s=2.5)
    folder = pretrain_backbone(settings, dataset, tmp_path, tmp_path / "cache")
    learned = open_student(str(folder)).weights
    still = replace(settings, hint="", audio_tower=str(folder), audio_learning_rate=1e-9)
    clap, _ = load_clap(str(pretrain_student(still, dataset, tmp_path, tmp_path / "cache")))
    own, begun = load_clap(world.student)[0].audio_model.state_dict(), clap.audio_model.state_dict()
    weights = [name for name, one in own.items() if name.endswith("weight") and one.ndim > 1]
    assert all(torch.allclose(begun[name], learned[name], atol=1e-6) for name in weights)
    assert not all(torch.allclose(begun[name], own[name], atol=1e-6) for name in weights)


def test_a_clap_does_not_begin_with_a_tower_of_another_shape(world, ear, tmp_path):
    dataset = read_dataset(world.data)
    folder = pretrain_backbone(config(world), dataset, tmp_path, tmp_path / "cache")
    settings = config(world, init=world.student, audio_tower=str(folder))
    with pytest.raises(ConfigError, match="another shape"):
        pretrain_student(settings, dataset, tmp_path, tmp_path / "cache")


def taught_config(world, **changes) -> DistillConfig:
    settings = {
        "student": "cnn:mobilenetv3_small_050", "hint": EAR, "mixtures": 4, "taught": 6,
        "window_s": 3.0, "steps": 3, "batch": 6, "pull": 0.0, "tower_share": 0.0, **changes,
    }  # fmt: skip
    return world.distillation("taught", **settings)


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setattr("train.distill.CACHE", tmp_path / "cache")


def test_a_student_learns_by_heart_neither_labels_nor_names_the_ear_lacks(
    world, ear, own_cache, tmp_path
):
    """Its tower hears of the hint alone; its belief goes to names of the data set only."""
    dataset = read_dataset(world.data)
    parts = prepare(taught_config(world), dataset, ALONE)
    imitation, species = parts.imitation, [bird.species_id for bird in parts.sounds.species]
    beliefs = imitation._beliefs(imitation.batch())
    assert beliefs.sum(dim=1) == pytest.approx(torch.ones(6), abs=1e-3)
    best = species.index(dataset.taxonomy.ids[1])
    assert (beliefs.argmax(dim=1) == best).all()
    others = torch.softmax(torch.tensor([4.0, -9.0, NONE_LOGIT]), 0)[2] / len(species)
    assert beliefs[0].min() == pytest.approx(float(others), rel=1e-3)


@pytest.mark.parametrize("weight", ["hint_weight", "belief_weight"])
def test_the_hint_reaches_the_tower_and_the_labels_do_not(world, ear, own_cache, weight):
    none = {"hint_weight": 0.0, "belief_weight": 0.0, "outliers": 0.0}
    for weights, reached in ((none, False), ({**none, weight: 1.0}, True)):
        config = taught_config(world, **weights)
        parts = prepare(config, read_dataset(world.data), ALONE)
        running = Distillation(
            student=parts.student, sounds=parts.sounds, anchors=_anchors_of(parts),
            frames=parts.input_spec.frames, config=config, imitation=parts.imitation,
            large_student=None, ranks=ALONE,
        )  # fmt: skip
        running.loss().backward()
        gradients = [one.grad for one in parts.student.tower.parameters() if one.grad is not None]
        assert any(bool(one.abs().sum() > 0) for one in gradients) == reached


def test_a_distillation_goes_on_from_the_backbones_head(world, ear, own_cache, tmp_path):
    dataset = read_dataset(world.data)
    folder = pretrain_backbone(config(world), dataset, tmp_path, tmp_path / "cache")
    parts = prepare(taught_config(world, student=str(folder)), dataset, ALONE)
    learned = open_student(str(folder)).hint
    assert torch.equal(parts.imitation.hint.head.weight, learned["head.weight"])
    output = distill(taught_config(world, student=str(folder)))
    assert load_checkpoint(output).student.hidden == parts.student.hidden


def test_a_frozen_tower_stays_as_it_began(world, ear, own_cache, tmp_path):
    dataset = read_dataset(world.data)
    folder = pretrain_backbone(config(world), dataset, tmp_path, tmp_path / "cache")
    students = [
        load_checkpoint(distill(taught_config(world, student=str(folder), freeze_tower=frozen)))
        for frozen in (True, False)
    ]
    begun = open_student(str(folder)).weights
    stayed = [
        all(torch.equal(begun[name], own) for name, own in found.student.tower.state_dict().items())
        for found in students
    ]
    assert stayed == [True, False]


def test_a_backbone_goes_on_telling_the_names_that_it_knew(world, ear, tmp_path):
    dataset = read_dataset(world.data)
    held_out = (dataset.taxonomy.ids[1],)
    begun = pretrain_backbone(
        config(world, held_out=held_out), dataset, tmp_path / "begun", tmp_path / "cache"
    )
    still = config(world, init=str(begun), audio_learning_rate=1e-9)
    folder = pretrain_backbone(still, dataset, tmp_path / "still", tmp_path / "cache")
    knew, knows = (open_student(str(one)).classifier for one in (begun, folder))
    assert set(knows.labels) - set(knew.labels) == set(held_out)
    rows = [knows.labels.index(name) for name in knew.labels]
    assert torch.allclose(knows.weight[rows], knew.weight, atol=1e-6)
    assert torch.allclose(knows.bias[rows], knew.bias, atol=1e-6)
    assert knows.bias[knows.labels.index(held_out[0])] < -4, "a name begins as hardly ever right"


def test_a_backbone_rehearses_what_it_learned_by(world, ear, tmp_path):
    dataset, names = read_dataset(world.data), tmp_path / "names.txt"
    names.write_text(dataset.taxonomy.species[1].scientific_name + "\n")
    settings = config(
        world,
        favoured=str(names),
        favoured_windows=0.3,
        rehearsed=str(world.data),
        rehearsed_mixtures=6,
    )
    sounds = load_sounds(dataset, settings.frontend, tmp_path / "cache")
    taught = load_taught(settings, dataset, sounds, settings.frontend, tmp_path / "cache")
    assert len(taught.log_mels) == taught.recordings + 8 + 6 == len(taught.hints)
    windows = Ear.windows
    drawn = taught.sampler(InputSpec(settings.frontend, 3 * RATE), 0, torch.device("cpu"))
    recordings = drawn.batch(3000).recordings
    again = recordings >= taught.recordings + 8
    favoured = torch.tensor(
        [
            n < len(sounds.items) and sounds.items[n].species_id == dataset.taxonomy.ids[1]
            for n in range(len(taught.log_mels))
        ]
    )[recordings]
    assert float(again.float().mean()) == pytest.approx(0.2, abs=0.03)
    assert float(favoured.float().mean()) == pytest.approx(0.3, abs=0.03)
    pretrain_backbone(settings, dataset, tmp_path / "run", tmp_path / "cache")
    assert Ear.windows == windows


def test_the_average_of_a_backbones_weights_is_what_is_saved(world, ear, tmp_path):
    dataset = read_dataset(world.data)
    begun = pretrain_backbone(config(world), dataset, tmp_path / "begun", tmp_path / "cache")
    still = config(world, init=str(begun), audio_ema=1.0)
    folder = pretrain_backbone(still, dataset, tmp_path / "still", tmp_path / "cache")
    first, second = (open_student(str(one)).weights for one in (begun, folder))
    weights = [name for name, one in first.items() if name.endswith("weight")]
    assert all(torch.equal(first[name], second[name]) for name in weights)


def test_a_backbone_that_was_stopped_goes_on_where_it_was(world, ear, tmp_path, monkeypatch):
    dataset, weights = read_dataset(world.data), []
    for name, stop in (("whole", None), ("broken", 2)):
        (tmp_path / name).mkdir()
        settings = config(world, snapshot_every=1)
        seed_everything(0)
        if stop:
            with monkeypatch.context() as patch:
                patch.setattr(Training, "advance", _stopping(Training.advance, stop))
                with pytest.raises(KeyboardInterrupt):
                    pretrain_backbone(settings, dataset, tmp_path / name, tmp_path / "cache")
            assert (tmp_path / name / KEPT).is_file()
        folder = pretrain_backbone(settings, dataset, tmp_path / name, tmp_path / "cache")
        weights.append((folder / TOWER_WEIGHTS).read_bytes())
        assert not (tmp_path / name / KEPT).exists()
    assert weights[0] == weights[1]


def _stopping(advance, step):
    def stopped(training, *args):
        if training.step == step:
            raise KeyboardInterrupt
        return advance(training, *args)

    return stopped


def test_an_imitator_needs_something_to_imitate(world, tmp_path):
    with pytest.raises(ConfigError, match="hint=FOLDER"):
        pretrain_backbone(config(world, hint=""), read_dataset(world.data), tmp_path, tmp_path)


@pytest.mark.parametrize("damage", [TOWER, TOWER_WEIGHTS])
def test_a_damaged_tower_is_named(world, ear, tmp_path, damage):
    folder = pretrain_backbone(config(world), read_dataset(world.data), tmp_path, tmp_path)
    content = (folder / damage).read_bytes()
    (folder / damage).write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match="damaged tower"):
        open_student(str(folder))
