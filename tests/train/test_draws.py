"""How often each taught sound is drawn."""

import pytest

torch = pytest.importorskip("torch")

from train.sound.draws import make_draws  # noqa: E402

NONE = torch.empty(0)
SURE, UNSURE = 20.0, -20.0


def hints(*logits: float):
    """Of mixtures, of whose two labels the second is no species of ours."""
    return torch.tensor([[[0.5, logit, SURE]] for logit in logits]).half()


def drawn(favoured, mixtures=NONE, repeated=NONE, windows=0.0, least=0.1):
    found = make_draws(
        favoured,
        mixtures,
        repeated,
        torch.tensor([-2]),
        favoured_windows=windows,
        least_chance=least,
    )
    assert len(found.kinds) == len(found.chances)
    assert found.shares.sum() == pytest.approx(1)
    return found


def test_recordings_and_mixtures_go_by_the_roots_of_their_counts():
    found = drawn([True, False, False, False], hints(*9 * [SURE]))
    assert found.shares[found.kinds].tolist() == pytest.approx(4 * [0.4] + 9 * [0.6])


def test_favoured_recordings_have_their_share():
    found = drawn([True, False], hints(SURE), windows=0.3)
    assert found.shares[found.kinds].tolist() == pytest.approx([0.3, 0.35, 0.35])


def test_what_is_rehearsed_takes_the_place_of_other_recordings():
    found = drawn([True, False], hints(SURE, SURE), hints(SURE), 0.3)
    assert found.shares[found.kinds].tolist() == pytest.approx([0.3, 0.0, 0.5, 0.5, 0.2])


def test_a_share_that_nobody_can_have_goes_to_the_others():
    found = drawn([False, False], windows=0.3)
    assert found.shares[found.kinds].tolist() == [1.0, 1.0]


def test_mixtures_with_a_bird_of_ours_are_drawn_more_often():
    found = drawn([False], hints(SURE, UNSURE), hints(UNSURE))
    assert found.chances.tolist() == pytest.approx([1.0, 1.1, 0.1, 0.1], abs=1e-3)


def test_background_is_heard_as_often_as_asked():
    found = drawn([False], hints(SURE, UNSURE), least=0.5)
    assert found.chances.tolist() == pytest.approx([1.0, 1.5, 0.5], abs=1e-3)
