"""Models by their names: all that `student=NAME` may mean."""

from pathlib import Path

from edge.contract.errors import ConfigError
from train.model.checkpoint import META, load_checkpoint
from train.model.clap import load_clap
from train.model.frontend import LogMelSpec
from train.model.image_start import open_image_tower
from train.model.spectrogram_vit import PatchSpec
from train.model.start import TOWER, StudentInit, read_start
from train.model.towers import LEAST_BINS, cnn_config

CNN, VIT = "cnn:", "vit:"
_USUAL = LogMelSpec()


def open_student(
    name: str,
    spec: LogMelSpec = _USUAL,
    local_features: int = 0,
    window_s: float = 10.0,
    patches: PatchSpec | None = None,
) -> StudentInit:
    """Find out what `student=NAME` means.

    Args:
        name: a CLAP's folder or hub id, the folder of a distilled run or of a tower, `cnn:` and a
            name of timm's, or `vit:` and a teacher, with whose image tower it begins.
        spec: front end of a `cnn:` or `vit:`; the others know their own.
        local_features: of a `cnn:`; see `train.model.towers.CnnTower`.
        window_s: of a `vit:`, for whose patches its positions are laid out.
        patches: of a `vit:`; None: the image tower's.

    Raises:
        ConfigError: too few mel bins for local features.
        DatasetError: no such model.
    """
    if name.startswith(CNN):
        if local_features and spec.mel_bins < LEAST_BINS:
            raise ConfigError(f"local_features: needs mel_bins={LEAST_BINS} at least")
        return StudentInit(cnn_config(name.removeprefix(CNN), local_features), spec)
    if name.startswith(VIT):
        return open_image_tower(name.removeprefix(VIT), spec, window_s, patches)
    if (Path(name) / TOWER).is_file():
        return read_start(Path(name))
    if (Path(name) / META).is_file():
        run = load_checkpoint(Path(name))
        weights = run.student.tower.state_dict()
        return StudentInit(run.student.audio_config, run.frontend, weights, run=run)
    clap, processor = load_clap(name)
    spec = LogMelSpec.from_extractor(processor.feature_extractor)
    return StudentInit(clap.config.audio_config.to_dict(), spec, clap.audio_model.state_dict())
