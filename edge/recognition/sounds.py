"""Sounds: what of a window tells one sound from another, where its embedding tells names.

An encoder that projects by names lays all windows of a sure species on one spot. Its features
before that, along the axes that its bundle ships (principal components, each divided by the fourth
root of its variance), lie apart. Without such features the embedding is all there is. In that of an
ear silence, noise and all that it has no name for lie on one spot, and whatever lies there is like
nothing: else one confirmed sound makes background its bird (train/results/verdicts.md).
"""

import numpy as np

from edge.contract.arrays import Float16s, Float32s
from edge.recognition.prototypes import ALIKE


class SoundSpace:
    """The space in which sounds are compared.

    Args:
        axes: float16[1 + sound_dim, width] as `Bundle.features` gives them; None without any.
        silence: float32[dim], the embedding of a mute window; None: it may be like any other.
    """

    def __init__(self, axes: Float16s | None, silence: Float32s | None = None) -> None:
        self._axes = None if axes is None else axes.astype(np.float32)
        self._silence = silence

    @property
    def is_of_features(self) -> bool:
        """False where the embedding is all there is."""
        return self._axes is not None

    def of(self, embeddings: Float32s, features: Float32s | None) -> Float32s:
        """Sounds of windows.

        Args:
            embeddings: float32[batch, dim].
            features: float32[batch, width] of the encoder, or None where they were not kept.

        Returns:
            float32[batch, sound_dim] of length 1; zeros, which are like nothing, where the features
            that it takes are lacking, or no numbers, and of what can't be told from silence.
        """
        if self._axes is None:
            return embeddings if self._silence is None else _audible(embeddings, self._silence)
        if features is None:
            return np.zeros((len(embeddings), len(self._axes) - 1), np.float32)
        finite = np.where(np.isfinite(features).all(axis=1, keepdims=True), features, self._axes[0])
        seen = (finite - self._axes[0]) @ self._axes[1:].T
        length = np.linalg.norm(seen, axis=1, keepdims=True)
        return np.asarray(seen / np.maximum(length, np.float32(1e-6)), np.float32)


def _audible(embeddings: Float32s, silence: Float32s) -> Float32s:
    mute = embeddings @ silence >= ALIKE
    return np.where(mute[:, None], np.float32(0), embeddings) if mute.any() else embeddings
