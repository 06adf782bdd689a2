"""A distilled run as the student of another distillation, and as a model of transformers."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from export.methods import Variants  # noqa: E402
from export.onnx import export  # noqa: E402
from tests.support.corpora import inatsounds  # noqa: E402
from tests.support.published_models import write_student, write_teacher  # noqa: E402
from train.config import DistillConfig  # noqa: E402
from train.distill import distill  # noqa: E402
from train.distillation.plan import plan  # noqa: E402
from train.model.checkpoint import (  # noqa: E402
    META,
    WEIGHTS,
    load_checkpoint,
    model_id,
    save_checkpoint,
)
from train.model.student import WaveformStudent  # noqa: E402

WINDOW = 120_000


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A corpus, a teacher and a student, and the first run of it."""
    root = tmp_path_factory.mktemp("day")
    corpus = inatsounds(root / "inatsounds", {"train": 2, "val": 1})
    settings = {
        "data": f"inatsounds:{corpus}",
        "teacher": write_teacher(root / "teacher"),
        "student": write_student(root / "student"),
        "batch": 6,
        "steps": 2,
        "device": "cpu",
        "held_out": ("parus_major",),
    }

    def run(name, **changes):
        return distill(DistillConfig(**{**settings, "output": str(root / name), **changes}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.distill.CACHE", root / "cache")
        yield {"root": root, "run": run, "first": run("first")}


def embedded(folder):
    checkpoint = load_checkpoint(folder)
    student = WaveformStudent(checkpoint.frontend, checkpoint.student).eval()
    with torch.inference_mode():
        return student(torch.from_numpy(waveform()))


def waveform():
    return np.random.default_rng(0).normal(0, 0.1, (2, WINDOW)).astype(np.float32)


def test_without_a_step_it_hears_as_the_run_that_it_goes_on_from(day):
    again = day["run"]("again", student=str(day["first"]), steps=0)
    assert torch.equal(embedded(again), embedded(day["first"]))
    learned = day["run"]("learned", student=str(day["first"]), held_out=())
    assert not torch.equal(embedded(learned), embedded(day["first"]))


def test_it_is_begun_twice_and_stays_as_it_was(day):
    """It was measured, too: a CNN's statistics moved, and what was adapted was adapted again."""
    cnn = day["run"]("cnn", student="cnn:mobilenetv3_small_050", steps=0)
    again = day["run"]("cnn-again", student=str(cnn), steps=0)
    assert torch.equal(embedded(again), embedded(cnn))
    pytest.importorskip("peft")
    adapted = day["run"]("adapted", student=str(day["first"]), steps=0, lora_rank=2)
    assert torch.equal(embedded(adapted), embedded(day["first"]))


def test_its_species_licences_and_lineage_are_kept(day):
    first = day["first"]
    names = day["root"] / "names.txt"
    names.write_text("Cuculus canorus\nParus major\n")
    second = day["run"]("second", student=str(first), species=str(names), held_out=())
    third = load_checkpoint(day["run"]("third", student=str(second), steps=0, held_out=()))
    assert load_checkpoint(first).seen_species == ("cuculus_canorus", "strix_aluco")
    assert third.seen_species == ("cuculus_canorus", "parus_major", "strix_aluco")
    assert third.licences == ("CC-BY-NC",)
    assert [run["model_id"] for run in third.lineage] == [model_id(first), model_id(second)]
    assert third.origin == str(day["root"] / "student")
    manifest = export(second, day["root"] / "bundle", Variants(("fp32",)))
    assert [run["model_id"] for run in manifest.provenance["lineage"]] == [model_id(first)]
    assert manifest.student == third.origin


def test_a_species_that_the_run_has_heard_cant_be_held_out(day):
    with pytest.raises(DatasetError, match=r"has heard strix_aluco"):
        day["run"]("leaky", student=str(day["first"]), held_out=("strix_aluco",))


def test_another_teachers_space_is_refused_before_the_recordings_are_read(day):
    other = write_teacher(day["root"] / "other")
    config = json.loads((day["root"] / "other" / "open_clip_config.json").read_text())
    config["preprocess_cfg"]["mean"] = [0.1, 0.2, 0.3]
    (day["root"] / "other" / "open_clip_config.json").write_text(json.dumps(config))
    wrong = {"student": str(day["first"]), "teacher": other}
    data = f"inatsounds:{day['root'] / 'inatsounds'}"
    with pytest.raises(ConfigError, match=rf"teacher=local-dir:{day['root']}/teacher"):
        day["run"]("astray", **wrong, data=data)
    with pytest.raises(ConfigError, match="name the teacher that it learned from"):
        plan(DistillConfig(data=data, **wrong), day["root"] / "cache")


def test_its_projection_is_not_changed_by_a_setting(day):
    with pytest.raises(ConfigError, match="leave them out"):
        day["run"]("wider", student=str(day["first"]), projection_hidden=64)
    wide = day["run"]("wide", projection_hidden=48)
    on = load_checkpoint(day["run"]("wide-on", student=str(wide), freeze_tower=True))
    assert on.student.projection_hidden == 48


def test_what_heard_the_aviary_never_hears_real_birds(day):
    run = day["run"]("mixed", steps=0)
    meta = json.loads((run / META).read_text())
    (run / META).write_text(json.dumps({**meta, "synthetic": True}))
    with pytest.raises(DatasetError, match="never mixes"):
        day["run"]("mixed-on", student=str(run))


@pytest.mark.parametrize("hidden", [0, 32])
def test_transformers_makes_of_a_sound_what_we_make_of_it(day, hidden):
    from transformers import ClapAudioModelWithProjection, ClapFeatureExtractor

    run = day["run"](f"published-{hidden}", projection_hidden=hidden)
    extractor = ClapFeatureExtractor.from_pretrained(run)
    sounds = list(waveform())
    heard = extractor(sounds, sampling_rate=48_000, max_length=WINDOW, return_tensors="pt")
    model = ClapAudioModelWithProjection.from_pretrained(run).eval()
    with torch.inference_mode():
        found = model(input_features=heard.input_features.float()).audio_embeds
    found = torch.nn.functional.normalize(found, dim=-1)
    assert torch.allclose(found, embedded(run), atol=1e-4)


@pytest.mark.parametrize(
    "changes", [{}, {"projection_hidden": 48}, {"student": "cnn:mobilenetv3_small_050"}]
)
def test_transformers_draws_no_part_of_a_run_at_random(day, changes):
    """A whole ClapModel has a text side, which no run has; other students it has not at all."""
    from transformers import AutoModel, ClapAudioModelWithProjection, ClapModel

    run = day["run"]("refused", steps=0, **changes)
    kinds = [AutoModel, ClapModel, *([ClapAudioModelWithProjection] if changes else [])]
    for kind in kinds:
        with pytest.raises(Exception, match=r"none here|Unrecognized|birdlisten"):
            kind.from_pretrained(run)


def test_weights_by_their_former_names_are_still_read(day):
    from safetensors.torch import save_file

    run = day["run"]("former", steps=0)
    before = embedded(run)
    save_file(load_checkpoint(run).student.state_dict(), run / WEIGHTS)
    assert torch.equal(embedded(run), before)
    save_checkpoint(run, load_checkpoint(run))
    assert torch.equal(embedded(run), before)
