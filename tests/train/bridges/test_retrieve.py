"""Clips retrieved by a trained student, and the student carried to the listener."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
av = pytest.importorskip("av")
from edge.cli import main as birdlisten  # noqa: E402
from edge.contract.bundle import npy_bytes, write_bundle  # noqa: E402
from edge.contract.gallery import Gallery, GalleryRow  # noqa: E402
from export.methods import Variants  # noqa: E402
from export.onnx import export  # noqa: E402
from tests.support.filmed import RATE_HZ, film_folder  # noqa: E402
from tests.support.published_models import write_student, write_teacher  # noqa: E402
from train.bridges.agreement import agree  # noqa: E402
from train.bridges.clips import open_clips  # noqa: E402
from train.bridges.heard_clips import caption_texts, hear_clips, open_teacher  # noqa: E402
from train.bridges.retrieve import main  # noqa: E402
from train.bridges.truth import BirdTruth, Truth  # noqa: E402
from train.bridges.visible import ANY_FRAME, NEAREST_FRAME, visible_shares  # noqa: E402
from train.config.agreement import AgreementConfig  # noqa: E402
from train.model.checkpoint import load_checkpoint  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:torch.*"),
    pytest.mark.filterwarnings("ignore:.*is deprecated.*:FutureWarning:copyreg"),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run by segments, in a folder of its own with the clips and the cache."""
    root = tmp_path_factory.mktemp("retrieved")
    film_folder(root / "films", clips=2)
    config = AgreementConfig(
        data=f"videos:{root / 'films'}",
        teacher=write_teacher(root / "teacher"),
        student=write_student(root / "student"),
        output=str(root / "run"),
        match="multiframe",
        window_s=2.4,
        segment_s=1.0,
        frames=4,
        batch=6,
        steps=3,
        device="cpu",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        yield agree(config)


@pytest.fixture(autouse=True)
def _in_its_folder(trained, monkeypatch):
    monkeypatch.chdir(trained.parent)


def heard_films(run: Path):
    checkpoint = load_checkpoint(run)
    clips = open_clips(checkpoint.config["data"]).select("test")
    return hear_clips(checkpoint, open_teacher(checkpoint), clips, 4, run.parent / "runs" / "cache")


def test_a_table_of_both_directions_and_the_difference_to_another_run(trained, capsys):
    data = ["--data", "videos:films", "--frames", "4"]
    assert main(["--checkpoint", str(trained), "--against", str(trained), *data]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| A->T",
        "| T->A",
        "| A->I",
        "| I->A",
    ] * 2
    report = json.loads((trained / "retrieval.json").read_text())
    assert [row["queries"] for row in report["rows"]] == [6, 3, 6, 24]
    for row in report["differences"]:
        assert row["mAP"] == {"mean": 0, "low": 0, "high": 0}
    assert report["frames that show the singer"] == [{}]


def test_clips_without_captions_are_asked_for_names_only(trained, capsys):
    arguments = ["--checkpoint", str(trained), "--data", "videos:films", "--right", "clip"]
    assert main(arguments) == 1
    assert "no caption" in capsys.readouterr().err


def test_of_the_very_clip_only_its_own_frames_and_captions_are_right(trained):
    heard = heard_films(trained)
    told = [
        replace(clip, captions=(f"clip {n}", f"bird {n}")) for n, clip in enumerate(heard.clips)
    ]
    texts = caption_texts(told, open_teacher(load_checkpoint(trained)))
    assert [texts.of.at(n).tolist() for n in range(4)] == [[0], [0], [1], [1]]
    tasks = {task.name: task for task in heard.questions("clip", texts, []).tasks(heard.heard)}
    assert tasks["A->I"].relevant(2).tolist() == [8, 9, 10, 11]
    assert tasks["I->A"].relevant(9).tolist() == [2]
    assert tasks["A->T"].relevant(5).tolist() == [10, 11]
    assert tasks["A->I"].score(slice(0, 6)).shape == (6, 24)


def truth_of(heard, places: list[int]) -> Truth:
    """Every bird is seen in one frame of its clip."""
    moments = [times_s[place] for times_s, place in zip(heard.bank.times_s, places, strict=True)]
    birds = {
        clip.recording: BirdTruth(
            bird=clip.recording,
            species_id=clip.label,
            off_screen=False,
            size="huge",
            songs=np.array([[0, 1]], np.float32),
            boxes=np.array([[moment, 0, 0, 1, 1]], np.float32),
        )
        for clip, moment in zip(heard.clips, moments, strict=True)
    }
    return Truth({name: (bird,) for name, bird in birds.items()}, period_s=0.25)


def test_shares_of_frames_that_show_the_singer(trained):
    heard = heard_films(trained)
    count, frames, dim = heard.bank.rows.shape
    similarity = heard.heard.pooled(heard.bank.rows.reshape(-1, dim))
    nearest = [int(similarity[n, n * frames : (n + 1) * frames].argmax()) for n in range(count)]
    found = visible_shares(heard, truth_of(heard, nearest))
    assert found == {ANY_FRAME: pytest.approx(1 / frames), NEAREST_FRAME: 1.0}
    elsewhere = [nearest[0], *((place + 1) % frames for place in nearest[1:])]
    found = visible_shares(heard, truth_of(heard, elsewhere))
    assert found == {ANY_FRAME: pytest.approx(1 / frames), NEAREST_FRAME: pytest.approx(1 / count)}


def test_its_student_listens_unchanged(trained, tmp_path, capsys):
    """Exported, with rows of the teacher as pictures, and asked by `birdlisten identify`."""
    bundle, checkpoint = tmp_path / "bundle", load_checkpoint(trained)
    manifest = export(trained, bundle, Variants(["fp32"]))
    teacher = open_teacher(checkpoint)
    rows = np.concatenate([teacher.embed_texts([name]) for name in checkpoint.taxonomy.ids])
    table = tuple(
        GalleryRow(name, f"{name}.jpg", "https://x", "me", "CC0")
        for name in checkpoint.taxonomy.ids
    )
    gallery = Gallery(rows.astype(np.float16), table)
    contents = {
        "gallery.rows": npy_bytes(gallery.rows),
        "gallery.table": gallery.table_csv(),
    }
    write_bundle(bundle, manifest, contents)
    sound = soundfile_of(tmp_path / "song.wav")
    arguments = ["identify", str(sound), "--bundle", str(bundle), "--top", "3", "--json"]
    assert birdlisten([*arguments, "--precision", "fp32"]) == 0
    (record,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert {place["species_id"] for place in record["top"]} == set(checkpoint.taxonomy.ids)
    assert manifest.audio.window_samples == RATE_HZ
    assert manifest.provenance["distillation"]["match"] == "multiframe"


def soundfile_of(path: Path) -> Path:
    """Three seconds of a tone."""
    import soundfile

    time_s = np.arange(3 * RATE_HZ) / RATE_HZ
    noise = np.random.default_rng(0).normal(0, 0.01, len(time_s))
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 1800 * time_s) + noise, RATE_HZ)
    return path
