"""Texts to rows of the gallery's space, by the teacher's text tower."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.arrays import Float32s
from edge.contract.errors import BundleError
from edge.contract.manifest import TEXT_ENCODER, TOKENIZER, Manifest
from edge.contract.roles import read_role
from edge.recognition.runtime import RuntimeOptions, open_session
from edge.recognition.tokenizer import Tokenizer


class TextEncoder:
    """A bundle's text tower, int64[batch, length] -> float32[batch, dim], with its tokenizer.

    Args:
        folder: of the bundle.
        manifest: the bundle's.

    Raises:
        BundleError: the bundle has none, or it doesn't run.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        graph = read_role(folder, manifest, TEXT_ENCODER)
        self._tokenizer = Tokenizer(read_role(folder, manifest, TOKENIZER))
        self._dim = manifest.embedding_dim
        self._session = open_session(graph, RuntimeOptions("cpu", threads=0), TEXT_ENCODER)
        self._length = _length(self._session)

    def embed(self, texts: Sequence[str]) -> Float32s:
        """Rows of texts, float32[n, dim], unit length.

        Raises:
            BundleError: the tower gives no such rows.
        """
        framed = [self._tokenizer.framed(text, self._length) for text in texts]
        try:
            rows = np.asarray(self._session.run(None, {"tokens": np.array(framed, np.int64)})[0])
        except Exception as error:  # onnxruntime's own error classes share no base
            reason = str(error).splitlines()[0]
            raise BundleError(f"{TEXT_ENCODER} doesn't run: {reason}") from error
        if rows.shape != (len(framed), self._dim) or not np.isfinite(rows).all():
            raise BundleError(f"{TEXT_ENCODER} gives {rows.shape}, expected rows of {self._dim}")
        return rows.astype(np.float32)


def _length(session: Any) -> int:
    """Numbers that a text has."""
    inputs = [(node.name, node.shape) for node in session.get_inputs()]
    if len(inputs) != 1 or inputs[0][0] != "tokens" or len(inputs[0][1]) != 2:
        raise BundleError(f"{TEXT_ENCODER} must have one input tokens[batch, length], not {inputs}")
    length = inputs[0][1][1]
    if not isinstance(length, int) or not 2 < length <= 1024:
        raise BundleError(f"{TEXT_ENCODER}: {length!r} numbers a text, expected 3 to 1024")
    return length
