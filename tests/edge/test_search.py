import numpy as np
import pytest

from edge.contract.errors import BundleError
from edge.contract.gallery import Gallery, GalleryRow
from edge.recognition.background import BANK_ROWS, BackgroundBank, thinned
from edge.recognition.prototypes import Prototypes
from edge.recognition.search import Search
from edge.recognition.shortlist import SHORTLIST

DIM = 16
OWNERS = ["a", "b", "a", "c", "b", "a", "a", "c", "d"]
IDS = ["c", "a", "b", "d"]


def unit(count: int, seed: int, dtype: type = np.float16) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(dtype)


def gallery(owners: list[str] = OWNERS) -> Gallery:
    table = tuple(GalleryRow(owner, f"{owner}.jpg", "", "", "") for owner in owners)
    return Gallery(unit(len(owners), 1), table)


def slow(queries: np.ndarray, k: int, background: np.ndarray | None) -> tuple:
    """edge/architecture.md, "From an embedding to a detection", word by word."""
    rows = gallery().rows.astype(np.float64)
    score, similarity = np.zeros((len(queries), len(IDS))), np.zeros((len(queries), len(IDS)))
    for q, query in enumerate(queries):
        for s, species in enumerate(IDS):
            plain, standardised = [], []
            for row, owner in zip(rows, OWNERS, strict=True):
                if owner != species:
                    continue
                cosine = float(query.astype(np.float64) @ row)
                plain.append(cosine)
                if background is not None:
                    heard = [float(one.astype(np.float64) @ row) for one in background]
                    cosine = (cosine - np.mean(heard)) / np.std(heard)
                standardised.append(cosine)
            score[q, s] = np.mean(sorted(standardised)[-k:])
            similarity[q, s] = np.mean(sorted(plain)[-k:])
    return score, similarity


@pytest.mark.parametrize("k", [1, 2, 3, 4, 50])
@pytest.mark.parametrize("background", [None, unit(40, 2)], ids=["plain", "corrected"])
def test_scores_equal_the_literal_definition(k: int, background: np.ndarray | None) -> None:
    queries = unit(5, 3, np.float32)
    found = Search(gallery(), IDS, k, background).scores(queries)
    score, similarity = slow(queries, k, background)
    assert found.score == pytest.approx(score, abs=1e-4)
    assert found.similarity == pytest.approx(similarity, abs=1e-5)


def test_a_row_that_is_near_everything_is_marked_down() -> None:
    hub = np.ones((1, DIM)) / np.sqrt(DIM)
    spread = 0.05 * np.random.default_rng(5).normal(size=(30, DIM))
    background = hub + spread
    background /= np.linalg.norm(background, axis=1, keepdims=True)
    rows = np.concatenate([hub, unit(1, 8)]).astype(np.float16)
    table = tuple(GalleryRow(owner, "", "", "", "") for owner in ("hub", "other"))
    query = (background[:1] + 0.3 * unit(1, 8)).astype(np.float32)
    query /= np.linalg.norm(query)
    found = Search(Gallery(rows, table), ["hub", "other"], 1, background.astype(np.float16))
    scores = found.scores(query)
    assert scores.similarity[0].argmax() == 0
    assert scores.score[0].argmax() == 1


def test_scores_of_a_window_do_not_depend_on_its_batch() -> None:
    search, queries = Search(gallery(), IDS, 2, unit(9, 2)), unit(7, 3, np.float32)
    together = search.scores(queries)
    for n in range(7):
        alone = search.scores(queries[n : n + 1])
        assert alone.score[0] == pytest.approx(together.score[n], abs=1e-5)


def test_species_without_a_picture_are_left_out() -> None:
    search = Search(gallery(), ["a", "dodo", "d"], 2)
    assert search.species_ids == ["a", "d"]
    assert search.scores(unit(2, 3, np.float32)).score.shape == (2, 2)


def test_a_gallery_without_any_of_the_species_is_refused() -> None:
    with pytest.raises(BundleError, match="none of the chosen species"):
        Search(gallery(), ["dodo"], 2)


@pytest.mark.parametrize("count", [1, 2, 4, 99])
def test_best_rows_are_the_species_own_nearest_first(count: int) -> None:
    search, query = Search(gallery(), IDS, 2, unit(9, 2)), unit(1, 3, np.float32)[0]
    rows = gallery().rows.astype(np.float32) @ query
    best = search.best_rows(query, IDS.index("a"), count)
    own = sorted((float(rows[n]) for n, owner in enumerate(OWNERS) if owner == "a"), reverse=True)
    assert [similarity for _, similarity in best] == pytest.approx(own[:count])
    assert all(OWNERS[row] == "a" for row, _ in best)
    assert [rows[row] for row, _ in best] == pytest.approx([one for _, one in best])


def crowd(species: int, seed: int = 4) -> tuple[Gallery, list[str]]:
    """Species with one to seven pictures around a centre of their own."""
    random = np.random.default_rng(seed)
    centres, counts = random.normal(size=(species, DIM)), random.integers(1, 8, species)
    rows = np.repeat(centres, counts, axis=0) + 0.4 * random.normal(size=(counts.sum(), DIM))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    ids = [f"s{n}" for n in range(species)]
    order = random.permutation(len(rows))
    owners = np.repeat(ids, counts)[order]
    table = tuple(GalleryRow(str(owner), "", "", "", "") for owner in owners)
    return Gallery(rows[order].astype(np.float16), table), ids


@pytest.mark.parametrize("background", [None, unit(40, 2)], ids=["plain", "corrected"])
def test_a_shortlist_finds_what_looking_at_every_picture_finds(background) -> None:
    pictures, ids = crowd(400)
    queries = pictures.rows[::9].astype(np.float32)
    every = Search(pictures, ids, 3, background).scores(queries)
    some = Search(pictures, ids, 3, background, many_rows=100).scores(queries)
    assert (some.score.argmax(axis=1) == every.score.argmax(axis=1)).mean() > 0.98
    looked = some.similarity > -1
    assert (looked.sum(axis=1) >= SHORTLIST).all()
    assert (looked.sum(axis=1) <= 2 * SHORTLIST).all()
    assert some.score[looked] == pytest.approx(every.score[looked], abs=1e-4)
    assert some.similarity[looked] == pytest.approx(every.similarity[looked], abs=1e-5)


def test_nobody_off_the_shortlist_overtakes_its_best() -> None:
    pictures, ids = crowd(400)
    found = Search(pictures, ids, 3, unit(40, 2), many_rows=100).scores(unit(50, 6, np.float32))
    for score, looked in zip(found.score, found.similarity > -1, strict=True):
        assert score[~looked].max() <= np.sort(score[looked])[-SHORTLIST] + 1e-5


@pytest.mark.parametrize("size", [0, 1])
def test_a_background_too_small_for_a_deviation_corrects_nothing(size: int) -> None:
    found = Search(gallery(), IDS, 2, unit(2, 2)[:size]).scores(unit(3, 3, np.float32))
    assert found.score == pytest.approx(found.similarity)


def test_a_species_that_was_heard_scores_by_the_mean_of_its_sounds() -> None:
    heard, bank = unit(3, 6), unit(40, 2)
    near = heard.sum(axis=0, dtype=np.float32) + 0.3 * unit(3, 5, np.float32)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    queries = np.concatenate([unit(6, 5, np.float32), near])
    plain = Search(gallery(), IDS, 2, bank).scores(queries)
    taught = Search(gallery(), IDS, 2, bank, exemplars={"b": heard, "nobody": heard})
    found = taught.scores(queries)
    mean = heard.astype(np.float64).mean(axis=0)
    mean /= np.linalg.norm(mean)
    noise = bank.astype(np.float64) @ mean
    expected = (queries @ mean - noise.mean()) / noise.std()
    column = IDS.index("b")
    better = (queries @ mean >= 0.8) & (expected > plain.score[:, column])
    assert found.score[:, column] == pytest.approx(
        np.where(better, expected, plain.score[:, column]), abs=1e-4
    )
    assert better.any()
    assert not better.all()
    assert found.similarity[better, column] == pytest.approx((queries @ mean)[better], abs=1e-5)
    others = [n for n, id in enumerate(IDS) if id != "b"]
    assert np.array_equal(found.score[:, others], plain.score[:, others])


def test_with_a_map_an_exemplar_is_worth_what_its_likeness_is() -> None:
    queries, heard, bank = unit(6, 5, np.float32), unit(1, 6), unit(40, 2)
    plain = Search(gallery(), IDS, 2, bank).scores(queries)
    taught = Search(gallery(), IDS, 2, bank, exemplars={"b": heard}, scale=lambda like: 9 * like)
    column, cosine = IDS.index("b"), queries @ heard[0].astype(np.float32)
    expected = np.maximum(plain.score[:, column], 9 * cosine)
    assert taught.scores(queries).score[:, column] == pytest.approx(expected, abs=1e-2)


def test_a_station_counts_for_a_quarter_beside_a_bank_that_tells_more() -> None:
    shipped, own, rows = unit(64, 2), unit(500, 3), unit(4, 5, np.float32)
    beside = BackgroundBank(shipped)
    means = [BackgroundBank(bank).moments(rows).mean for bank in (shipped, own)]
    both = BackgroundBank(own, beside).moments(rows)
    assert both.mean == pytest.approx(0.75 * means[0] + 0.25 * means[1], abs=1e-5)


@pytest.mark.parametrize("many_rows", [1, 10_000])
def test_exemplars_count_with_a_shortlist_too(many_rows: int) -> None:
    owners = [f"s{n % 60}" for n in range(180)]
    ids = sorted(set(owners))
    table = tuple(GalleryRow(owner, "", "", "", "") for owner in owners)
    crowd = Gallery(unit(180, 9), table)
    query = unit(1, 10, np.float32)
    found = Search(crowd, ids, 2, None, many_rows, exemplars={"s7": query.astype(np.float16)})
    assert ids[int(found.scores(query).score.argmax())] == "s7"


def test_a_species_without_a_picture_is_known_by_its_name_or_its_sound() -> None:
    anchor, sound = unit(1, 7)[0], unit(1, 8)
    anchors = {"z": anchor, "a": unit(1, 9)[0]}
    search = Search(gallery(), ["z", "a", "y"], 2, None, anchors=anchors, exemplars={"y": sound})
    assert search.species_ids == ["z", "a", "y"]
    named = search.scores(anchor[None].astype(np.float32))
    assert named.score[0].argmax() == 0
    assert named.similarity[0, 0] == pytest.approx(1, abs=1e-2)
    assert search.scores(sound.astype(np.float32)).score[0].argmax() == 2
    assert search.best_rows(anchor.astype(np.float32), 0, 3) == []
    pictured = Search(gallery(), ["a"], 2).scores(anchor[None].astype(np.float32))
    assert named.score[0, 1] == pytest.approx(pictured.score[0, 0])


@pytest.mark.parametrize("species", IDS)
def test_best_rows_of_a_species_leave_out_none_of_its_pictures(species: str) -> None:
    search, query = Search(gallery(), IDS, 2), unit(1, 3, np.float32)[0]
    best = search.best_rows(query, IDS.index(species), 99)
    assert sorted(row for row, _ in best) == [
        row for row, owner in enumerate(OWNERS) if owner == species
    ]


@pytest.mark.parametrize("background", [None, unit(40, 2)], ids=["plain", "corrected"])
def test_off_the_shortlist_a_species_scores_the_mean_over_all_its_pictures(background) -> None:
    pictures, ids = crowd(60)
    queries = unit(8, 6, np.float32)
    found = Search(pictures, ids, 1, background, many_rows=1).scores(queries)
    rows = pictures.rows.astype(np.float64)
    corrected = queries @ rows.T
    if background is not None:
        heard = background.astype(np.float64) @ rows.T
        corrected = (corrected - heard.mean(axis=0)) / heard.std(axis=0)
    owners = np.array([row.species_id for row in pictures.table])
    means = np.stack([corrected[:, owners == species].mean(axis=1) for species in ids], axis=1)
    left = found.similarity == -1
    assert (left.sum(axis=1) <= len(ids) - SHORTLIST).all()
    assert left.any(axis=0).all()  # each species is off the list of some query
    assert found.score[left] == pytest.approx(means[left], abs=1e-3)


def test_on_a_shortlist_every_picture_of_a_species_counts() -> None:
    pictures, ids = crowd(60)
    some, every = (Search(pictures, ids, 50, None, many_rows) for many_rows in (1, 10_000))
    for query in pictures.rows[:: len(pictures.rows) // 40].astype(np.float32):
        listed, whole = some.scores(query[None]), every.scores(query[None])
        looked = listed.similarity > -1
        assert listed.similarity[looked] == pytest.approx(whole.similarity[looked], abs=1e-5)


def test_as_many_rows_as_are_allowed_are_all_looked_at() -> None:
    pictures, ids = crowd(60)
    queries, rows = unit(3, 6, np.float32), len(pictures.rows)
    assert Search(pictures, ids, 2, None, rows).scores(queries).similarity.min() > -1
    assert Search(pictures, ids, 2, None, rows - 1).scores(queries).similarity.min() == -1


def test_few_species_with_many_pictures_need_no_shortlist() -> None:
    queries = unit(5, 3, np.float32)
    found = Search(gallery(), IDS, 2, unit(9, 2), many_rows=1).scores(queries)
    every = Search(gallery(), IDS, 2, unit(9, 2)).scores(queries)
    assert np.array_equal(found.score, every.score)


def test_a_background_of_two_windows_corrects() -> None:
    bank, queries = unit(2, 8), unit(3, 3, np.float32)
    score, _ = slow(queries, 2, bank)
    assert Search(gallery(), IDS, 2, bank).scores(queries).score == pytest.approx(score, rel=1e-2)


@pytest.mark.parametrize("size", [0, 1, 2])
def test_prototypes_of_any_length_are_standardised_from_two_windows_on(size: int) -> None:
    rows, bank, queries = 3 * unit(4, 5), unit(2, 8)[:size], unit(3, 3, np.float32)
    cosine, score = Prototypes(list(rows), BackgroundBank(bank)).scores(queries)
    directions = rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    expected = queries @ directions.T
    assert cosine == pytest.approx(expected, abs=1e-4)
    if size == 2:
        heard = bank @ directions.T
        expected = (expected - heard.mean(axis=0)) / np.maximum(heard.std(axis=0), 0.05)
    assert score == pytest.approx(expected, abs=1e-2)


def test_a_background_without_any_spread_blows_no_score_up() -> None:
    bank, queries = np.repeat(unit(1, 2), 5, axis=0), unit(3, 3, np.float32)
    assert np.abs(Search(gallery(), IDS, 2, bank).scores(queries).score).max() < 50


@pytest.mark.parametrize(
    ("windows", "step"), [(1, 1), (1024, 1), (1025, 2), (2048, 2), (2049, 3), (5000, 5)]
)
def test_a_large_background_is_thinned_evenly_to_what_is_allowed(windows: int, step: int) -> None:
    bank = np.arange(windows)
    assert np.array_equal(thinned(bank), bank[::step])
    assert len(thinned(bank)) <= BANK_ROWS


@pytest.mark.parametrize("gently", [True, False])
@pytest.mark.parametrize("many_rows", [1, 10_000])
@pytest.mark.parametrize("shipped", [0, 1, 2, 30])
@pytest.mark.parametrize("own", [0, 1, 9])
def test_windows_learnt_later_count_like_those_known_at_once(
    shipped: int, own: int, many_rows: int, gently: bool
) -> None:
    pictures, ids = crowd(60)
    bank, queries = unit(shipped + own, 2), unit(8, 6, np.float32)
    heard = {"s7": queries[:2].astype(np.float16)}
    opened = Search(pictures, ids, 3, bank[:shipped], many_rows)
    beside = BackgroundBank(bank[:shipped])
    taught = opened.taught(heard, BackgroundBank(bank[shipped:], beside, gently))
    expected = Search(pictures, ids, 3, bank, many_rows, exemplars=heard).scores(queries)
    found = taught.scores(queries)
    assert found.score == pytest.approx(expected.score, abs=2e-3)
    assert found.similarity == pytest.approx(expected.similarity, abs=1e-4)
    back = taught.taught({}, BackgroundBank(None, beside, gently)).scores(queries)
    assert back.score == pytest.approx(opened.scores(queries).score, abs=1e-4)
