"""Who is listened for, and when a species is reported."""

import pytest

from edge.contract.audio_spec import AudioSpec
from edge.contract.caution import SHARES, hits_needed
from edge.contract.errors import ConfigError
from edge.contract.taxonomy import Species, Taxonomy
from edge.decision.confirm import Confirmer, Hit
from edge.decision.rules import Override, read_overrides
from edge.decision.selection import select

SPEC = AudioSpec(48_000, 120, 30)
BIRDS = (
    ("Parus major", "Great Tit", "Passeriformes", "Paridae"),
    ("Periparus ater", "Coal Tit", "Passeriformes", "Paridae"),
    ("Turdus merula", "Common Blackbird", "Passeriformes", "Turdidae"),
    ("Strix aluco", "Tawny Owl", "Strigiformes", "Strigidae"),
)
TITS, ALL = ["parus_major", "periparus_ater"], [b[0].lower().replace(" ", "_") for b in BIRDS]


@pytest.fixture
def taxonomy():
    return Taxonomy(
        tuple(
            Species(
                name.lower().replace(" ", "_"),
                name,
                common,
                *("Animalia", "Chordata", "Aves", order, family),
                *name.split(),
            )
            for name, common, order, family in BIRDS
        )
    )


@pytest.mark.parametrize(
    ("include", "exclude", "left"),
    [
        (None, None, ALL),
        ("Paridae", None, TITS),
        ("Passeriformes", "Turdus", TITS),
        ("great tit, Strix aluco", None, ["parus_major", "strix_aluco"]),
        (None, "passeriformes", ["strix_aluco"]),
        ("Paridae", "Periparus ater", ["parus_major"]),
    ],
)
def test_names_of_any_rank_narrow_the_list_down_in_its_order(taxonomy, include, exclude, left):
    assert select(taxonomy, ALL, include, exclude) == left


def test_names_can_stand_in_a_file(taxonomy, tmp_path):
    (tmp_path / "garden.txt").write_text("# mine\nParidae\n\nTawny Owl\n")
    found = select(taxonomy, ALL, str(tmp_path / "garden.txt"), None)
    assert found == [*TITS, "strix_aluco"]


def test_a_list_longer_than_a_file_name_may_be_is_a_list(taxonomy):
    assert select(taxonomy, ALL, ", ".join(["Parus major"] * 60), None) == ["parus_major"]


@pytest.mark.parametrize("text", ["Turdus merulla", "Paridea", "x", ",", ""])
def test_an_unknown_name_is_an_error_that_names_the_nearest(taxonomy, text):
    with pytest.raises(ConfigError) as error:
        select(taxonomy, ALL, None, text)
    near = {"Turdus merulla": "turdus merula", "Paridea": "paridae"}.get(text, "")
    assert near in str(error.value)


def test_nothing_left_is_an_error(taxonomy):
    with pytest.raises(ConfigError, match="leave no species"):
        select(taxonomy, ALL, "Paridae", "Passeriformes")


def test_caution_asks_for_a_share_of_the_windows_that_hold_one_instant():
    assert [hits_needed(4, number) for number in range(len(SHARES))] == [1, 1, 2, 3, 4, 4]
    assert [hits_needed(10, number) for number in range(len(SHARES))] == [1, 3, 5, 7, 8, 10]
    assert {hits_needed(1, number) for number in range(len(SHARES))} == {1}


@pytest.mark.parametrize("overlap", range(1, 20))
def test_more_caution_never_needs_fewer_hits_nor_more_than_there_are(overlap):
    needed = [hits_needed(overlap, number) for number in range(len(SHARES))]
    assert needed == sorted(needed)
    assert needed[0] == 1
    assert needed[-1] == overlap


def test_a_species_with_a_caution_of_its_own_is_reported_after_one_call():
    confirmer = Confirmer(SPEC, caution=5, cautions={7: 0})
    found = confirmer.update(0, {7: Hit(0, 0.9, "x"), 8: Hit(0, 0.9, "y")})
    assert [(each.species, each.hits_needed) for each in found] == [(7, 1)]
    later = [confirmer.update(n * 30, {8: Hit(n * 30, 0.9, "y")}) for n in (1, 2, 3)]
    assert [(each.species, each.hits) for found in later for each in found] == [(8, 4)]


def test_what_fails_is_told_once_with_what_was_missing():
    confirmer = Confirmer(SPEC)
    confirmer.update(0, {1: Hit(0, 0.9, "x")})
    for n in range(1, 6):
        confirmer.update(n * 30, {})
    (failed,) = confirmer.take_failed()
    assert (failed.species, failed.hits, failed.hits_needed) == (1, 1, 2)
    assert confirmer.take_failed() == []
    confirmer.update(200, {2: Hit(200, 0.9, "x")})
    assert confirmer.finish() == []
    assert [each.species for each in confirmer.take_failed()] == [2]


def test_overrides_hold_for_groups_and_later_lines_win(taxonomy, tmp_path):
    file = tmp_path / "rules.csv"
    file.write_text("name,caution,threshold\nPasseriformes,3,\nParus major,0,0.9\nTawny Owl,,0.2\n")
    rules = read_overrides(file, taxonomy)
    assert rules["turdus_merula"] == Override(3, None)
    assert rules["parus_major"] == Override(0, 0.9)
    assert rules["strix_aluco"] == Override(None, 0.2)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("Parus major,9,", "caution: 9"),
        ("Parus major,x,", "line 2"),
        ("Parus major,,1.5", "threshold: 1.5"),
        ("Parus maior,1,", "did you mean 'parus major'"),
        ("Parus major,1", "line 2"),
        ("Parus major,²,", "line 2: caution: '²', expected a whole number from 0 to 5"),
        ("Parus major,1.5,", "caution: 1.5, expected a whole number"),
        ("Parus major,,nan", "threshold: 'nan', expected a number from 0 to 1"),
        ("Parus major,,1e999", "threshold: 1e999, expected"),
    ],
)
def test_a_rule_that_cant_be_used_is_named(taxonomy, tmp_path, line, problem):
    (tmp_path / "rules.csv").write_text(f"name,caution,threshold\n{line}\n")
    with pytest.raises(ConfigError, match=problem):
        read_overrides(tmp_path / "rules.csv", taxonomy)


def test_a_listener_follows_them(birdlisten, bundle_path, tmp_path):
    chorus = ("--input", bundle_path / "chorus.flac", "--json", "--threshold", "0.7")
    usual = birdlisten(*chorus).records()
    bold = birdlisten(*chorus, "--caution", 0).records()
    timid = birdlisten(*chorus, "--caution", 5).records()
    assert len(timid) < len(usual) < len(bold)
    assert {one["hits_needed"] for one in bold} == {1}
    (tmp_path / "rules.csv").write_text("name,caution,threshold\nPasseriformes,,1\n")
    ruled = birdlisten(*chorus, "--overrides", tmp_path / "rules.csv").records()
    assert 0 < len(ruled) < len(usual)
    name = usual[0]["scientific_name"]
    without = birdlisten(*chorus, "--exclude", name).records()
    assert name not in {one["scientific_name"] for one in without}
    alone = birdlisten(*chorus, "--include", name).records()
    assert {one["scientific_name"] for one in alone} == {name}


@pytest.mark.parametrize(
    "flags", [("--caution", 6), ("--caution", "much"), ("--exclude", "Parus maior")]
)
def test_bad_rules_are_usage_errors(birdlisten, bundle_path, flags):
    ended = birdlisten("--input", bundle_path / "chorus.flac", *flags)
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
