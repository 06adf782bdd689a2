"""Metadata of an encoder's file, repeated from the manifest."""

import io

import onnx

from edge.contract.manifest import Manifest


def with_metadata(model: onnx.ModelProto, manifest: Manifest, precision: str, method: str) -> bytes:
    """The file of a graph that names its bundle and how it was made."""
    onnx.helper.set_model_props(
        model,
        {
            "birdlisten.format": str(manifest.format_version),
            "sample_rate_hz": str(manifest.audio.sample_rate_hz),
            "window_samples": str(manifest.audio.window_samples),
            "embedding_dim": str(manifest.embedding_dim),
            "precision": precision,
            "made_by": method,
            "model_id": manifest.model_id,
            "space_id": manifest.space_id,
            "teacher": manifest.teacher,
            "student": manifest.student,
            "sha256": manifest.model_id,
        },
    )
    file = io.BytesIO()
    onnx.save_model(model, file)
    return file.getvalue()
