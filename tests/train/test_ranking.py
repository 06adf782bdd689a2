"""Retrieval in blocks says what a whole matrix of similarities would."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from edge.contract.errors import DatasetError  # noqa: E402
from gallery.data.dataset import Dataset, Item  # noqa: E402
from tests.conftest import NAMES  # noqa: E402
from train.measure import retrieval  # noqa: E402
from train.measure import task as tasks  # noqa: E402
from train.measure.figures import Asked, Figures, are_soundscapes  # noqa: E402
from train.measure.methods import SpeciesTexts  # noqa: E402
from train.measure.metrics import bootstrap, bootstraps, ranked_metrics  # noqa: E402
from train.measure.protocol import Protocol, asked_items, shown_items  # noqa: E402
from train.measure.retrieval import LabelledEmbeddings, PooledEmbeddings  # noqa: E402
from train.measure.species_sets import SpeciesSets  # noqa: E402
from train.measure.task import AUROC, Task, rank  # noqa: E402


def flags(sets: SpeciesSets) -> np.ndarray:
    found = np.zeros((len(sets), sets.known), bool)
    for row, thing in zip(found, range(len(sets)), strict=True):
        row[sets.at(thing)] = True
    return found


def several(random: np.random.Generator, count: int, known: int) -> SpeciesSets:
    """Things of none, one or more species."""
    ids = [f"s{n}" for n in range(known)]
    sets = [set(random.choice(ids, random.integers(4))) for _ in range(count)]
    return SpeciesSets.of(sets, ids)


def unit_rows(random: np.random.Generator, count: int) -> np.ndarray:
    rows = random.standard_normal((count, 8)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def heard(random: np.random.Generator) -> PooledEmbeddings:
    """Twenty recordings of one to five windows."""
    owner = np.repeat(np.arange(20), random.integers(1, 6, 20))
    return PooledEmbeddings(unit_rows(random, len(owner)), owner)


@pytest.mark.parametrize("at_once", [0, 10**6])
def test_pooling_is_the_maximum_over_a_recordings_windows(monkeypatch, at_once):
    monkeypatch.setattr(retrieval, "_AT_ONCE", at_once)
    random = np.random.default_rng(0)
    embedded, rows = heard(random), unit_rows(random, 7)
    values = embedded.windows @ rows.T
    slow = np.stack([values[embedded.recording == n].max(axis=0) for n in range(20)])
    assert np.allclose(embedded.pooled(rows), slow, atol=1e-6)
    assert np.array_equal(embedded.loudest(values), embedded.each(lambda _: values))
    assert np.allclose(embedded.loudest(values), slow, atol=1e-6)
    assert np.allclose(embedded.part(slice(5, 12)).pooled(rows), slow[5:12], atol=1e-6)
    part = embedded.part(slice(18, 30))
    assert np.allclose(part.each(lambda windows: windows @ rows.T), slow[18:], atol=1e-6)


@pytest.mark.parametrize("numbers", [1, 200, 10**6])
def test_blocks_of_queries_find_what_the_whole_matrix_does(monkeypatch, numbers):
    monkeypatch.setattr(tasks, "_NUMBERS", numbers)
    random = np.random.default_rng(1)
    embedded, rows = heard(random), unit_rows(random, 30)
    sung, shown = several(random, 20, 5), several(random, 30, 5)
    whole, relevant = embedded.pooled(rows), flags(sung) @ flags(shown).T
    protocol = Protocol(SpeciesTexts((), unit_rows(random, 0)), sung, {})
    both = protocol._both_ways(embedded, "I", rows, shown)
    for asked, similarity, right in zip(
        both, (whole, whole.T), (relevant, relevant.T), strict=True
    ):
        found = rank(asked)
        assert np.array_equal(found.answerable, right.any(axis=1))
        expected = ranked_metrics(similarity[found.answerable], right[found.answerable])
        for name, values in expected.items():
            assert found.values[name][found.answerable] == pytest.approx(values), name
            assert np.isnan(found.values[name][~found.answerable]).all()
        assert np.array_equal(found.best, similarity.argmax(axis=1))


def test_auroc_is_the_share_of_pairs_in_order_and_a_tie_is_half_of_one():
    random = np.random.default_rng(2)
    similarity = random.integers(0, 6, (9, 40)).astype(np.float32)  # full of ties
    asked, held = SpeciesSets.each(9), several(random, 40, 9)
    found = rank(Task.of("T->A", similarity, asked, held))
    for row, right, value in zip(similarity, flags(held).T, found.values[AUROC], strict=True):
        pairs = row[right][:, None] - row[~right][None]
        assert value == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    flat = rank(Task.of("T->A", np.zeros((9, 40), np.float32), asked, held))
    assert flat.values[AUROC] == pytest.approx(0.5)


def test_equal_answers_rank_in_their_order():
    relevant = np.zeros((1, 6), bool)
    relevant[0, [2, 4]] = True
    found = ranked_metrics(np.array([[5.0, 1, 1, 1, 1, 0]]), relevant)
    assert found["rank"].tolist() == [3]
    assert found["mAP"] == pytest.approx((1 / 3 + 2 / 5) / 2)


def test_intervals_are_those_of_resampled_queries():
    random = np.random.default_rng(3)
    values, classes = random.random(50), random.integers(0, 6, 50)
    drawn = np.random.default_rng(0).integers(50, size=(1000, 50))
    by_class = [
        np.mean([values[rows][classes[rows] == n].mean() for n in np.unique(classes[rows])])
        for rows in drawn
    ]
    found = bootstraps({"a": values, "b": 1 - values}, classes, {"c": values})
    for name, means in (("a", values[drawn].mean(axis=1)), ("c", by_class)):
        interval = found[name]
        assert (interval.low, interval.high) == pytest.approx(np.percentile(means, [2.5, 97.5]))
    assert found["b"].mean == pytest.approx(1 - found["a"].mean)
    assert bootstrap(values, classes=classes) == found["c"]


def test_rows_speak_of_all_seen_and_unseen_species_and_soundscapes_of_classes(taxonomy):
    ids = list(taxonomy.ids)
    sung = SpeciesSets.of([ids[:2], ids[:1], [], ids[2:]], ids)
    similarity = np.eye(4, 3, dtype=np.float32)
    similarity[3] = [1, 0, 0.5]
    texts = SpeciesTexts(taxonomy.species, np.eye(3, dtype=np.float32))
    figures = Figures(texts, np.array([True, True, False]))
    to_names = Task.of("A->T", similarity, sung, SpeciesSets.each(3))
    from_names = Task.of("T->A", similarity.T, SpeciesSets.each(3), sung)
    asked = {task.name: Asked(task, rank(task)) for task in (to_names, from_names)}
    rows = {row["species"]: row for row in figures.rows("ours", asked["A->T"])}
    assert [(name, row["queries"]) for name, row in rows.items()] == [
        ("all", 3),
        ("seen", 2),
        ("unseen", 1),
    ]
    assert rows["unseen"]["rank"]["mean"] == 2
    assert are_soundscapes(to_names)
    assert not are_soundscapes(from_names)
    whole, *_ = figures.soundscapes("ours", asked)
    precision = asked["T->A"].ranking.values["mAP"]
    assert (whole["classes"], whole["pieces"]) == (3, 4)
    assert whole["cmAP"]["mean"] == pytest.approx(precision.mean())
    assert whole["top-1"]["mean"] == pytest.approx(1 / 3)


def dataset(taxonomy, *items: Item) -> Dataset:
    return Dataset("birds", items[0].path, taxonomy, items)


def one(tmp_path, kind: str, split: str, name: str = NAMES[0]) -> Item:
    species = name.lower().replace(" ", "_")
    return Item(tmp_path / "file", kind, species, split, "CC0", "nobody")


def test_an_empty_split_is_refused_with_the_splits_there_are(taxonomy, tmp_path):
    ids = taxonomy.ids
    pictures = dataset(taxonomy, *[one(tmp_path, "image", "validation")] * 3)
    with pytest.raises(DatasetError, match="split 'test'; it has image: 3 in validation"):
        shown_items(pictures, "test", ids, wanted=True)
    with pytest.raises(DatasetError, match="none of the 1 species"):
        shown_items(pictures, "validation", ids[1:2], wanted=True)
    assert len(shown_items(pictures, "validation", ids, wanted=True)) == 3
    sounds = dataset(taxonomy, one(tmp_path, "audio", "train"))
    assert shown_items(sounds, "test", ids, wanted=False) == []
    with pytest.raises(DatasetError, match="split 'test'; it has audio: 1 in train"):
        asked_items(sounds, "test")


def test_a_gallery_is_asked_by_the_listeners_search(taxonomy):
    random = np.random.default_rng(5)
    ids = np.array(taxonomy.ids)
    gallery = LabelledEmbeddings(unit_rows(random, 12), ids[np.arange(12) % 3])
    sung = SpeciesSets.of([[ids[n % 3]] for n in range(20)], ids.tolist())
    texts = SpeciesTexts(taxonomy.species, unit_rows(random, 3))
    protocol = Protocol(texts, sung, {"": gallery})
    found = {task.name: rank(task) for task in protocol.tasks(heard(random), None)}
    assert set(found) == {"A->T", "T->A", "A->I", "I->A", "A->species"}
    assert all(ranking.answerable.all() for ranking in found.values())
