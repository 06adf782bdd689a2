import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
from transformers import ClapAudioConfig, ClapModel, ClapProcessor  # noqa: E402

from edge.contract.errors import ConfigError  # noqa: E402
from gallery.data.dataset import read_dataset  # noqa: E402
from tests.support import ROOT  # noqa: E402
from train.config import PretrainConfig, load_config  # noqa: E402
from train.config.agreement import AgreementConfig  # noqa: E402
from train.config.joint import JointConfig  # noqa: E402
from train.config.localisation import LocaliseConfig  # noqa: E402
from train.config.pivot import PivotConfig  # noqa: E402
from train.distill import DistillConfig  # noqa: E402
from train.model.clap import load_clap  # noqa: E402
from train.model.frontend import LogMelSpec  # noqa: E402
from train.model.opening import open_student  # noqa: E402
from train.model.student import Student  # noqa: E402
from train.pretrain import main  # noqa: E402
from train.runs import synthetic_name  # noqa: E402

CONFIGS = ROOT / "train" / "configs"


def test_the_student_is_a_plain_transformers_clap(world):
    model = ClapModel.from_pretrained(world.student)
    processor = ClapProcessor.from_pretrained(world.student)
    audio = torch.randn(48_000).numpy()
    # The extractor computes its length from max_length_s, which is a whole number of seconds there.
    embedded = processor.feature_extractor(
        audio, sampling_rate=48_000, max_length=120_000, return_tensors="pt"
    )
    assert embedded["input_features"].shape == (1, 1, 251, 64)
    read = processor.tokenizer(["The sound of a Great Tit."], return_tensors="pt")
    with torch.inference_mode():
        assert torch.isfinite(model(**embedded, **read).logits_per_audio).all()


def test_its_tokenizer_keeps_every_caption_apart(world):
    _, processor = load_clap(world.student)
    texts = [f"The sound of a {name}." for name in ("Great Tit", "Tawny Owl", "Common Cuckoo")]
    rows = processor.tokenizer(texts)["input_ids"]
    assert len({tuple(row) for row in rows}) == 3
    unknown = processor.tokenizer.unk_token_id
    assert not any(unknown in row for row in rows)
    assert processor.tokenizer.decode(rows[0], skip_special_tokens=True) == texts[0]


def test_the_student_takes_over_the_tower_unchanged(world):
    clap, _ = load_clap(world.student)
    student = open_student(world.student).student(32)
    log_mel = torch.randn(2, 1, 251, 64)
    with torch.inference_mode():
        student.train(False)
        expected = clap.audio_model(input_features=log_mel).pooler_output
        found = student.tower(log_mel)
    assert torch.equal(found, expected)


def test_batch_norm_keeps_its_statistics_while_the_student_learns(world):
    student = open_student(world.student).student(32).train()
    norm = student.tower.audio_encoder.batch_norm
    before = norm.running_mean.clone()
    student(torch.randn(2, 1, 251, 64) * 50)
    assert torch.equal(norm.running_mean, before)


def test_the_real_towers_shape_fits_the_real_teachers_space():
    student = Student(ClapAudioConfig().to_dict(), 768).eval()
    assert sum(parameter.numel() for parameter in student.tower.parameters()) > 27_000_000
    with torch.inference_mode():
        embedding = student(torch.randn(1, 1, 1001, 64))
    assert embedding.shape == (1, 768)
    assert float(embedding.norm()) == pytest.approx(1, abs=1e-5)


def test_the_front_end_is_read_from_the_models_own_file(world):
    _, processor = load_clap(world.student)
    assert LogMelSpec.from_extractor(processor.feature_extractor) == LogMelSpec()
    written = json.loads((Path(world.student) / "processor_config.json").read_text())
    assert written["feature_extractor"]["frequency_min"] == 50


def test_whatever_is_trained_on_the_aviary_says_so(world, tmp_path):
    dataset = read_dataset(world.data)
    assert synthetic_name(tmp_path / "mine", dataset).name == "mine-aviary"
    renamed = tmp_path / "birds"
    renamed.symlink_to(world.data)
    assert "aviary" in read_dataset(renamed).name


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_shipped_config_is_valid(file):
    kind = kind_of(file.stem)
    assert isinstance(load_config(kind, file, []), kind)


def kind_of(name):
    """Whose settings a file of train/configs holds."""
    agreement = ("random", "nearest", "multiframe")
    kinds = {
        ("pretrain",): PretrainConfig,
        ("bridge-text", "bridge-joint", "bridge-birds-text", "bridge-birds-joint"): JointConfig,
        ("bridge-pivot", "bridge-birds-pivot"): PivotConfig,
        ("bridge-localise",): LocaliseConfig,
        tuple(f"bridge-{match}" for match in agreement): AgreementConfig,
    }
    found = [kind for beginnings, kind in kinds.items() if name.startswith(beginnings)]
    return found[0] if found else DistillConfig


def test_the_papers_config_names_the_real_models():
    config = load_config(DistillConfig, CONFIGS / "paper.yaml", [])
    assert config.teacher == "hf-hub:imageomics/bioclip-2"
    assert config.student == "davidrrobinson/BioLingual"
    assert (config.window_s, config.loss) == (10.0, "info_nce")


def test_a_tower_is_as_wide_as_whole_heads():
    with pytest.raises(ConfigError, match="image_width: 100 is no multiple of 32"):
        load_config(PretrainConfig, None, ["image_layers=2", "image_width=100", "image_patch=16"])


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "[]\n"])
def test_a_file_without_settings_is_no_configuration(tmp_path, content):
    (tmp_path / "run.yaml").write_text(content)
    with pytest.raises(ConfigError, match="lines"):
        load_config(DistillConfig, tmp_path / "run.yaml", [])


def test_settings_are_read_by_their_former_names(tmp_path):
    former = "background: 0.1\nbackgrounds: more\nbig: RUN\nbig_weight: 3.0\nkeep_every: 5\n"
    (tmp_path / "run.yaml").write_text(former + "loss: kin_softmax\n")
    config = load_config(DistillConfig, tmp_path / "run.yaml", ["keep_every=7"])
    assert (config.background_prob, config.extra_backgrounds) == (0.1, "more")
    assert (config.large_student, config.large_student_weight) == ("RUN", 3.0)
    assert (config.snapshot_every, config.loss) == (7, "hierarchical_softmax")


@pytest.mark.parametrize("only", ["backbone", "imitator"])
def test_the_backbone_is_asked_for_by_either_name(world, capsys, only):
    """Without a hint it is refused, in one line."""
    assert main(["--only", only, f"data={world.data}", f"output={world.root}/none-aviary"]) == 2
    assert "hint" in capsys.readouterr().err
