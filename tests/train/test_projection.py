"""A projection by the names that an ear's own layer tells."""

import pytest

torch = pytest.importorskip("torch")
import numpy as np  # noqa: E402

from edge.contract.errors import ConfigError  # noqa: E402
from export.onnx import export  # noqa: E402
from gallery.data.corpora import open_dataset  # noqa: E402
from train.config import DistillConfig  # noqa: E402
from train.distill import distill  # noqa: E402
from train.distillation.plan import plan  # noqa: E402
from train.model.checkpoint import load_checkpoint  # noqa: E402
from train.model.frontend import LogMelSpec  # noqa: E402
from train.model.inherited import INHERITED, InheritedTower  # noqa: E402
from train.model.opening import open_student  # noqa: E402
from train.model.projection import NamesProjection  # noqa: E402
from train.model.start import LabelLayer, StudentInit  # noqa: E402

HIDDEN = 12
CONFIG = {
    "model_type": INHERITED,
    "mel_bins": 64,
    "bins": 48,
    "stem": 4,
    "blocks": [[6, 12, 0, 2], [8, 16, 4, 2], [8, 16, 4, 1]],
    "hidden": HIDDEN,
}


@pytest.fixture(scope="module")
def species(world):
    return open_dataset(str(world.data)).taxonomy.ids


@pytest.fixture(scope="module")
def start(species, tmp_path_factory):
    """A tower that nobody has taught, and the layer of an ear that lacks the last species."""
    torch.manual_seed(0)
    labels = ("nothing-known", *reversed(species[:-1]))
    layer = torch.nn.Linear(HIDDEN, len(labels))
    tower = InheritedTower(CONFIG)
    with torch.no_grad():
        tower.scales.normal_()
    classifier = LabelLayer(labels, layer.weight.data, layer.bias.data)
    begun = StudentInit(CONFIG, LogMelSpec(), tower.state_dict(), classifier=classifier)
    folder = tmp_path_factory.mktemp("start")
    begun.save(folder)
    return folder


@pytest.fixture(scope="module")
def named(world, start, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.distill.CACHE", tmp_path_factory.mktemp("cache"))
        return distill(
            world.distillation(
                "named", student=str(start), projection_names=True, hint="birdnet", steps=0
            )
        )


def test_what_is_believed_lies_at_its_anchor_and_nothing_lies_at_none():
    torch.manual_seed(0)
    anchors = torch.nn.functional.normalize(torch.randn(5, 16), dim=1)
    projection = NamesProjection(5, 5, 16)
    projection.lay(20 * torch.eye(5), torch.full((5,), -10.0), anchors)
    believed = torch.cat([torch.eye(5), torch.zeros(1, 5)])
    found = torch.nn.functional.normalize(projection(believed), dim=1) @ anchors.T
    assert found[:5].argmax(dim=1).tolist() == [0, 1, 2, 3, 4]
    assert found[:5].diagonal().min() > 0.8
    assert found[5].abs().max() < 0.1


def test_a_layer_of_low_rank_tells_the_same_in_factors():
    torch.manual_seed(0)
    weight, bias = torch.randn(40, 3) @ torch.randn(3, 30), torch.randn(40)
    anchors = torch.nn.functional.normalize(torch.randn(40, 16), dim=1)
    whole, factored = NamesProjection(30, 40, 16), NamesProjection(30, 40, 16, rank=3)
    for projection in (whole, factored):
        projection.lay(weight, bias, anchors)
    heard = torch.randn(8, 30)
    assert torch.allclose(factored(heard), whole(heard), atol=1e-4)
    assert sum(part.numel() for part in factored.classifier.parameters()) == 3 * (30 + 40) + 40


def test_a_rank_that_saves_nothing_keeps_the_layer_whole(start, species):
    anchors = torch.nn.functional.normalize(torch.randn(len(species), 16), dim=1)
    begun, heard = open_student(str(start)), torch.randn(8, HIDDEN)
    few, many = (begun.naming_student(species, anchors, rank).project(heard) for rank in (1, 999))
    all_of_it = begun.naming_student(species, anchors).project(heard)
    assert torch.allclose(many, all_of_it, atol=1e-5)
    assert not torch.allclose(few, all_of_it, atol=1e-2)


def test_a_start_keeps_its_ears_layer(start, species):
    opened = open_student(str(start)).classifier
    assert opened.labels == ("nothing-known", *reversed(species[:-1]))
    assert opened.weight.shape == (len(opened.labels), HIDDEN)
    assert opened.bias.shape == (len(opened.labels),)


def test_no_step_leaves_the_student_as_it_begins(named, start, species):
    student = load_checkpoint(named).student
    begun = open_student(str(start))
    assert student.projection_names == len(species) - 1
    weights = student.state_dict()
    for name, weight in begun.weights.items():
        assert torch.equal(weights[f"tower.{name}"], weight)
    # A label's row is that of its species, whatever the order of both.
    rows = [begun.classifier.labels.index(name) for name in species[:-1]]
    assert torch.equal(weights["projection.classifier.weight"], begun.classifier.weight[rows])


def test_a_student_of_names_exports(named, tmp_path):
    # Export compares every precision with torch, and refuses what differs.
    manifest = export(named, tmp_path / "bundle")
    assert set(manifest.precisions) == {"fp32", "fp16", "int8"}


def test_its_plan_counts_the_names(world, start, tmp_path):
    config = world.distillation("plan", student=str(start), projection_names=True, steps=0)
    assert plan(config, tmp_path)["steps"].startswith("0,")


def test_names_need_an_ear(world, start, tmp_path):
    with pytest.raises(ConfigError, match="begins with no layer that tells names"):
        distill(
            world.distillation("none", student="cnn:mobilenetv3_small_050", projection_names=True)
        )
    begun = open_student(str(start))
    with pytest.raises(ConfigError, match="tells none"):
        begun.naming_student(("somebody-else",), torch.zeros(1, 8))


def test_fewer_than_no_steps_are_refused():
    with pytest.raises(ConfigError, match="steps: -1"):
        DistillConfig(steps=-1)


def test_silence_is_heard_without_a_fault():
    tower = InheritedTower(CONFIG).eval()
    with torch.inference_mode():
        found = tower(torch.full((1, 1, 251, 64), -100.0))
    assert np.isfinite(found.numpy()).all()
