"""Share of frames that show the singer: of all, and of those that a clip's sound is most like."""

import numpy as np

from train.bridges.heard_clips import HeardClips
from train.bridges.truth import Truth

ANY_FRAME, NEAREST_FRAME = "a random frame shows the singer", "the nearest frame shows the singer"


def visible_shares(heard: HeardClips, truth: Truth) -> dict[str, float]:
    """Ablation of Nearest Match: what the choice of frames is worth.

    A random frame is the mean over a clip's frames. The nearest one has the largest similarity
    with any window of the clip's sound.

    Args:
        heard: clips, by a student.
        truth: where each bird is seen.

    Returns:
        Shares of the clips, by name.
    """
    shown = np.array(
        [
            [
                len(truth.species_boxes(clip.recording, float(time_s), clip.label)) > 0
                for time_s in times_s
            ]
            for clip, times_s in zip(heard.clips, heard.bank.times_s, strict=True)
        ]
    )
    count, frames, dim = heard.bank.rows.shape
    similarity = heard.heard.pooled(heard.bank.rows.reshape(-1, dim))
    own = similarity.reshape(count, count, frames)[np.arange(count), np.arange(count)]
    nearest = shown[np.arange(count), own.argmax(axis=1)]
    return {ANY_FRAME: float(shown.mean()), NEAREST_FRAME: float(nearest.mean())}
