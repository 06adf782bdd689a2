"""The published models: what they must be, and the files that their training code leaves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import open_clip  # noqa: E402
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import ClapConfig, ClapFeatureExtractor  # noqa: E402

from edge.contract.errors import DatasetError  # noqa: E402
from gallery.known import KNOWN, check_known  # noqa: E402
from gallery.teacher import facts, load_teacher  # noqa: E402
from tests.support import ROOT  # noqa: E402
from train.config import load_config  # noqa: E402
from train.distill import DistillConfig  # noqa: E402
from train.model.clap import clap_facts  # noqa: E402

PAPER = load_config(DistillConfig, ROOT / "train/configs/paper.yaml", [])


def test_the_papers_models_are_known():
    assert {PAPER.student, PAPER.teacher} == set(KNOWN)


def extractor(**changes: object) -> ClapFeatureExtractor:
    published = {"frequency_min": 50, "frequency_max": 14_000, "truncation": "rand_trunc"}
    return ClapFeatureExtractor(**{**published, **changes})


def test_the_unfused_htsat_tiny_passes_as_biolingual(caplog):
    check_known(PAPER.student, clap_facts(ClapConfig(), extractor()))
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frequency_min": 0}, "frequency_min is 0 instead of 50"),
        ({"sampling_rate": 44_100}, "sampling_rate is 44100 instead of 48000"),
    ],
)
def test_another_front_end_is_told_of_and_taken_at_its_word(change, message, caplog):
    check_known(PAPER.student, clap_facts(ClapConfig(), extractor(**change)))
    assert message in caplog.text
    assert "never compared with the hub's own files" in caplog.text


def test_a_fusion_clap_cant_work_and_is_refused():
    with pytest.raises(DatasetError, match="truncation is 'fusion' instead of 'rand_trunc'"):
        check_known(PAPER.student, clap_facts(ClapConfig(), extractor(truncation="fusion")))


def test_vit_l_14_passes_as_bioclip_2(caplog):
    config = open_clip.get_model_config("ViT-L-14")
    side = config["vision_cfg"]["image_size"]
    found = {
        "dim": config["embed_dim"],
        "size": (side, side),
        "mean": OPENAI_DATASET_MEAN,
        "std": OPENAI_DATASET_STD,
    }
    check_known(PAPER.teacher, found)
    assert caplog.text == ""


def test_a_small_teacher_is_told_of(world, caplog):
    check_known(PAPER.teacher, facts(load_teacher(world.teacher).model))
    assert "dim is 32 instead of 768; size is" in caplog.text


def test_an_impostor_in_the_hub_cache_is_told_of(world, tmp_path):
    """Offline, from the cache's own layout, as on a cluster without a network."""
    cached = tmp_path / "hub" / "models--davidrrobinson--BioLingual"
    shutil.copytree(world.student, cached / "snapshots" / "0123456789")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("0123456789")
    settings = [f"data={world.data}", f"teacher={world.teacher}", f"student={PAPER.student}"]
    done = subprocess.run(
        [sys.executable, "-m", "train.distill", "--dry-run", *settings],
        cwd=ROOT,
        env={**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0
    assert "projection_dim is 32 instead of 512" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def fork(world, tmp_path):
    """A folder whose weights are a checkpoint of BioCLIP-2's own training code."""
    folder = Path(shutil.copytree(world.teacher.removeprefix("local-dir:"), tmp_path / "fork"))
    plain = next(folder.glob("*.safetensors"))
    weights = load_file(plain)
    plain.unlink()
    weights["visual.continual_proj"] = torch.zeros(4, 32)
    state = {f"module.{name}": weight for name, weight in weights.items()}
    content = {"epoch": 30, "name": "bioclip-2", "state_dict": state, "optimizer": {"state": {}}}
    torch.save(content, folder / "open_clip_pytorch_model.bin")
    return folder


def test_a_checkpoint_of_bioclip_2s_own_code_is_the_same_teacher(world, fork):
    original, found = load_teacher(world.teacher), load_teacher(f"local-dir:{fork}")
    assert found.space_id == original.space_id
    texts = ["a photo of Parus major."]
    assert np.array_equal(found.embed_texts(texts), original.embed_texts(texts))


def test_any_other_key_that_is_too_many_or_missing_is_refused(fork):
    file = fork / "open_clip_pytorch_model.bin"
    content = torch.load(file, weights_only=True)
    lost = content["state_dict"].pop("module.logit_scale")
    torch.save(content, file)
    with pytest.raises(DatasetError, match=r"missing.*logit_scale"):
        load_teacher(f"local-dir:{fork}")
    content["state_dict"] |= {"module.logit_scale": lost, "module.visual.odd": lost}
    torch.save(content, file)
    with pytest.raises(DatasetError, match=r"unexpected.*visual\.odd"):
        load_teacher(f"local-dir:{fork}")


def test_a_folder_without_weights_names_the_files(fork):
    (fork / "open_clip_pytorch_model.bin").unlink()
    with pytest.raises(DatasetError, match=r"open_clip_model\.safetensors"):
        load_teacher(f"local-dir:{fork}")
