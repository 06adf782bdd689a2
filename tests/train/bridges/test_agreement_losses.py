"""Losses of temporal agreement, against their equations written out in loops of numpy."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.nn.functional import normalize  # noqa: E402

from train.bridges.agreement_losses import (  # noqa: E402
    chosen_nce,
    matched_nce,
    multiframe_clip_nce,
    multiframe_nce,
    near_positives,
    nearest_frames,
    nearest_nce,
    paired_nce,
    text_nce,
)
from train.distillation.losses import clip_loss  # noqa: E402

CLIPS, FRAMES, DIM, SCALE = 5, 3, 4, 6.0
SPECIES = (2, 0, 2, -1, -1)
"""Of the clips; the last two show none, and are no kin for that."""


@pytest.fixture
def rows():
    random = torch.Generator().manual_seed(5)
    audio = normalize(torch.randn(CLIPS, FRAMES, DIM, generator=random), dim=2)
    frames = normalize(torch.randn(CLIPS, FRAMES, DIM, generator=random), dim=2)
    return audio, frames


def literal_nce(logits: np.ndarray, left_out: set[tuple[int, int]] = frozenset()) -> float:
    """Mean over pairs and both directions of -log softmax, a term at a time."""
    total = 0.0
    for b in range(len(logits)):
        across = [np.exp(logits[b, c]) for c in range(len(logits)) if (b, c) not in left_out]
        down = [np.exp(logits[c, b]) for c in range(len(logits)) if (c, b) not in left_out]
        total -= np.log(np.exp(logits[b, b]) / sum(across)) / 2
        total -= np.log(np.exp(logits[b, b]) / sum(down)) / 2
    return total / len(logits)


def products(first, other) -> np.ndarray:
    found = np.zeros((len(first), len(other)))
    for b, row in enumerate(first.double().numpy()):
        for c, partner in enumerate(other.double().numpy()):
            found[b, c] = SCALE * sum(x * y for x, y in zip(row, partner, strict=True))
    return found


def kin(groups) -> set[tuple[int, int]]:
    count = range(len(groups))
    return {(b, c) for b in count for c in count if b != c and groups[b] == groups[c] >= 0}


def of(loss, *arguments, near=None) -> float:
    mask = None if near is None else near_positives(torch.tensor(near))
    return float(loss(*arguments, torch.tensor(SCALE), mask))


@pytest.mark.parametrize("near", [None, SPECIES])
def test_pairs_equal_the_equation(rows, near):
    first, other = rows[0][:, 0], rows[1][:, 0]
    left_out = kin(near) if near else set()
    expected = literal_nce(products(first, other), left_out)
    assert of(paired_nce, first, other, near=near) == pytest.approx(expected, 1e-5)


def test_without_a_mask_pairs_cost_what_they_do_in_clip(rows):
    first, other = rows[0][:, 0], rows[1][:, 0]
    expected = float(clip_loss(first, other, torch.tensor(SCALE)))
    assert of(paired_nce, first, other) == pytest.approx(expected, 1e-6)


def test_the_nearest_frame_is_the_most_similar_one(rows):
    audio, frames = rows[0][:, 0], rows[1]
    expected = [
        max(range(FRAMES), key=lambda frame: float(audio[b] @ frames[b, frame]))
        for b in range(CLIPS)
    ]
    assert nearest_frames(audio, frames).tolist() == expected
    assert len(set(expected)) > 1


@pytest.mark.parametrize("near", [None, SPECIES])
def test_one_frame_of_each_clip_equals_the_equation(rows, near):
    audio, frames = rows[0][:, 0], rows[1]
    chosen = [2, 0, 1, 1, 2]
    partners = torch.stack([frames[b, frame] for b, frame in enumerate(chosen)])
    expected = literal_nce(products(audio, partners), kin(near) if near else set())
    found = of(chosen_nce, audio, frames, torch.tensor(chosen), near=near)
    assert found == pytest.approx(expected, 1e-5)


def test_nearest_match_to_the_letter_compares_negatives_by_their_nearest_frame_too(rows):
    audio, frames = rows[0][:, 0], rows[1]
    logits = np.max([products(audio, frames[:, frame]) for frame in range(FRAMES)], axis=0)
    assert of(nearest_nce, audio, frames) == pytest.approx(literal_nce(logits), 1e-5)
    expected = literal_nce(logits, kin(SPECIES))
    assert of(nearest_nce, audio, frames, near=SPECIES) == pytest.approx(expected, 1e-5)
    assert of(nearest_nce, audio, frames) > of(
        chosen_nce, audio, frames, nearest_frames(audio, frames)
    )


@pytest.mark.parametrize("group", [None, range(CLIPS), SPECIES])
def test_multiframe_of_segments_equals_the_equation(rows, group):
    """Every segment is a row of its own; those of one clip, or species, may be left out."""
    segments, frames = rows
    first = torch.stack([segments[b, n] for b in range(CLIPS) for n in range(FRAMES)])
    other = torch.stack([frames[b, n] for b in range(CLIPS) for n in range(FRAMES)])
    near = None if group is None else [group[b] for b in range(CLIPS) for _ in range(FRAMES)]
    expected = literal_nce(products(first, other), kin(near) if near else set())
    assert of(multiframe_nce, segments, frames, near=near) == pytest.approx(expected, 1e-5)


@pytest.mark.parametrize("near", [None, SPECIES])
def test_multiframe_of_clips_equals_the_equation(rows, near):
    audio, frames = rows[0][:, 0], rows[1]
    left_out = kin(near) if near else set()
    parts = [literal_nce(products(audio, frames[:, n]), left_out) for n in range(FRAMES)]
    expected = sum(parts) / FRAMES
    assert of(multiframe_clip_nce, audio, frames, near=near) == pytest.approx(expected, 1e-5)


INSIDE = torch.tensor([[1, 1, 0], [0, 1, 1], [1, 1, 1], [0, 1, 0], [1, 1, 0]]).bool()
"""Frames that are shown while the clip is heard."""


def test_frames_outside_the_window_are_nobodys_partners(rows):
    segments, frames = rows
    audio, scale = segments[:, 0], torch.tensor(SCALE)
    best = products(audio, frames.flatten(0, 1)).reshape(CLIPS, CLIPS, FRAMES)
    best = np.where(INSIDE.numpy(), best, -np.inf)
    expected = [int(np.argmax(best[b, b])) for b in range(CLIPS)]
    assert nearest_frames(audio, frames, INSIDE).tolist() == expected
    assert expected != nearest_frames(audio, frames).tolist()
    found = float(nearest_nce(audio, frames, scale, None, INSIDE))
    assert found == pytest.approx(literal_nce(best.max(axis=2)), 1e-5)


def test_multiframe_pairs_only_what_is_heard_and_seen(rows):
    segments, frames = rows
    audio, scale = segments[:, 0], torch.tensor(SCALE)
    near = near_positives(torch.tensor(SPECIES).repeat_interleave(FRAMES))
    pairs = [(b, n) for b in range(CLIPS) for n in range(FRAMES) if INSIDE[b, n]]
    first = torch.stack([segments[pair] for pair in pairs])
    other = torch.stack([frames[pair] for pair in pairs])
    expected = literal_nce(products(first, other), kin([SPECIES[b] for b, _ in pairs]))
    found = float(multiframe_nce(segments, frames, scale, near, INSIDE))
    assert found == pytest.approx(expected, 1e-5)
    parts = [
        literal_nce(products(audio[INSIDE[:, n]], frames[INSIDE[:, n], n])) for n in range(FRAMES)
    ]
    found = float(multiframe_clip_nce(audio, frames, scale, None, INSIDE))
    assert found == pytest.approx(sum(parts) / FRAMES, 1e-5)


@pytest.mark.parametrize("near", [None, SPECIES])
def test_a_clip_is_compared_with_a_text_by_its_most_similar_segment(rows, near):
    segments, texts = rows[0], rows[1][:, 0]
    logits = np.max([products(segments[:, n], texts) for n in range(FRAMES)], axis=0)
    expected = literal_nce(logits, kin(near) if near else set())
    assert of(text_nce, segments, texts, near=near) == pytest.approx(expected, 1e-5)


def test_near_positives_get_no_gradient(rows):
    audio, frames = rows[0][:, 0].clone(), rows[1][:, 0].clone().requires_grad_()
    near = near_positives(torch.tensor([0, 0, 1, 2, 3]))
    logits = torch.tensor(SCALE) * audio @ frames.T
    logits.retain_grad()
    matched_nce(logits, near).backward()
    assert logits.grad[near].abs().max() == 0
    assert (logits.grad[~near] != 0).all()
