"""Zero-shot figures: protocols of names and captions, on tiny files of the true layouts."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from edge.contract.taxonomy import Taxonomy  # noqa: E402
from gallery.data.ranks import thing  # noqa: E402
from gallery.teacher import load_teacher, mean_anchors  # noqa: E402
from tests.support.corpora import song, table  # noqa: E402
from tests.support.published_models import write_teacher  # noqa: E402
from train.bridges.__main__ import main  # noqa: E402
from train.bridges.zero_shot import zero_shot  # noqa: E402
from train.bridges.zero_shot_figures import AS_PICTURES, figures_of, heard_clips  # noqa: E402
from train.measure.retrieval import PooledEmbeddings  # noqa: E402
from train.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint  # noqa: E402
from train.model.frontend import LogMelSpec  # noqa: E402
from train.model.opening import open_student  # noqa: E402

CLASSES = ("dog_bark", "crow", "rain", "sea_waves")


class Sayings:
    """Stands for a teacher: each text is a direction of its own, in the order of the first call."""

    def __init__(self, *texts: str) -> None:
        self._place = {text: n for n, text in enumerate(texts)}

    def embed_texts(self, texts):
        return np.stack([np.eye(len(self._place), dtype=np.float32)[self._place[t]] for t in texts])

    def anchors(self, species):
        return self.embed_texts([kind.common_name for kind in species])[None]


class Sound:
    def __init__(self, species=(), captions=(), split="test") -> None:
        self.species, self.captions, self.split = species, captions, split


def heard(rows) -> PooledEmbeddings:
    return PooledEmbeddings(np.array(rows, np.float32), np.arange(len(rows)))


def test_names_are_asked_by_each_prompt_and_as_pictures_are_named():
    species = [thing(name) for name in CLASSES]
    prompted = [f"the sound of {kind.common_name}" for kind in species]
    teacher = Sayings(*prompted, *(kind.common_name for kind in species))
    # By the prompt the first two are right; by plain names only the second.
    rows = np.zeros((3, 8))
    rows[0, [0, 5]], rows[1, [1, 5]], rows[2, [0, 6]] = 1, 1, (1, 0.5)
    sounds = [Sound({"dog_bark"}), Sound({"crow"}), Sound({"sea_waves"})]
    figures = figures_of(
        heard(rows), sounds, species=species, teacher=teacher, groups=["fold1", "fold2", "fold2"]
    )
    found = {(figure.prompt, figure.group): figure for figure in figures}
    assert found["the sound of {}", "all"].metrics["R@1"].mean == pytest.approx(2 / 3)
    assert found["the sound of {}", "fold1"].metrics["R@1"].mean == 1
    assert found["the sound of {}", "fold2"].metrics["R@1"].mean == 0.5
    assert found[AS_PICTURES, "all"].metrics["R@1"].mean == pytest.approx(1 / 3)
    assert {figure.chance for figure in figures} == {0.25}


def test_of_five_captions_the_best_counts_and_each_is_asked_itself():
    """Literal ranks, one query after the other."""
    texts = [f"{clip} {n}" for clip in range(3) for n in range(5)]
    rows = np.random.default_rng(0).normal(size=(3, 15)).astype(np.float32)
    sounds = [Sound(captions=texts[5 * clip : 5 * clip + 5]) for clip in range(3)]
    forward, back = figures_of(heard(rows), sounds, species=(), teacher=Sayings(*texts))
    best = [
        min(1 + sum(row > row[own]) for own in range(5 * clip, 5 * clip + 5))
        for clip, row in enumerate(rows)
    ]
    assert forward.median_rank == np.median(best)
    assert forward.mean_rank == pytest.approx(np.mean(best))
    assert forward.metrics["R@5"].mean == pytest.approx(np.mean([rank <= 5 for rank in best]))
    assert forward.metrics["R@50"].mean == 1
    assert forward.chance == pytest.approx(1 / 3)
    ranks = [1 + sum(rows[:, n] > rows[n // 5, n]) for n in range(15)]
    assert (back.queries, back.answers) == (15, 3)
    assert back.mean_rank == pytest.approx(np.mean(ranks))


def test_a_clip_is_heard_to_its_end_and_pooled_by_the_maximum():
    class Loudest(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1))

        def forward(self, log_mel):
            return log_mel.amax(dim=(1, 2, 3), keepdim=True)[:, :, 0, 0]

    clips = [torch.zeros(25, 4), torch.zeros(3, 4), torch.zeros(10, 4)]
    clips[0][24, 0], clips[1][0, 0] = 5, 7
    found = heard_clips(Loudest(), clips, frames=10)
    assert found.recording.tolist() == [0, 0, 0, 0, 1, 2]
    assert found.pooled(np.ones((1, 1), np.float32))[:, 0].tolist() == [5, 7, 0]


def test_a_prompt_that_names_nothing_is_refused():
    with pytest.raises(ConfigError, match=r"prompt: 'a bird' lacks \{\}"):
        zero_shot(None, "nowhere", "test", ["the sound of {}", "a bird"])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A student that has learned nothing, as a run."""
    root = tmp_path_factory.mktemp("run")
    name = write_teacher(root / "teacher")
    teacher, taxonomy = load_teacher(name), Taxonomy((thing("crow"),))
    start = open_student(f"vit:{name}", LogMelSpec(hop_samples=1920), window_s=1.0)
    checkpoint = Checkpoint(
        student=start.student(32),
        frontend=start.spec,
        window_samples=48_000,
        space_id=teacher.space_id,
        taxonomy=taxonomy,
        anchors=mean_anchors(teacher.anchors(taxonomy.species)),
        dataset="nothing",
        synthetic=False,
        licences=(),
        seen_species=(),
        config={"teacher": name, "student": f"vit:{name}"},
    )
    save_checkpoint(root / "run", checkpoint)
    return root / "run"


@pytest.fixture
def esc50(tmp_path):
    rows = [
        {
            "filename": f"{fold}-{n}-A-{n}.wav",
            "fold": fold,
            "target": n,
            "category": CLASSES[n],
            "esc10": False,
            "src_file": n,
            "take": "A",
        }
        for fold in (1, 5)
        for n in range(4)
    ]
    table(tmp_path / "meta" / "esc50.csv", rows)
    for n, row in enumerate(rows):
        song(tmp_path / "audio" / str(row["filename"]), bird=n % 3, take=n, seconds=1.5)
    return tmp_path


def test_esc50_is_told_by_fold(run, esc50, monkeypatch, capsys):
    monkeypatch.chdir(esc50)
    told = ["zero-shot", "--checkpoint", str(run), "--data", f"esc50:{esc50}", "--split", "all"]
    assert main([*told, "--output", "found.json"]) == 0
    assert "A->names (the sound of {}, all): R@1 " in capsys.readouterr().out
    report = json.loads((esc50 / "found.json").read_text())
    groups = [(figure["group"], figure["queries"]) for figure in report["figures"]]
    assert groups == 2 * [("all", 8), ("fold1", 4), ("fold5", 4)]
    assert {figure["answers"] for figure in report["figures"]} == {4}


def test_urbansound8k_by_its_short_name(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        {
            "slice_file_name": f"{n}-3-0-0.wav",
            "fsID": n,
            "start": 0,
            "end": 4,
            "salience": 1,
            "fold": 10 - n,
            "classID": n,
            "class": CLASSES[n],
        }
        for n in range(2)
    ]
    table(tmp_path / "metadata" / "UrbanSound8K.csv", rows)
    for n, row in enumerate(rows):
        song(tmp_path / "audio" / f"fold{10 - n}" / str(row["slice_file_name"]), bird=n, take=0)
    whole = zero_shot(load_checkpoint(run), f"us8k:{tmp_path}", "all")
    assert {figure.group for figure in whole} == {"all", "fold9", "fold10"}
    (asked, *_) = zero_shot(load_checkpoint(run), f"us8k:{tmp_path}", "test")
    assert (asked.queries, asked.answers) == (1, 2)


def test_clotho_is_asked_both_ways(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        {"file_name": f"{n}.wav", **{f"caption_{k}": f"Sound {n}, text {k}." for k in range(1, 6)}}
        for n in range(3)
    ]
    table(tmp_path / "clotho_captions_evaluation.csv", rows)
    for n, row in enumerate(rows):
        song(tmp_path / "evaluation" / str(row["file_name"]), bird=n, take=0)
    forward, back = zero_shot(load_checkpoint(run), f"clotho:{tmp_path}", "test")
    assert (forward.task, forward.queries, forward.answers) == ("A->captions", 3, 15)
    assert (back.task, back.queries, back.answers) == ("captions->A", 15, 3)


def test_a_split_without_sounds_is_refused(run, esc50):
    with pytest.raises(DatasetError, match="in split 'validation'; try --split all"):
        zero_shot(load_checkpoint(run), f"esc50:{esc50}", "validation")


def test_another_teacher_than_the_runs_is_refused(run, esc50, tmp_path):
    other = replace(load_checkpoint(run), space_id="0" * 64)
    with pytest.raises(DatasetError, match=r"its space is .* the checkpoint's is 000000000000"):
        zero_shot(other, f"esc50:{esc50}", "all")
