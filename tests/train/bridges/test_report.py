"""The report of all bridges: trained once, asked alike, written down."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("av")
from edge.contract.errors import ConfigError  # noqa: E402
from tests.support.small_world import SPECIES  # noqa: E402
from train.aviary.video import VideoConfig, build_videos  # noqa: E402
from train.bridges.report import command as module  # noqa: E402
from train.bridges.report.birds import LEARNED, NEW, RealBirds  # noqa: E402
from train.bridges.report.command import main, write  # noqa: E402
from train.bridges.report.figures import METRICS, UNSEEN, RunAnswers  # noqa: E402
from train.bridges.report.kept import made_once, weights_digest  # noqa: E402
from train.bridges.report.page import to_markdown  # noqa: E402
from train.bridges.report.runs import METHODS, RUNS, Ground, chosen, shortened, train  # noqa: E402
from train.config.joint import JointConfig  # noqa: E402
from train.measure.figures import Asked  # noqa: E402
from train.measure.task import Ranking  # noqa: E402
from train.pretraining.image_text import TEXT_TOWER, save_open_clip  # noqa: E402

TOWER = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
COMMON = ("window_s=3", "frames=2", "batch=3", "bfloat16=false", "device=cpu")
TASKS = {"A->I", "I->A", "A->T", "T->A"}


def write_teacher(folder: Path) -> str:
    """An untrained open_clip model whose image tower is a transformer."""
    import open_clip

    torch.manual_seed(0)
    config = {"embed_dim": 16, "vision_cfg": TOWER, "text_cfg": TEXT_TOWER}
    save_open_clip(open_clip.CLIP(**config).eval(), config, folder)
    return f"local-dir:{folder}"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Clips of two seeds, and a teacher."""
    folder = tmp_path_factory.mktemp("bridges")
    for name, seed, split in (("clips-aviary", 1, ""), ("clips-test-aviary", 2, "test")):
        amounts = {"clips": 5 if not split else 3, "stills": 0, "length_s": 3, "rate_hz": 2}
        config = VideoConfig(seed=seed, species=SPECIES, split=split, **amounts)
        build_videos(config, folder / name, progress=False)
    write_teacher(folder / "teacher")
    return folder


@pytest.fixture(autouse=True)
def _in_the_folder(root, monkeypatch):
    """`runs/cache` away from the user's own."""
    monkeypatch.chdir(root)


def arguments(root, small_world, *more: str) -> list[str]:
    return [
        *("--data", str(small_world.data)),
        *("--clips", f"ssw60video:{root / 'clips-aviary'}"),
        *("--test-clips", f"ssw60video:{root / 'clips-test-aviary'}"),
        *("--teacher", f"local-dir:{root / 'teacher'}"),
        *("--student", "cnn:mobilenetv3_small_100"),
        *("--held-out", "parus_major"),
        *("--steps-factor", "0.001"),
        *("--set", *COMMON),
        *more,
    ]


def test_all_bridges_are_trained_asked_and_written_down(root, small_world, tmp_path, capsys):
    runs, output = tmp_path / "runs", tmp_path / "results"
    places = ("--runs", str(runs), "--output", str(output))
    assert main(arguments(root, small_world, *places)) == 0
    assert capsys.readouterr().out.strip() == str(output / "bridges.md")
    report = json.loads((output / "bridges.json").read_text())
    names = [run.name for run in RUNS]
    assert [cost["run"] for cost in report["costs"]] == names
    asked = {(row["method"], row["about"], row["task"], row["species"]) for row in report["rows"]}
    assert asked == {
        (name, about, task, group)
        for name in names
        for about in ("recordings", "clips")
        for task in TASKS
        for group in ("all", "seen", "unseen")
    }
    pairs = {cost["run"]: cost["pairs"] for cost in report["costs"]}
    assert {name for name, used in pairs.items() if not used} == {
        "text",
        "text, shuffled taxonomy",
    }
    compared = {(row["first"], row["other"], row["task"]) for row in report["differences"]}
    assert {("nearest", "random", "A->T"), ("multiframe", "random", "A->I")} <= compared
    assert {*report["localisation"]} == {"localise, no teachers", "localise"}
    assert "gain" in report["localisation"]["localise"]
    page = (output / "bridges.md").read_text()
    assert "| oracle |" in page
    assert "| disc |" in page
    assert "parus major" in page
    for picture in ("bridges.png", "bridges-curve.png", "bridges-maps.png"):
        assert (output / picture).read_bytes().startswith(b"\x89PNG")
        assert f"]({picture})" in page


@pytest.fixture
def ground(root, tmp_path):
    return Ground(
        output=tmp_path / "runs",
        teacher=f"local-dir:{root / 'teacher'}",
        student="cnn:mobilenetv3_small_100",
        common=(f"data=ssw60video:{root / 'clips-aviary'}", *COMMON),
        steps_factor=0.001,
    )


def test_a_run_that_lies_there_is_not_trained_again(ground, monkeypatch):
    run = chosen(["text"])[0]
    first = train(run, ground)
    monkeypatch.setitem(METHODS, "joint", (JointConfig, None))
    assert train(run, ground) == first
    with pytest.raises(ConfigError, match=r"text\.json: of other settings or content: seed; give"):
        train(run, replace(ground, common=(*ground.common, "seed=3")))


def test_a_run_that_was_stopped_goes_on_and_its_seconds_are_added(ground, monkeypatch):
    run = chosen(["text"])[0]
    clock = iter([0.0, 7.0, 100.0, 105.0])
    monkeypatch.setattr("train.bridges.report.runs._fill_caches", lambda method, config: None)
    monkeypatch.setattr("train.bridges.report.runs.time.process_time", lambda: next(clock))

    def stopped(config):
        raise KeyboardInterrupt

    joined = METHODS["joint"]
    monkeypatch.setitem(METHODS, "joint", (JointConfig, stopped))
    with pytest.raises(KeyboardInterrupt):
        train(run, ground)
    monkeypatch.setitem(METHODS, "joint", joined)
    assert train(run, ground).cost["seconds"] == 12.0


@pytest.mark.parametrize(
    ("name", "windows"), [("text", 12), ("multiframe", 24), ("multiframe, clip", 12), ("pivot", 12)]
)
def test_the_cost_counts_what_was_heard(ground, name, windows):
    """Batches of 3, four steps; a window a frame by segments; no tuning of the pivot by text."""
    tuned = ("text_pairs=[3]", "text_steps=1") if name == "pivot" else ()
    run = replace(chosen([name])[0], settings=("steps=4", *tuned))
    done = train(run, replace(ground, steps_factor=1.0))
    assert (done.cost["steps"], done.cost["windows"]) == (4, windows)


def test_what_others_were_made_of_is_refused(tmp_path):
    folder, made = tmp_path / "hints", []

    def make():
        made.append(folder.mkdir())

    first = {"clips": "a", "held_out": ("parus_major",)}
    assert made_once(folder, first, make) == folder
    assert made_once(folder, first, make) == folder
    assert len(made) == 1
    with pytest.raises(ConfigError, match=r"hints\.terms\.json: of other .*: clips; give another"):
        made_once(folder, {"clips": "b"}, make)


def test_weights_are_told_by_what_they_are(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"one")
    first = weights_digest(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"two")
    assert weights_digest(tmp_path) != first
    assert weights_digest(tmp_path / "nothing") == ""


def test_frames_of_a_clip_stand_and_fall_together():
    """Two clips of four frames, one right in all and one in none: it may be anything."""
    right = np.repeat([1.0, 0.0], 4)
    ranking = Ranking(np.ones(8, bool), dict.fromkeys(METRICS, right), np.zeros((8, 1), int))
    asked = {"I->A": Asked(None, ranking)}
    answers = RunAnswers(asked=asked, figures=None, clusters={"I->A": np.repeat([0, 1], 4)})
    assert answers._by_clusters("I->A", np.ones(8, bool))["R@1"] == {
        "mean": 0.5,
        "low": 0.0,
        "high": 1.0,
    }


def test_a_trial_does_not_write_over_the_page(root, small_world, tmp_path, capsys):
    runs = tmp_path / "runs"
    trial = ("--runs", str(runs), "--only", "random")
    assert main(arguments(root, small_world, *trial)) == 0
    assert capsys.readouterr().out.strip() == str(runs / "bridges.md")


def test_wrong_clips_are_told_before_anything_is_trained(root, small_world, tmp_path, capsys):
    words = arguments(root, small_world, "--runs", str(tmp_path / "runs"))
    words[words.index("--test-clips") + 1] = "ssw60video:nowhere"
    assert main(words) == 1
    assert "nowhere" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_shorter_report_has_a_share_of_the_steps_and_at_least_one():
    config = JointConfig(steps=300, warmup=20)
    assert shortened(config, 1) is config
    assert (shortened(config, 0.1).steps, shortened(config, 0.1).warmup) == (30, 2)
    assert (shortened(config, 1e-6).steps, shortened(config, 1e-6).warmup) == (1, 1)
    assert shortened(JointConfig(steps=0), 0.5).steps == 0


def test_a_run_that_there_is_none_of_is_refused_before_anything_is_opened(tmp_path, capsys):
    assert main(["--only", "nearset", "--clips", "ssw60video:nowhere"]) == 2
    assert "--only: no run 'nearset'; there are text;" in capsys.readouterr().err


@pytest.fixture
def fold(small_world, tmp_path):
    """A data set as train.birds.build writes a fold: the owl is in no training."""
    folder = tmp_path / "fold-aviary"
    folder.mkdir()
    for name in ("audio", "images"):
        (folder / name).symlink_to(small_world.data / name)
    (folder / "taxonomy.csv").write_bytes((small_world.data / "taxonomy.csv").read_bytes())
    lines = (small_world.data / "manifest.csv").read_text().splitlines()
    hidden = re.compile(",(train|validation|test),")
    told = [hidden.sub(",unseen,", line) if "Strix aluco" in line else line for line in lines]
    (folder / "manifest.csv").write_text("\n".join((*told, "")))
    return folder


def test_real_birds_are_asked_of_new_recordists_and_of_new_species(
    fold, small_world, tmp_path, monkeypatch
):
    monkeypatch.setattr(RealBirds, "_data", lambda self: fold)
    monkeypatch.setattr(RealBirds, "_teacher", lambda self, data: small_world.teacher)
    birds = RealBirds(
        archive=tmp_path,
        output=tmp_path / "runs",
        settings=("batch=3", "frames=2", "bfloat16=false", "device=cpu"),
        steps_factor=0.001,
    )
    found = birds.measure()
    assert [cost["run"] for cost in found["costs"]] == ["text", "pivot", "text + image"]
    assert {(row["species"], row["task"]) for row in found["rows"]} == {
        (group, task) for group in (LEARNED, NEW, UNSEEN) for task in TASKS
    }
    page = to_markdown(fabricated(birds=found))
    assert page.index("## Real birds") < page.index("| text + image | names + photographs | yes")


INTERVAL = {"mean": 0.5, "low": 0.25, "high": 0.75}


def fabricated(**changes) -> dict:
    rows = [
        {"about": about, "method": "text", "species": group, "task": task, "queries": 8}
        | {"chance": 0.125, "R@1": INTERVAL, "R@5": INTERVAL, "mAP": INTERVAL}
        for about in ("recordings", "clips")
        for task in TASKS
        for group in ("all", "seen", "unseen")
    ]
    cost = {"run": "text", "learned_from": "names", "pairs": False, "seconds": 90.0}
    return {
        "date": "2026-11-30",
        "machine": "a machine",
        "command": "python -m train.bridges report",
        "world": "Synthetic.",
        "held_out": ["parus_major"],
        "data": "data/aviary",
        "test_clips": "clips",
        "costs": [{**cost, "steps": 300, "windows": 14400, "clips": 180}],
        "rows": rows,
        "differences": [],
        "curve": [],
        "localisation": {},
        "birds": {},
        **changes,
    }


def test_the_page_tells_what_was_not_measured_and_leaves_the_verdict_to_a_person(tmp_path):
    page = to_markdown(fabricated())
    assert page.count("Not measured here.") == 3
    assert "## Which bridge for whom" in page
    assert "| text | names |  | 0.500 [0.250, 0.750]" in page
    assert "| chance |  |  | 0.125" in page
    assert "2 min" in page
    assert "Real birds" not in page
    birds = {"rows": fabricated()["rows"], "costs": fabricated()["costs"], "told": "Fold 0."}
    assert "## Real birds" in to_markdown(fabricated(birds=birds))
    assert write(fabricated(), tmp_path).read_text() == page


def test_the_verdict_stands_where_a_new_report_keeps_it():
    verdict = Path(module.__file__).with_name("verdict.md").read_text(encoding="utf-8")
    assert verdict in to_markdown(fabricated())
