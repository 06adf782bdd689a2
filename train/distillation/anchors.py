"""Text anchors: where the teacher's text tower puts the species' names."""

import hashlib
from pathlib import Path

import numpy as np

from edge.contract.arrays import Embeddings
from edge.contract.atomic import write_atomic
from edge.contract.bundle import npy_bytes
from edge.contract.taxonomy import Taxonomy
from gallery.teacher import Teacher


def cached_anchors(teacher: Teacher, taxonomy: Taxonomy, cache: Path) -> Embeddings:
    """Text anchors, float32[templates, species, dim], embedded once a teacher and taxonomy."""
    key = hashlib.sha256(f"{teacher.space_id} {taxonomy.species}".encode()).hexdigest()[:16]
    file = cache / f"anchors-{key}.npy"
    if not file.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        write_atomic(file, npy_bytes(teacher.anchors(taxonomy.species)))
    anchors: Embeddings = np.load(file, allow_pickle=False)
    return anchors
