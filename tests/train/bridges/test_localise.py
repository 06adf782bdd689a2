"""Localisation by sound: it learns, goes on exactly, is shared, exports and listens."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("av")
import soundfile  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from edge.recognition.runtime import RuntimeOptions, open_session  # noqa: E402
from export.graph import traced  # noqa: E402
from export.methods import Variants  # noqa: E402
from export.onnx import export  # noqa: E402
from gallery.build import build  # noqa: E402
from gallery.teacher import load_teacher  # noqa: E402
from tests.support.sounding_squares import (  # noqa: E402
    SIDE,
    SPECIES,
    make_annotated,
    make_clips,
    make_pictures,
    make_student,
    make_teacher,
)
from train.bridges import localise as module  # noqa: E402
from train.bridges.__main__ import main  # noqa: E402
from train.bridges.annotated import annotated_maps, judge_annotated  # noqa: E402
from train.bridges.annotations import read_annotated  # noqa: E402
from train.bridges.image_student import META as IMAGE_META  # noqa: E402
from train.bridges.image_student import WEIGHTS as IMAGE_WEIGHTS  # noqa: E402
from train.bridges.image_student import load_image_student  # noqa: E402
from train.bridges.localisation import check_scene, judge_run, open_scene  # noqa: E402
from train.bridges.localisation_losses import max_over_places  # noqa: E402
from train.bridges.localise import localise  # noqa: E402
from train.bridges.localiser import Localiser, load_localiser  # noqa: E402
from train.bridges.pairs import chosen_frames, frames_inside  # noqa: E402
from train.bridges.place_retrieval import place_retrieval  # noqa: E402
from train.bridges.teachers import write_features  # noqa: E402
from train.bridges.training import prepare  # noqa: E402
from train.config.localisation import LocaliseConfig  # noqa: E402
from train.engine.ranks import Ranks  # noqa: E402
from train.engine.resume import KEPT  # noqa: E402
from train.model.checkpoint import WEIGHTS, load_checkpoint  # noqa: E402
from train.model.frontend import LogMel  # noqa: E402

STEPS, FRAMES = 6, 4


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    root = tmp_path_factory.mktemp("squares")
    random = np.random.default_rng(0)
    clips = make_clips(root / "clips")
    for film in sorted(clips.glob("train/*/*.mp4"))[:-1]:
        write_features(root / "heard", film.stem, random.normal(size=24).astype(np.float32))
        maps = random.random((FRAMES, 5, 5)).astype(np.float32)
        write_features(root / "seen", film.stem, maps)
    make_student(root / "student")
    make_teacher(root / "teacher")
    return root


@pytest.fixture(autouse=True)
def _own_cache(squares, monkeypatch):
    """`runs/cache` away from the user's own, for child processes too."""
    monkeypatch.chdir(squares)


def config(root, name, **changes):
    settings = {
        "data": f"videos:{root / 'clips'}",
        "teacher": f"local-dir:{root / 'teacher'}",
        "student": str(root / "student"),
        "output": str(root / name),
        "frames": FRAMES,
        "window_s": 1.0,
        "steps": STEPS,
        "batch": 6,
        "warmup": 2,
        "device": "cpu",
        "bfloat16": False,
        "audio_teacher": str(root / "heard"),
        "vision_teacher": str(root / "seen"),
        "audio_weight": 10.0,
        "vision_weight": 100.0,
    }
    return LocaliseConfig(**{**settings, **changes})


def told(folder, name="loss"):
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [line[name] for line in lines if name in line]


def arguments(settings):
    return [f"{key}={json.dumps(value)}" for key, value in asdict(settings).items()]


def test_it_learns_and_both_students_are_saved(squares):
    folder = localise(config(squares, "learns", steps=60, validate_every=20, space_weight=1.0))
    values = told(folder)
    assert np.mean(values[-5:]) < np.mean(values[:5])
    assert len(told(folder, "validation_MRR")) == 3
    run, image_student = load_checkpoint(folder), load_image_student(folder)
    assert run.dim == image_student.config.dim == 16
    assert run.config["audio_weight"] == 10.0
    assert run.space_id == json.loads((folder / "image_student.json").read_text())["space_id"]


def test_it_goes_on_exactly_where_it_was_killed(squares, monkeypatch):
    settings = config(squares, "whole", snapshot_every=2)
    whole, broken = localise(settings), replace(settings, output=str(squares / "broken"))
    drawn, real = [], module.Localisation.loss

    def dying(objective):
        drawn.append(1)
        if len(drawn) == 5:
            raise KeyboardInterrupt
        return real(objective)

    with monkeypatch.context() as patch:
        patch.setattr(module.Localisation, "loss", dying)
        with pytest.raises(KeyboardInterrupt):
            localise(broken)
    assert (squares / "broken" / KEPT).is_file()
    other = localise(broken)
    assert told(other) == told(whole)
    for name in (WEIGHTS, IMAGE_WEIGHTS):
        assert (other / name).read_bytes() == (whole / name).read_bytes()


def test_what_was_killed_between_its_two_students_is_no_run(squares, monkeypatch):
    """Neither the older run's pair, nor a new student beside an old one."""
    settings = config(squares, "between", steps=2, snapshot_every=1)
    localise(settings)
    other = replace(settings, seed=1)

    def dying(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("train.bridges.training.save_checkpoint", dying)
        with pytest.raises(KeyboardInterrupt):
            localise(other)
    folder = squares / "between"
    with pytest.raises(DatasetError, match="no checkpoint here"):
        load_localiser(folder)
    localise(other)
    whole = localise(replace(other, output=str(squares / "other-seed")))
    assert (folder / IMAGE_WEIGHTS).read_bytes() == (whole / IMAGE_WEIGHTS).read_bytes()
    meta = json.loads((folder / IMAGE_META).read_text())
    (folder / IMAGE_META).write_text(json.dumps({**meta, "space_id": "f" * 64}))
    with pytest.raises(DatasetError, match="its image student is of the space ffffffffffff"):
        load_localiser(folder)


def test_ranks_share_the_first_ones_score_and_end_together():
    """The second has another score of its own, and would go on where the first one ends."""

    class Second(Ranks):
        def from_first(self, thing):
            assert thing is None
            return 0.25

    pairs = SimpleNamespace(clips=(1,), bank=SimpleNamespace(times_s=np.zeros((1, 4))))
    assert place_retrieval(None, pairs, None, Second(1, 2))() == 0.25


def test_two_ranks_learn_as_one_and_choose_the_same_weights(squares):
    settings = config(squares, "one", validate_every=2)
    expected = localise(settings)
    shared = replace(settings, output=str(squares / "two"))
    torchrun = ("torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m")
    command = [sys.executable, "-m", *torchrun, "train.bridges", "localise", *arguments(shared)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = Path(shared.output)
    assert told(found) == pytest.approx(told(expected), rel=1e-5)
    chosen = told(expected, "validation_MRR")
    assert len(chosen) == 3
    assert told(found, "validation_MRR") == pytest.approx(chosen, rel=1e-3)
    for name in (WEIGHTS, IMAGE_WEIGHTS):
        weights, others = load_file(expected / name), load_file(found / name)
        # A softmax doesn't feel its keys' bias: its gradient is noise, of which Adam makes steps.
        for key in [key for key in weights if not key.endswith(("key.bias", "in_proj_bias"))]:
            assert torch.allclose(weights[key], others[key], atol=2e-3), key


def test_without_teachers_and_free_of_the_space_it_is_ez_vsl(squares):
    plain = {"audio_teacher": "", "vision_teacher": "", "space_weight": 0.0, "steps": 2}
    settings = config(squares, "plain", **plain)
    parts = module.make_ready(settings, prepare(settings, "localise"))
    objective = module.Localisation(parts, settings)
    assert len(objective.modules) == 2
    twin = module.Localisation(parts, settings)
    batch = twin._sampler.batch(6)
    chance, mirror = torch.rand(2, 6, generator=twin._frames)
    moments = chosen_frames(frames_inside(batch, settings.window_s), chance)
    with torch.no_grad():
        places = twin._look(batch.clips, moments, mirror < settings.flip)
        expected = max_over_places(places, parts.student(batch.log_mel), 0.03)
        assert float(objective.loss()) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"audio_teacher": "nowhere"}, "no such folder of a teacher"),
        ({"vision_teacher": "heard"}, "expected 2 dimensions"),
        ({"frames": 3}, r"holds \(4, 5, 5\)"),
    ],
)
def test_teachers_that_dont_fit_are_refused(squares, monkeypatch, changes, problem):
    if "audio_teacher" in changes:  # at once
        monkeypatch.setattr(module, "prepare", None)
    with pytest.raises(DatasetError, match=problem):
        localise(config(squares, "refused", **changes))


@pytest.mark.parametrize(
    "changes", [{"flip": 1.5}, {"vision_weight": -1.0}, {"image_student": "resnet18"}]
)
def test_settings_that_cant_be_are_refused(squares, changes):
    with pytest.raises(ConfigError, match=next(iter(changes))):
        config(squares, "refused", **changes)


def test_figures_of_a_run_stand_beside_its_bounds_and_another_run(squares, capsys):
    first, second = (localise(config(squares, name, steps=n)) for n, name in ((2, "a"), (0, "b")))
    page = squares / "maps.png"
    command = ["localisation", str(first), "--against", str(second), "--page", str(page)]
    assert main(command) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["moments"] == {"seen": 9 * FRAMES, "off-screen": 3 * FRAMES}
    median = table["median"]["union"]
    assert median["oracle"]["at_half"] == 1
    assert median["disc"]["at_half"] == 0
    assert median["share_of_oracle"] == median["model"]["at_half"]
    gain = table["gain"]["AP"]
    assert gain["mean"] == table["fixed"]["AP"] - table["against"]["fixed"]["AP"]
    assert gain["low"] <= gain["high"]
    assert page.read_bytes().startswith(b"\x89PNG")


def test_students_that_know_everything_reach_the_bounds(squares):
    """Colours and pitches as one-hot rows in place of two networks."""
    settings = config(squares, "known")
    parts = module.make_ready(settings, prepare(settings, "localise"))
    known = KnowsSquares(parts)
    scenes = [open_scene(settings.data, split, known, parts.teacher, FRAMES) for split in SPLITS]
    table = judge_run(known, *scenes).table
    median = table["median"]["union"]
    assert median["model"]["mean"] == pytest.approx(median["oracle"]["mean"], abs=0.01)
    assert table["fixed"]["cIoU@0.5"] == 1
    assert table["fixed"]["AP"] == pytest.approx(table["fixed"]["AP_oracle"], abs=0.05)
    assert table["fixed"]["AP"] > 0.9  # the first of some 48 thresholds is not counted
    assert set(table["negative"]) == {"fixed", "maximum", "trimmed", "third_quartile"}
    for told in table["negative"]["fixed"].values():
        assert (told["pIA"], told["AUC_pIA"]) == pytest.approx((0, 1))


SPLITS = ("test", "validation")


class KnowsSquares:
    """A localiser whose places and sounds are the species themselves."""

    def __init__(self, parts):
        self.image_student, self.input_spec = parts.image_student, parts.input_spec
        self._real = Localiser(
            student=parts.student, image_student=self.image_student, input_spec=self.input_spec
        )

    def windows(self, pairs, clips, times_s):
        return self._real.windows(pairs, clips, times_s)

    def hear(self, log_mels):
        """By the loudest mel bin; nothing is louder in silence and noise."""
        power = log_mels.mean(dim=(1, 2))
        loudest, tonal = power.argmax(dim=1), power.amax(dim=1) - power.median(dim=1).values > 25
        pitches = torch.tensor([self._bin(pitch) for _, pitch in SPECIES.values()])
        species = (loudest[:, None] - pitches).abs().argmin(dim=1)
        rows = torch.nn.functional.one_hot(species, 4).float()
        return torch.where(tonal[:, None], rows, torch.full((4,), 0.25))

    def look(self, pixels):
        """By the nearest colour; the background is unlike every sound."""
        small = torch.nn.functional.avg_pool2d(pixels, 8).movedim(1, 3)
        names = [*(colour for colour, _ in SPECIES.values()), (110, 110, 110)]
        colours = (torch.tensor(names) / 255 - 0.5) / 0.25
        nearest = torch.cdist(small.flatten(1, 2), colours[None]).argmin(dim=2)
        rows = (2 * torch.nn.functional.one_hot(nearest, 4).float() - 1).unflatten(1, (4, 4))
        # No two places and no two frames are quite alike: a median of ties would light them all.
        slope = torch.linspace(0, 0.01, 4)
        rows = rows + (slope[:, None] + 0.37 * slope)[..., None]
        return rows * torch.linspace(1, 0.9, len(rows))[:, None, None, None]

    def _bin(self, pitch):
        spec, moments = self.input_spec.frontend, torch.arange(48_000) / 48_000
        return int(LogMel(spec)(torch.sin(2 * torch.pi * pitch * moments)[None]).mean(2).argmax())


def test_without_anybody_off_screen_its_figures_are_left_out(squares):
    settings = config(squares, "known")
    parts = module.make_ready(settings, prepare(settings, "localise"))
    known = KnowsSquares(parts)
    scenes = [open_scene(settings.data, split, known, parts.teacher, FRAMES) for split in SPLITS]
    seen = [replace(scene, moments=scene.seen) for scene in scenes]
    table = judge_run(known, *seen).table
    json.dumps(table, allow_nan=False)
    assert set(table["negative"]["fixed"]) == {"silence", "noise"}


def test_runs_that_hear_or_see_otherwise_are_not_compared(squares, capsys):
    first, other = (localise(config(squares, name, steps=0)) for name in ("first", "other"))
    meta = json.loads((other / IMAGE_META).read_text())
    meta["preprocess_cfg"]["mean"] = [0.1, 0.2, 0.3]
    (other / IMAGE_META).write_text(json.dumps(meta))
    assert main(["localisation", str(first), "--against", str(other)]) == 1
    assert "these differ: preprocessing of pictures" in capsys.readouterr().err
    mine = load_localiser(first)
    slower = replace(mine.input_spec, frontend=replace(mine.input_spec.frontend, hop_samples=960))
    with pytest.raises(DatasetError, match="these differ: front end"):
        check_scene(mine, replace(mine, input_spec=slower))


def test_a_run_of_another_kind_has_no_figures(squares, tmp_path, capsys):
    assert main(["localisation", str(squares / "student")]) == 1
    assert "checkpoint" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*")
@pytest.mark.filterwarnings("ignore::FutureWarning:torch.*")
@pytest.mark.filterwarnings("ignore:.*is deprecated.*:FutureWarning:copyreg")
def test_its_audio_tower_is_exported_and_listens_and_its_places_are_a_graph(
    squares, tmp_path, birdlisten, tone
):
    run, bundle = localise(config(squares, "heard-run", steps=2)), tmp_path / "bundle"
    export(run, bundle, Variants(["fp32"]))
    teacher = f"local-dir:{squares / 'teacher'}"
    build(bundle, make_pictures(tmp_path / "pictures"), lambda: load_teacher(teacher))
    soundfile.write(tmp_path / "tone.wav", tone(900.0, 2.0), 48_000)
    ended = birdlisten("identify", "--bundle", bundle, "--json", tmp_path / "tone.wav")
    assert ended.code == 0
    named = {found["scientific_name"] for found in json.loads(ended.out)["top"]}
    assert named == set(SPECIES)
    picture = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    student = load_image_student(run)
    graph = traced(student, torch.zeros(2, 3, SIDE, SIDE), "picture")
    session = open_session(graph.SerializeToString(), RuntimeOptions("cpu"))
    (places,) = session.run(None, {"picture": picture.numpy()})
    assert places == pytest.approx(student(picture).numpy(), abs=1e-5)


@pytest.mark.parametrize("kind", ["vggss", "flickr"])
def test_on_published_layouts_who_knows_everything_reaches_the_bounds(kind, squares, tmp_path):
    settings = config(squares, "known")
    known = KnowsSquares(module.make_ready(settings, prepare(settings, "localise")))
    pictures = read_annotated(f"{kind}:{make_annotated(tmp_path)}")
    table = judge_annotated(annotated_maps(pictures, known), kind).table
    assert table["pictures"] == 6
    usual = table["median"]["consensus" if kind == "flickr" else "union"]
    assert usual["model"]["mean"] == pytest.approx(usual["oracle"]["mean"], abs=0.01)
    assert usual["disc"]["at_half"] == 0
    assert table["fixed"]["cIoU@0.5"] == 1
    assert {told["pIA"] for told in table["negative"].values()} == {0}


def test_the_command_tells_a_runs_figures_on_published_pictures(squares, tmp_path, capsys, caplog):
    first, second = (localise(config(squares, name, steps=n)) for n, name in ((2, "c"), (0, "d")))
    folder, page, chosen = make_annotated(tmp_path), tmp_path / "maps.png", tmp_path / "ids.csv"
    (folder / "audio" / "1.wav").write_bytes(b"no sound")
    (folder / "frames" / "2.jpg").unlink()
    chosen.write_text("0,3\n1,3\n2,3\n4,2\n9,1\n")
    command = ["annotated", str(first), "--data", f"vggss:{folder}", "--against", str(second)]
    assert main([*command, "--list", str(chosen), "--page", str(page)]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["pictures"] == 2
    assert table["gain"]["AP"]["mean"] == table["fixed"]["AP"] - table["against"]["fixed"]["AP"]
    assert "2 of 5 ids left out" in caplog.text
    assert "1.wav: not readable" in caplog.text
    assert page.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("vggss", "expected vggss:FOLDER"),
        ("esc50:there", "expected vggss:FOLDER"),
        ("vggss:there", "vggss.json"),
        ("flickr:there", "folder of Flickr-SoundNet's XML"),
    ],
)
def test_what_is_no_annotated_set_is_refused_before_a_run_is_loaded(data, told, capsys):
    assert main(["annotated", "no-run", "--data", data]) == 1
    assert told in capsys.readouterr().err
