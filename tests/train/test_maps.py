"""Maps between a network's layers: kept with the mixtures, and learned place by place."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import soundfile as sf

torch = pytest.importorskip("torch")

from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from export.graph import to_onnx  # noqa: E402
from gallery.data.dataset import read_dataset  # noqa: E402
from tests.train.test_imitation import (  # noqa: E402, F401
    DIM,
    EAR,
    RATE,
    Ear,
    config,
    ear,
    recordings,
)
from train.distill import distill  # noqa: E402
from train.ears.network import EarMaps, EarNetwork  # noqa: E402
from train.ears.recipe import locate  # noqa: E402
from train.model.checkpoint import load_checkpoint  # noqa: E402
from train.model.frontend import LogMelSpec  # noqa: E402
from train.model.opening import open_student  # noqa: E402
from train.model.towers import CnnTower, averaged, cnn_config, make_tower  # noqa: E402
from train.pretraining.feature_distillation import pretrain_backbone  # noqa: E402
from train.pretraining.map_distillation import MapLoss, make_map_loss  # noqa: E402
from train.sound.hints import Hints  # noqa: E402
from train.sound.mixtures import Filing, Mixing, MixtureConfig, load_mixtures  # noqa: E402

SPEC = LogMelSpec(hop_samples=576, mel_bins=96)
SMALL = "mobilenetv3_small_050"


@pytest.fixture
def mapped_ear(ear, monkeypatch):  # noqa: F811
    """The stub hears maps, too: they tell how loud a third of a second is."""

    def maps(self, window):
        Ear.windows += 1
        loud = np.abs(window[: 9 * 16_000].reshape(9, 16_000)).mean(axis=1).astype(np.float16)
        stage = np.broadcast_to(loud[None, :, None], (4, 9, 3))
        local = np.broadcast_to(loud[None, 1:8, None], (DIM, 7, 1))
        return EarMaps(local.mean(axis=(1, 2)), np.array([-9, 4, -9], np.float16), [stage, local])

    monkeypatch.setattr(Ear, "maps", maps, raising=False)


def mixed(world, cache, count=3, maps=True, items=None):
    wanted = MixtureConfig(count=count, maps=maps)
    items = items or recordings(world, 4)
    return load_mixtures(items, (), config=wanted, spec=SPEC, hints=Hints(EAR), cache=cache)


def test_maps_are_kept_with_the_mixtures(world, mapped_ear, tmp_path):
    found = mixed(world, tmp_path)
    assert [tuple(maps.shape) for maps in found.maps] == [(3, 4, 9, 3), (3, DIM, 7, 1)]
    assert found.hints.shape == (3, 1, DIM + 3)
    mean = found.maps[-1].float().mean(dim=(2, 3))
    assert torch.allclose(mean, found.hints[:, 0, :DIM].float(), atol=1e-3)
    windows = Ear.windows
    again = mixed(world, tmp_path)
    assert Ear.windows == windows
    assert torch.equal(found.maps[0], again.maps[0])


def test_mixtures_with_maps_serve_who_needs_none(world, mapped_ear, tmp_path):
    mapped, windows = mixed(world, tmp_path), Ear.windows
    plain = mixed(world, tmp_path, maps=False)
    assert Ear.windows == windows
    assert not plain.maps
    assert torch.equal(plain.hints, mapped.hints)


def test_mixtures_are_of_the_recordings_wherever_they_lie(world, mapped_ear, tmp_path):
    items = recordings(world, 4)
    found = mixed(world, tmp_path / "cache", items=items)
    windows, moved = Ear.windows, []
    for item in items:
        path = tmp_path / item.path.name
        path.write_bytes(item.path.read_bytes())
        moved.append(replace(item, path=path))
    assert torch.equal(mixed(world, tmp_path / "cache", items=moved).hints, found.hints)
    assert Ear.windows == windows
    samples, rate_hz = sf.read(moved[0].path)
    sf.write(moved[0].path, samples[::-1], rate_hz)
    changed = mixed(world, tmp_path / "cache", items=moved)
    assert Ear.windows > windows
    assert not torch.equal(changed.log_mels, found.log_mels)


def test_what_was_made_before_an_interruption_is_not_made_again(
    world, mapped_ear, tmp_path, monkeypatch
):
    monkeypatch.setattr("train.sound.mixtures.Mixing", partial(Mixing, at_once=2))
    monkeypatch.setattr("train.sound.mixtures.over_cores", _here)
    whole = mixed(world, tmp_path / "whole", count=5)
    real = Filing.__call__

    def stopped(self, number):
        if number == 2:
            raise KeyboardInterrupt
        real(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Filing, "__call__", stopped)
        with pytest.raises(KeyboardInterrupt):
            mixed(world, tmp_path / "broken", count=5)
    windows = Ear.windows
    found = mixed(world, tmp_path / "broken", count=5)
    assert Ear.windows == windows + 1
    for one, other in zip(found.maps, whole.maps, strict=True):
        assert torch.equal(one, other)


def _here(job, count, slow=False):
    from contextlib import nullcontext

    return nullcontext(lambda things: map(job, things))


def test_local_features_are_averaged(world):
    tower = CnnTower(SMALL, local_features=32).eval()
    log_mel = torch.randn(2, 1, 251, 96) * 10 - 40
    maps = tower.maps(log_mel, 3)
    assert [one.shape[1] for one in maps] == tower.widths(3)
    assert tower.hidden == 32
    assert torch.allclose(tower(log_mel), averaged(maps[-1]), atol=1e-5)
    assert (tower(log_mel) >= 0).all()


def test_a_tower_without_them_is_as_it_was():
    former = {"model_type": "cnn", "name": SMALL}
    tower, hidden = make_tower(former)
    assert tower.local is None
    assert hidden == make_tower(cnn_config(SMALL))[1]


def test_local_features_survive_the_export(tmp_path):
    import onnxruntime

    start = open_student(f"cnn:{SMALL}", SPEC, local_features=32)
    student = start.student(16).eval()
    graph = to_onnx(SPEC, student, 3 * RATE).SerializeToString()
    waveform = np.random.default_rng(0).normal(0, 0.1, (2, 3 * RATE)).astype(np.float32)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    found = session.run(None, {"waveform": waveform})[0]
    from train.model.student import WaveformStudent

    with torch.inference_mode():
        expected = WaveformStudent(SPEC, student)(torch.from_numpy(waveform)).numpy()
    assert ((found * expected).sum(axis=1) > 0.9999).all()


def random_maps(count=8):
    torch.manual_seed(0)
    return [torch.randn(count, 4, 9, 3).half(), torch.randn(count, DIM, 7, 1).half()]


def test_the_very_features_cost_nothing_and_below_zero_all_is_alike():
    wanted = random_maps()
    loss = MapLoss(wanted, [6, DIM])
    loss.stages.eval()
    which = torch.arange(8)
    with torch.no_grad():
        for layer in loss.stages[0]:
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.zero_()
                layer.bias.zero_()
    stage = torch.zeros(8, 6, 10, 3)
    features = wanted[-1].float()
    by_itself = loss([stage, features], which).detach()
    lower = torch.where(features < 0, features - 5, features)
    assert torch.allclose(loss([stage, lower], which), by_itself)
    assert loss([stage, features + 1], which) > by_itself
    standardised = (wanted[0].float() - loss._means[0]) / loss._deviations[0]
    assert by_itself == pytest.approx(float(standardised.square().mean()), rel=1e-3)


def test_a_tower_learns_them():
    torch.manual_seed(0)
    wanted, tower = random_maps(4), CnnTower(SMALL, local_features=DIM)
    loss = make_map_loss(tower, wanted)
    log_mel, which = torch.randn(4, 1, 251, 96) * 10 - 40, torch.arange(4)
    learned = [*tower.parameters(), *(one for one in loss.parameters() if one.requires_grad)]
    optimiser, values = torch.optim.Adam(learned, lr=1e-3), []
    for _ in range(8):
        value = loss(tower.maps(log_mel, 2), which)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        values.append(float(value.detach()))
    assert values[-1] < 0.9 * values[0]


@pytest.mark.parametrize(
    ("tower", "maps", "said"),
    [
        (lambda: CnnTower(SMALL, 16), list, "no maps"),
        (lambda: CnnTower(SMALL), random_maps, f"local_features={DIM}"),
        (lambda: CnnTower(SMALL, 16), random_maps, f"local_features={DIM}"),
        (lambda: CnnTower(SMALL, DIM), lambda: 7 * [random_maps()[0]] + random_maps(), "stages"),
    ],
)
def test_a_tower_that_can_not_have_them_is_refused(tower, maps, said):
    with pytest.raises(ConfigError, match=said):
        make_map_loss(tower(), maps())


def test_too_few_bins_are_refused():
    with pytest.raises(ConfigError, match="mel_bins=96"):
        open_student(f"cnn:{SMALL}", LogMelSpec(mel_bins=64), local_features=8)


def test_a_backbone_learns_by_maps(world, mapped_ear, tmp_path):
    dataset = read_dataset(world.data)
    settings = config(world, map_weight=1.0, local_features=DIM, mel_bins=96)
    folder = pretrain_backbone(settings, dataset, tmp_path, tmp_path / "cache")
    start = open_student(str(folder))
    assert start.student(8).hidden == DIM
    shared = [name for name in Hints(EAR).labels if name in dataset.taxonomy.ids]
    assert sorted(start.classifier.labels) == sorted(shared)
    on = replace(settings, init=str(folder), favoured=str(_names(dataset, tmp_path)))
    (tmp_path / "on").mkdir()
    again = pretrain_backbone(on, dataset, tmp_path / "on", tmp_path / "cache")
    assert open_student(str(again)).audio_config == start.audio_config


def test_a_backbone_tells_names_at_their_anchors(world, mapped_ear, tmp_path, monkeypatch):
    """Nothing is left to learn: its layer's belief is laid at the names' anchors."""
    monkeypatch.setattr("train.distill.CACHE", tmp_path / "cache")
    dataset = read_dataset(world.data)
    settings = config(world, map_weight=1.0, local_features=DIM, mel_bins=96)
    settings = replace(settings, audio_steps=40, audio_batch=8, audio_learning_rate=3e-3)
    folder = pretrain_backbone(settings, dataset, tmp_path, tmp_path / "cache")
    run = distill(
        world.distillation(
            "told", student=str(folder), projection_names=True, steps=0, window_s=3.0
        )
    )
    student = load_checkpoint(run).student
    found = student(torch.randn(3, 1, SPEC.frames(3 * RATE), 96) * 10 - 40)
    # The stub hears its second label everywhere, which is the data set's second species.
    anchors = torch.from_numpy(load_checkpoint(run).anchors)
    assert ((found @ anchors.T).argmax(dim=1) == 1).all()


def _names(dataset, folder):
    file = folder / "names.txt"
    file.write_text(dataset.taxonomy.species[0].scientific_name + "\n")
    return file


def test_a_network_whose_recipe_names_none_is_refused(monkeypatch):
    monkeypatch.setattr("train.ears.network.check_file", lambda *_: None)
    monkeypatch.setattr("train.ears.network._open_onnx", lambda *_: None)
    recipe, _ = locate(EAR)
    network = EarNetwork(recipe, recipe.folder / "README.md")
    with pytest.raises(DatasetError, match="names no maps"):
        network.maps(np.zeros(10, np.float32))
