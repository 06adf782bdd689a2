"""Students that are no CLAP, and how much of the objective a tower hears of."""

import pytest

torch = pytest.importorskip("torch")
from torch.nn.modules.batchnorm import _BatchNorm  # noqa: E402
from transformers import ClapAudioConfig  # noqa: E402

from edge.contract.errors import DatasetError  # noqa: E402
from edge.contract.manifest import load_manifest  # noqa: E402
from export.onnx import export  # noqa: E402
from train.distill import distill  # noqa: E402
from train.distillation.step import ease  # noqa: E402
from train.evaluate import evaluate  # noqa: E402
from train.model.checkpoint import load_checkpoint  # noqa: E402
from train.model.opening import open_student  # noqa: E402
from train.model.towers import ClapTower  # noqa: E402

CNN = "cnn:mobilenetv3_small_050"


@pytest.fixture(scope="module")
def lite(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.distill.CACHE", folder)
        return distill(
            world.distillation("lite", student=CNN, projection_hidden=16, steps=8, pull=0)
        )


def test_a_cnn_distils_and_survives_the_disk(lite):
    checkpoint = load_checkpoint(lite)
    assert checkpoint.student.audio_config["name"] == "mobilenetv3_small_050"
    log_mel = torch.randn(2, 1, 251, 64)
    with torch.inference_mode():
        first, again = (load_checkpoint(lite).student(log_mel) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.allclose(first.norm(dim=1), torch.ones(2), atol=1e-5)


def test_a_cnn_exports_and_keeps_its_front_end_in_full_precision(lite, tmp_path):
    # Export compares every precision with torch, and refuses what differs.
    export(lite, tmp_path / "bundle")
    assert load_manifest(tmp_path / "bundle").precisions == ("fp32", "fp16", "int8")


def test_a_cnn_has_no_text_space_to_compare_with(lite, world, monkeypatch, tmp_path):
    monkeypatch.setattr("train.evaluate.CACHE", tmp_path)
    report = evaluate(lite, str(world.data), "test").report
    assert {row["method"] for row in report["rows"]} == {"distilled", "chance"}


def test_an_unknown_cnn_is_named():
    with pytest.raises(DatasetError, match="mobilenet_of_mine"):
        open_student("cnn:mobilenet_of_mine")


def test_only_a_share_of_the_gradient_reaches_the_tower():
    features = torch.tensor([2.0, -1.0], requires_grad=True)
    eased = ease(features, 0.25)
    assert torch.equal(eased, features)
    eased.sum().backward()
    assert features.grad.tolist() == [0.25, 0.25]


@pytest.mark.parametrize("shared", [False, True])
def test_the_statistics_of_a_clap_stay_frozen_after_a_validation(shared):
    """Several GPUs make SyncBatchNorm of BatchNorm2d, which is none of its subclasses."""
    tower = ClapTower(ClapAudioConfig(spec_size=32, depths=[1], num_attention_heads=[1]))
    if shared:
        tower = torch.nn.SyncBatchNorm.convert_sync_batchnorm(tower)
    tower.train().eval().train()
    norms = [one for one in tower.modules() if isinstance(one, _BatchNorm)]
    assert [one.training for one in norms] == [False]
    assert tower.training
