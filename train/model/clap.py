"""A published CLAP: loaded, and refused if it is not what it is taken for."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from edge.contract.errors import DatasetError
from gallery.known import KNOWN, check_known


def load_clap(name: str) -> tuple[Any, Any]:
    """Load a ClapModel and its ClapProcessor, by hub id or from a folder.

    Raises:
        DatasetError: there is no such model, or it is incomplete or of another kind.
    """
    from transformers import ClapModel, ClapProcessor
    from transformers.utils.logging import disable_progress_bar

    # Its bar over the tensors of a model is noise beside our own.
    disable_progress_bar()  # type: ignore[no-untyped-call]
    if not Path(name).is_dir() and (name.startswith(("runs", ".", "/")) or name.count("/") != 1):
        raise DatasetError(
            f"{name}: no CLAP model here; train one: python -m train.pretrain, or name another: "
            "student=davidrrobinson/BioLingual"
        )
    try:
        loaded: Any = ClapModel.from_pretrained(name, output_loading_info=True)
        processor = ClapProcessor.from_pretrained(name)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise DatasetError(f"{name}: not a CLAP model ({str(error).splitlines()[0]})") from error
    model, loading = loaded
    _check_kind(name, model.config, processor.feature_extractor, loading["missing_keys"])
    if name in KNOWN:
        check_known(name, clap_facts(model.config, processor.feature_extractor))
    model.train(False)
    return model, processor


def clap_facts(config: Any, extractor: Any) -> dict[str, Any]:
    """Facts that a known CLAP is checked for."""
    return {
        **vars(extractor),
        "enable_fusion": config.audio_config.enable_fusion,
        "hidden_size": config.audio_config.hidden_size,
        "projection_dim": config.projection_dim,
    }


def _check_kind(name: str, config: Any, extractor: Any, missing: Iterable[str]) -> None:
    """Refuse a model whose weights would be random or whose front end is another."""
    if any(key.startswith("audio_model") for key in missing):
        raise DatasetError(f"{name}: weights of the audio tower are missing; copy it again")
    if config.audio_config.enable_fusion or extractor.truncation != "rand_trunc":
        raise DatasetError(
            f"{name}: a fusion CLAP (truncation {extractor.truncation!r}); expected an unfused one "
            "with 'rand_trunc', such as BioLingual or laion/clap-htsat-unfused"
        )
