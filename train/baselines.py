"""What distillation must beat: chains and maps between the two text spaces."""

import numpy as np
import numpy.typing as npt

Embeddings = npt.NDArray[np.float32]


def zero_shot_chain(audio: Embeddings, texts: Embeddings, anchors: Embeddings) -> Embeddings:
    """Audio -> the student's own text space -> best species -> the teacher's anchor.

    Args:
        audio: float32[n, student_dim], unit rows of the CLAP model.
        texts: float32[species, student_dim], its own text embeddings.
        anchors: float32[species, dim] of the teacher.

    Returns:
        float32[n, dim], each the anchor of the nearest species.
    """
    chosen: Embeddings = anchors[(audio @ texts.T).argmax(axis=1)]
    return chosen


def ridge_map(texts: Embeddings, anchors: Embeddings, strength: float = 1e-2) -> Embeddings:
    """Linear map W from the student's text space to the teacher's: min |TW - A|^2 + s|W|^2.

    Args:
        texts: float32[n, student_dim].
        anchors: float32[n, dim].
        strength: s, relative to the mean of the Gram matrix's diagonal.

    Returns:
        float32[student_dim, dim].
    """
    gram = texts.T @ texts
    penalty: Embeddings = (
        strength * np.trace(gram) / len(gram) * np.eye(len(gram), dtype=np.float32)
    )
    solved: Embeddings = np.linalg.solve(gram + penalty, texts.T @ anchors).astype(np.float32)
    return solved


def unit(rows: Embeddings) -> Embeddings:
    """Rows scaled to length one."""
    scaled: Embeddings = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled
