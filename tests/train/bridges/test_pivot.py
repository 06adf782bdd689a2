"""The image pivot: its loss, its training, and what comes of it."""

import json
import subprocess
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from safetensors.torch import load_file  # noqa: E402

import gallery.build  # noqa: E402
import gallery.calibrate  # noqa: E402
from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from edge.contract.manifest import load_manifest  # noqa: E402
from export.methods import Variants  # noqa: E402
from export.onnx import export  # noqa: E402
from gallery.data.corpora import open_dataset  # noqa: E402
from gallery.teacher import load_teacher  # noqa: E402
from tests.support.corpora import inat21, inatsounds  # noqa: E402
from tests.support.published_models import write_teacher  # noqa: E402
from train.bridges import pivot  # noqa: E402
from train.bridges.clips import open_clips  # noqa: E402
from train.bridges.frames import FrameBank  # noqa: E402
from train.bridges.pairs import PairSet  # noqa: E402
from train.bridges.pictured import load_pictured  # noqa: E402
from train.bridges.pivot import CURVE, ImagePivot, bridge, drawn  # noqa: E402
from train.bridges.text_pairs import with_texts  # noqa: E402
from train.config.listing import documented, listing  # noqa: E402
from train.config.pivot import PivotConfig  # noqa: E402
from train.engine.ranks import ALONE  # noqa: E402
from train.engine.resume import KEPT, Snapshots  # noqa: E402
from train.measure.probe import before  # noqa: E402
from train.model.checkpoint import WEIGHTS, load_checkpoint  # noqa: E402
from train.model.frontend import LogMelSpec  # noqa: E402
from train.noise.build import BackgroundConfig, build  # noqa: E402

STEPS = 6


def unit(*shape: int, seed: int = 0) -> "torch.Tensor":
    rows = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(rows, dim=-1)


def literal(sounds: np.ndarray, rows: np.ndarray, scale: float, near: np.ndarray) -> float:
    """VIP-ANT's contrast, term by term: the sum of both ways, where others halve it."""
    total, count = 0.0, len(sounds)
    for b in range(count):
        own = np.exp(scale * sounds[b] @ rows[b])
        others = [k for k in range(count) if not near[b, k]]
        total -= np.log(own / sum(np.exp(scale * sounds[b] @ rows[k]) for k in others)) / count
        others = [k for k in range(count) if not near[k, b]]
        total -= np.log(own / sum(np.exp(scale * sounds[k] @ rows[b]) for k in others)) / count
    return total


class Echo(torch.nn.Linear):
    """A student to whom sounds are embeddings already."""

    tower = SimpleNamespace(depthwise=False)

    def forward(self, sounds):
        return sounds


@pytest.mark.parametrize("masked", [False, True])
def test_the_loss_is_the_contrasts_equation(masked):
    """Others of the same name are no negatives, and the nameless are like none."""
    sounds, rows, labels = unit(7, 5), unit(7, 5, seed=1), [0, 1, 0, 2, -1, -1, 0]
    batch = SimpleNamespace(log_mel=sounds, rows=rows[:, None], labels=torch.tensor(labels))
    pairs = SimpleNamespace(batch=lambda size: batch)
    config = PivotConfig(batch=7, mask_species=masked, bfloat16=False)
    near = np.array(
        [
            [masked and i != j and a == b >= 0 for j, b in enumerate(labels)]
            for i, a in enumerate(labels)
        ]
    )
    expected = literal(sounds.double().numpy(), rows.double().numpy(), 1 / 0.07, near)
    found = ImagePivot(Echo(1, 1), pairs, config, ALONE).loss().detach()
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_every_row_of_a_sound_is_as_likely():
    rows = torch.arange(4.0).reshape(1, 4, 1).expand(4000, 4, 1)
    found = drawn(rows, torch.rand(4000, generator=torch.Generator().manual_seed(0)))
    counts = torch.bincount(found[:, 0].long(), minlength=4)
    assert counts.min() > 900
    assert torch.equal(drawn(rows[:2], torch.tensor([0.0, 0.9999]))[:, 0], torch.tensor([0.0, 3.0]))


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """Recordings, pictures of the same species, and a teacher whose image tower is a ViT."""
    root = tmp_path_factory.mktemp("corpora")
    inatsounds(root / "sounds", {"train": 4, "test": 2})
    inat21(root / "pictures", {"train": 3})
    write_teacher(root / "teacher")
    return root


@pytest.fixture(autouse=True)
def _own_cache(corpora, monkeypatch):
    """`runs/cache` away from the user's own, for child processes too."""
    monkeypatch.chdir(corpora)


def settings(corpora: Path, output: Path, **changes: object) -> PivotConfig:
    return PivotConfig(
        **{
            "data": f"recordings:inatsounds:{corpora / 'sounds'}",
            "pictures": f"inat21:{corpora / 'pictures'}",
            "teacher": f"local-dir:{corpora / 'teacher'}",
            "student": f"vit:local-dir:{corpora / 'teacher'}",
            "output": str(output),
            "frames": 2,
            "window_s": 2.5,
            "frame_hop_samples": 1920,
            "steps": STEPS,
            "batch": 8,
            "warmup": 2,
            "bfloat16": False,
            "device": "cpu",
            **changes,
        }
    )


@pytest.fixture(scope="module")
def whole(corpora):
    """A training without a break, and its curve."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(corpora)
        return bridge(settings(corpora, corpora / "whole", text_pairs=(0, 4, 8), text_steps=3))


def losses(output: Path) -> list[float]:
    lines = (output / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def test_a_pivot_is_a_run_like_any_other(whole):
    run = load_checkpoint(whole)
    assert run.student.audio_config["model_type"] == "spectrogram_vit"
    assert len(run.seen_species) == len(run.taxonomy)
    assert not run.synthetic
    assert len(losses(whole)) == STEPS


def test_the_tower_before_has_the_patches_of_the_one_that_learned(whole):
    run = load_checkpoint(whole)
    assert before(run).tower.state_dict().keys() == run.student.tower.state_dict().keys()
    assert before(run).audio_config == run.student.audio_config


def test_the_curve_has_a_point_for_each_count_of_pairs(whole):
    curve = json.loads((whole / CURVE).read_text())
    assert [point["pairs"] for point in curve] == [0, 4, 8]
    first = curve[0]["figures"][0]
    assert first["prompt"] == "the sound of {}"
    assert first["chance"] == pytest.approx(1 / first["answers"])
    assert {figure["group"] for point in curve for figure in point["figures"]} == {"all", "seen"}


def test_fine_tuning_goes_on_from_the_pivot_and_says_so(whole):
    tuned = load_checkpoint(whole / "text-4")
    assert tuned.lineage[-1]["config"]["student"].startswith("vit:")
    assert tuned.config["student"] == str(whole)
    assert len(tuned.seen_species) == len(load_checkpoint(whole).seen_species)


def test_no_text_is_looked_at_before_the_pairs(corpora, whole, tmp_path, monkeypatch):
    """Another prompt, and anchors of other names: the same weights."""

    def others(teacher, taxonomy, cache):
        return unit(5, len(taxonomy), 32, seed=9).numpy()

    monkeypatch.setattr("train.bridges.training.cached_anchors", others)
    other = bridge(settings(corpora, tmp_path / "other", prompt="a recording of {}"))
    assert (other / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()


class _Killed(Exception):
    pass


def test_a_killed_training_goes_on_exactly(corpora, whole, tmp_path, monkeypatch):
    config = settings(corpora, tmp_path / "broken", snapshot_every=2)
    keep, kept = Snapshots.keep, []

    def keep_and_die(self, training):
        keep(self, training)
        kept.append(training.step)
        if len(kept) == 2:
            raise _Killed

    monkeypatch.setattr(Snapshots, "keep", keep_and_die)
    with pytest.raises(_Killed):
        bridge(config)
    assert (tmp_path / "broken" / KEPT).is_file()
    found = bridge(config)
    assert kept == [2, 4, 6]
    assert losses(found) == losses(whole)
    assert (found / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()


def test_a_finished_stage_is_not_trained_again(corpora, tmp_path, monkeypatch):
    config = settings(corpora, tmp_path / "stages", snapshot_every=5, steps=2)
    first = (bridge(config) / WEIGHTS).read_bytes()
    taught = []
    teach = pivot.teach
    monkeypatch.setattr(pivot, "teach", lambda *args: taught.append(args[-1]) or teach(*args))
    output = bridge(replace(config, text_pairs=(4,), text_steps=1))
    assert taught == ["4 pairs"]
    assert (output / WEIGHTS).read_bytes() == first
    anew = replace(config, learning_rate=5e-4)
    bridge(anew)
    assert taught == ["4 pairs", "image pivot"]
    bridge(replace(anew, text_pairs=(4,), text_steps=1))
    assert taught == ["4 pairs", "image pivot", "4 pairs"]


def test_a_stage_of_another_start_is_trained_though_that_went_on_from_nothing(corpora, tmp_path):
    config = settings(corpora, tmp_path / "one", snapshot_every=5, steps=1)
    run = bridge(replace(config, output=str(tmp_path / "before")))
    first = (bridge(config) / WEIGHTS).read_bytes()
    assert load_checkpoint(tmp_path / "one").lineage == ()
    assert (bridge(replace(config, student=str(run))) / WEIGHTS).read_bytes() != first


def test_the_curve_counts_the_pairs_that_there_are(corpora, tmp_path):
    output = bridge(settings(corpora, tmp_path / "few", steps=1, text_pairs=(500,), text_steps=1))
    (point,) = json.loads((output / CURVE).read_text())
    assert 0 < point["pairs"] < 500


def test_two_ranks_learn_as_one(corpora, whole, tmp_path):
    config = settings(corpora, tmp_path / "two")
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m")
    told = [f"{key}={json.dumps(value)}" for key, value in asdict(config).items()]
    command = [sys.executable, *torchrun, "train.bridges", "pivot", *told]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = tmp_path / "two"
    assert losses(found) == pytest.approx(losses(whole), rel=1e-5)
    weights, others = load_file(whole / WEIGHTS), load_file(found / WEIGHTS)
    # A softmax doesn't feel its keys' bias: its gradient is noise, of which Adam makes steps.
    for name in [name for name in weights if not name.endswith("in_proj_bias")]:
        assert torch.allclose(weights[name], others[name], atol=2e-3), name


def some_pairs(captions: dict[int, tuple[str, ...]], clips) -> PairSet:
    named = [
        replace(clip, captions=captions.get(place, ())) for place, clip in enumerate(clips.clips)
    ]
    rows = unit(len(named), 2, 8).numpy()
    return PairSet(
        clips=tuple(named),
        bank=FrameBank(rows=rows, times_s=np.zeros(rows.shape[:2], np.float32)),
        log_mels=[torch.full((3, 2), float(place)) for place in range(len(named))],
        taxonomy=clips.taxonomy,
        spec=None,
    )


def test_each_sound_has_pictures_of_its_species_in_turns_and_the_nameless_are_left_out(corpora):
    clips = open_clips(f"recordings:inatsounds:{corpora / 'sounds'}")
    first, *others = clips.clips
    silent = replace(clips, clips=(replace(first, species=()), *others))
    pictures = open_dataset(f"inat21:{corpora / 'pictures'}")
    items = tuple(replace(item, licence="of pictures") for item in pictures.items)
    pictures = replace(pictures, items=items)
    teacher = load_teacher(f"local-dir:{corpora / 'teacher'}")
    found = load_pictured(
        silent,
        "train",
        spec=LogMelSpec(hop_samples=1920),
        teacher=teacher,
        frames=2,
        cache=corpora / "runs" / "cache",
        pictures=pictures,
    )
    assert len(found.clips) == len(clips.select("train")) - 1
    assert found.licences == ("CC-BY-NC", "of pictures")
    own = [picture for picture in pictures.items if picture.species_id == found.clips[-1].label]
    _, expected = teacher.embed_pictures(own)
    for clip, rows in zip(found.clips, found.bank.rows, strict=True):
        if clip.label == found.clips[-1].label:
            assert (rows @ expected.T).max(axis=1) == pytest.approx([1, 1], abs=1e-3)
            assert not np.allclose(rows[0], rows[1])


class _Letters:
    """Stands for a teacher: a text is the direction of its length."""

    def embed_texts(self, texts):
        return np.stack([np.eye(99, dtype=np.float32)[len(text)] for text in texts])


def test_texts_are_captions_or_else_a_name_and_few_pairs_are_among_many(corpora):
    clips = open_clips(f"recordings:inatsounds:{corpora / 'sounds'}")
    pairs = some_pairs({0: ("a", "bb", "ccc")}, clips)
    many = with_texts(pairs, 99, teacher=_Letters(), prompt="the {}")
    assert many.bank.rows[0].argmax(axis=1).tolist() == [1, 2, 3]
    name = clips.taxonomy.by_id()[clips.clips[1].label].common_name
    assert many.bank.rows[1].argmax(axis=1).tolist() == [4 + len(name)] * 3
    few = with_texts(pairs, 3, teacher=_Letters(), prompt="the {}")
    more = with_texts(pairs, 5, teacher=_Letters(), prompt="the {}")
    assert {clip.path for clip in few.clips} < {clip.path for clip in more.clips}
    assert len(few.log_mels) == 3


def test_clips_that_nothing_was_said_of_make_no_pair(corpora):
    clips = open_clips(f"recordings:inatsounds:{corpora / 'sounds'}")
    pairs = some_pairs({}, clips)
    mute = replace(pairs, clips=tuple(replace(clip, species=()) for clip in pairs.clips))
    with pytest.raises(DatasetError, match="no clip has a caption or a species"):
        with_texts(mute, 3, teacher=_Letters(), prompt="the {}")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"text_pairs": ("many",)}, r"text_pairs: 'many' is no count"),
        ({"prompt": "a bird"}, r"prompt: 'a bird' lacks \{\}"),
        ({"stride_bins": -1}, "stride_bins: -1 is below 0"),
    ],
)
def test_settings_that_cant_be_are_refused(corpora, changes, told):
    with pytest.raises(ConfigError, match=told):
        settings(corpora, corpora / "never", **changes)


def test_every_setting_says_in_a_line_what_it_does():
    told = documented(PivotConfig)
    assert [field.name for field in fields(PivotConfig) if len(told.get(field.name, "")) < 8] == []
    assert "text_pairs= " in listing(PivotConfig)


def test_a_curve_without_test_clips_is_refused_before_the_training(corpora, tmp_path):
    folder = inatsounds(tmp_path / "sounds", {"train": 2})
    config = settings(
        corpora, tmp_path / "never", data=f"recordings:inatsounds:{folder}", text_pairs=(0,)
    )
    with pytest.raises(DatasetError, match="in split 'test'"):
        bridge(config)
    assert not (tmp_path / "never").exists()


def test_a_pivot_exports_and_the_listener_hears_with_it(whole, corpora, tmp_path, birdlisten):
    build(BackgroundConfig(hours=0.02, length_s=2.0), tmp_path / "noise")
    bundle, sounds = tmp_path / "bundle", f"inatsounds:{corpora / 'sounds'}"
    export(whole, bundle, Variants(recordings=sounds))
    assert load_manifest(bundle).precisions == ("fp32", "fp16", "int8")
    found = load_manifest(bundle).provenance["parity"]["fp32"]
    assert found["least_cosine_on_signals"] >= 0.9999
    assert found["least_cosine_on_recordings"] >= 0.9999
    pictures = ["--pictures", f"inat21:{corpora / 'pictures'}"]
    assert gallery.build.main([str(bundle), *pictures]) == 0
    asked = ["--recordings", sounds, "--split", "test", "--background", str(tmp_path / "noise")]
    assert gallery.calibrate.main([str(bundle), "--fuse", *asked]) == 0
    sound = next((corpora / "sounds").rglob("*.wav"))
    ended = birdlisten("identify", "--bundle", bundle, "--json", sound)
    assert ended.code == 0
    line = ended.out.splitlines()[-1]
    names = {species.scientific_name for species in load_checkpoint(whole).taxonomy.species}
    assert {top["scientific_name"] for top in json.loads(line)["top"]} <= names
