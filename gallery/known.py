"""Known facts of the published models, compared when they are loaded by their hub name.

They were read in the authors' code and papers; the hub's own files never were. A model that differs
is told of, and taken at its word: front end and dimensions follow its files. Only what could not
work is refused.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.contract.errors import DatasetError

_LOG = logging.getLogger(__name__)
_NEEDED = ("enable_fusion", "truncation")
"""A fusion CLAP hears four views of a window at once, which nothing here gives it."""
LOCAL = "local-dir:"
"""What open_clip's names of folders begin with."""
KNOWN: Mapping[str, Mapping[str, Any]] = {
    # HTSAT-tiny.json and train_biolingual.sh of david-rx/BioLingual (arXiv 2308.04978).
    "davidrrobinson/BioLingual": {
        "sampling_rate": 48_000,
        "fft_window_size": 1024,
        "hop_length": 480,
        "feature_size": 64,
        "frequency_min": 50,
        "frequency_max": 14_000,
        "truncation": "rand_trunc",
        "enable_fusion": False,
        "hidden_size": 768,
        "projection_dim": 512,
    },
    # ViT-L-14.json and open_clip's CLIP normalisation (arXiv 2505.23883).
    "hf-hub:imageomics/bioclip-2": {
        "dim": 768,
        "size": (224, 224),
        "mean": (0.48145466, 0.4578275, 0.40821073),
        "std": (0.26862954, 0.26130258, 0.27577711),
    },
}


def check_folder(name: str) -> None:
    """Refuse a teacher's folder that holds no model, before seconds go into loading anything.

    Args:
        name: open_clip's; one that is no `local-dir:` is not looked at.

    Raises:
        DatasetError: there is no model.
    """
    path = name.removeprefix(LOCAL)
    if path != name and not (Path(path) / "open_clip_config.json").is_file():
        raise DatasetError(
            f"{path}: no open_clip model here; train one: python -m train.pretrain, or name "
            "another: teacher=hf-hub:imageomics/bioclip-2"
        )


def check_known(name: str, found: Mapping[str, Any]) -> None:
    """Tell of a model that goes by a published name and is not as expected.

    Args:
        name: a key of KNOWN.
        found: what the model says of itself.

    Raises:
        DatasetError: names what differs, if it can't work so.
    """
    others = {
        key: f"{key} is {found[key]!r} instead of {value!r}"
        for key, value in KNOWN[name].items()
        if found[key] != value
    }
    if wrong := [others[key] for key in _NEEDED if key in others]:
        raise DatasetError(
            f"{name}: not the published model: {'; '.join(wrong)}; delete it from the Hugging Face "
            "cache and download it again, or name a folder of your own"
        )
    if others:
        _LOG.warning(
            "%s: %s; what was expected was never compared with the hub's own files: going on with "
            "the model as it is",
            name,
            "; ".join(others.values()),
        )
