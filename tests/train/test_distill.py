import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from edge.contract.tables import read_table  # noqa: E402
from train import distill as module  # noqa: E402
from train.config import DistillConfig, load_config  # noqa: E402
from train.distill import distill, main  # noqa: E402
from train.evaluate import evaluate, to_markdown  # noqa: E402
from train.model.checkpoint import ANCHORS, META, WEIGHTS, load_checkpoint  # noqa: E402
from train.noise.build import BackgroundConfig, build  # noqa: E402
from train.sound.heard import SEEN  # noqa: E402


@pytest.fixture(autouse=True)
def _own_cache(computed, monkeypatch):
    monkeypatch.setattr("train.distill.CACHE", computed)
    monkeypatch.setattr("train.evaluate.CACHE", computed)


@pytest.fixture(scope="module")
def trained(world):
    return distill(world.distillation("trained", steps=160))


def deaf_to(species, world, tmp_path):
    """A student that never heard a species, as its own note says."""
    folder = tmp_path / "deaf-student"
    shutil.copytree(world.student, folder)
    embedded = json.loads((folder / SEEN).read_text())
    (folder / SEEN).write_text(json.dumps([one for one in embedded if one != species]))
    return str(folder)


def figure(report, method, task, name):
    rows = [r for r in report["rows"] if (r["method"], r["task"]) == (method, task)]
    return rows[0][name]["mean"]


def test_without_pictures_the_checkpoint_is_the_same_to_the_byte(world, tmp_path):
    blind = tmp_path / world.data.name
    shutil.copytree(world.data, blind)
    for picture in (blind / "images").rglob("*.jpg"):
        picture.unlink()
    assert not list(blind.rglob("*.jpg"))
    sighted = distill(world.distillation("sighted", steps=5))
    unsighted = distill(world.distillation("unsighted", steps=5, data=str(blind)))
    for file in (WEIGHTS, ANCHORS):
        assert (sighted / file).read_bytes() == (unsighted / file).read_bytes()
    changed = [json.loads((run / META).read_text()) for run in (sighted, unsighted)]
    for meta in changed:
        meta["config"].pop("data")
    assert changed[0] == changed[1]


def test_retrieval_is_learned_and_falls_to_chance_with_permuted_anchors(
    world, trained, monkeypatch
):
    truth = module.cached_anchors

    def permuted(teacher, taxonomy, cache):
        return np.roll(truth(teacher, taxonomy, cache), 1, axis=1)

    monkeypatch.setattr(module, "cached_anchors", permuted)
    fooled = distill(world.distillation("fooled", steps=160))
    anchors = load_checkpoint(trained).anchors
    np.save(fooled / ANCHORS, anchors)
    learned, chance = (evaluate(run, str(world.data), "train").report for run in (trained, fooled))
    assert figure(learned, "distilled", "A->T", "R@1") >= 0.6
    assert figure(learned, "distilled", "A->I", "mAP") >= 0.5
    assert figure(chance, "distilled", "A->T", "R@1") <= 0.3
    assert figure(chance, "distilled", "A->I", "R@1") <= 0.3


def test_the_report_compares_seen_and_unseen_species_with_the_baselines(world, tmp_path):
    student = deaf_to("turdus_merula", world, tmp_path)
    run = distill(
        world.distillation("partly", steps=3, held_out=("turdus_merula",), student=student)
    )
    report = evaluate(run, str(world.data), "test").report
    methods = {row["method"] for row in report["rows"]}
    chains = {"zero-shot chain", "soft zero-shot chain"}
    assert methods == {"distilled", *chains, "ridge map", "MLP map", "chance"}
    unseen = [row for row in report["rows"] if row["species"] == "unseen"]
    assert {row["task"] for row in unseen} == {
        *("A->I", "I->A", "A->T", "T->A", "A->species"),
        "linear probe, before distillation",
        "linear probe, after distillation",
    }
    queries = {(row["method"], row["species"]): row["queries"] for row in report["rows"]}
    assert queries["distilled", "seen"] == 4 * queries["distilled", "unseen"] > 0
    assert "| distilled | unseen | A->I |" in to_markdown(report)


def test_a_species_that_the_student_has_heard_cant_be_held_out(world):
    with pytest.raises(DatasetError, match=r"pretrain --only student held_out=turdus_merula"):
        distill(world.distillation("leaky", held_out=("turdus_merula",)))


def test_more_background_joins_the_data_sets_own(world, monkeypatch, tmp_path):
    embedded = []
    original = module.load_sounds

    def spy(*given, **named):
        embedded.append(original(*given, **named))
        return embedded[-1]

    monkeypatch.setattr(module, "load_sounds", spy)
    build(BackgroundConfig(hours=0.05, length_s=2), tmp_path / "quiet")
    distill(world.distillation("plain", steps=1))
    distill(world.distillation("more", steps=1, extra_backgrounds=str(tmp_path / "quiet")))
    plain, more = (len(one.background) for one in embedded)
    rows = read_table(tmp_path / "quiet" / "manifest.csv", ("split",))
    assert more - plain == sum(row["split"] == "train" for row in rows) > 0
    assert embedded[0].labels == embedded[1].labels


def test_held_out_species_are_never_heard(world, monkeypatch, tmp_path):
    embedded = []
    original = module.load_sounds

    def spy(*given, **named):
        sounds = original(*given, **named)
        embedded.extend(item.species_id for item in sounds.items)
        return sounds

    monkeypatch.setattr(module, "load_sounds", spy)
    student = deaf_to("parus_major", world, tmp_path)
    distill(world.distillation("without", steps=2, held_out=("parus_major",), student=student))
    assert embedded
    assert "parus_major" not in embedded


@pytest.mark.parametrize("loss", ["anchor_softmax", "info_nce"])
def test_both_objectives_lower_their_loss(world, loss):
    run = distill(world.distillation(f"loss-{loss}", loss=loss, steps=25))
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(25))
    values = [line["loss"] for line in lines]
    assert np.mean(values[-5:]) < np.mean(values[:5])


def test_a_checkpoint_survives_the_disk(trained):
    checkpoint = load_checkpoint(trained)
    again = load_checkpoint(trained)
    log_mel = torch.randn(2, 1, 251, 64)
    with torch.inference_mode():
        first, second = checkpoint.student(log_mel), again.student(log_mel)
    assert torch.equal(first, second)
    assert torch.allclose(first.norm(dim=1), torch.ones(2), atol=1e-5)
    assert "aviary" in checkpoint.dataset


@pytest.mark.parametrize("damage", [WEIGHTS, ANCHORS, META])
def test_a_damaged_checkpoint_is_named(trained, tmp_path, damage):
    broken = tmp_path / "broken"
    shutil.copytree(trained, broken)
    content = (broken / damage).read_bytes()
    (broken / damage).write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match="damaged checkpoint"):
        load_checkpoint(broken)


def test_missing_data_names_the_command_that_makes_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([]) == 1
    assert "python scripts/aviary.py build --output data/aviary" in capsys.readouterr().err


def test_missing_models_name_the_command_that_makes_them(world, tmp_path):
    with pytest.raises(DatasetError, match=r"python -m train\.pretrain"):
        distill(world.distillation("x", teacher=f"local-dir:{tmp_path}"))
    with pytest.raises(DatasetError, match=r"python -m train\.pretrain"):
        distill(world.distillation("x", student=str(tmp_path / "nothing")))


def test_a_window_longer_than_the_tower_holds_is_refused(world):
    with pytest.raises(ConfigError, match="at most 256"):
        distill(world.distillation("long", window_s=2.6))


def test_a_loss_that_explodes_ends_the_training(world):
    with pytest.raises(ConfigError, match="learning_rate"):
        distill(world.distillation("wild", steps=40, warmup=0, learning_rate=1e30))
    assert not (world.root / "wild-aviary" / META).exists()


def test_a_misspelt_setting_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'learning_rate'"):
        load_config(DistillConfig, None, ["learnin_rate=1"])
    with pytest.raises(ConfigError, match="steps"):
        load_config(DistillConfig, None, ["steps=many"])
    with pytest.raises(ConfigError, match="loss"):
        load_config(DistillConfig, None, ["loss=hinge"])


def test_overrides_win_over_the_file(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text("steps: 7\nbatch: 9\nheld_out: [parus_major]\n")
    config = load_config(DistillConfig, file, ["steps=8"])
    assert (config.steps, config.batch, config.held_out) == (8, 9, ("parus_major",))
