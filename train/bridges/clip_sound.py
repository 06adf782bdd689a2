"""Sound of clips as a student hears it: whole, or a segment at the time of each frame."""

from torch import Tensor

from edge.contract.errors import ConfigError
from train.bridges.pairs import PairBatch
from train.bridges.segments import segments
from train.bridges.training import BridgeParts
from train.config.agreement import AgreementConfig
from train.engine.loop import mixed_precision
from train.model.student import Student


class ClipSound:
    """Embedder of a batch's sound.

    Args:
        parts: of the training.
        config: `multiframe` hears segments.

    Raises:
        ConfigError: a segment holds no spectrum.
    """

    def __init__(self, parts: BridgeParts, config: AgreementConfig) -> None:
        self.student: Student = parts.student
        spec = parts.input_spec.frontend
        self._rate_hz = spec.sample_rate_hz / spec.hop_samples
        self._config, self._device = config, parts.device
        self._length = round(config.segment_s * self._rate_hz) if config.segmented else 0
        if config.segmented and not self._length:
            raise ConfigError(
                f"segment_s: {config.segment_s} s are less than one spectrum of "
                f"{1 / self._rate_hz:.3f} s; give at least that"
            )

    def __call__(self, batch: PairBatch) -> Tensor:
        """float32[batch, segments, dim], unit rows; one segment if clips are heard whole."""
        heard = self._cut(batch)
        depthwise = self.student.tower.depthwise
        with mixed_precision(self._device, depthwise, self._config.bfloat16, float16=False):
            embedded: Tensor = self.student(heard)
        return embedded.float().reshape(len(batch.clips), -1, embedded.shape[1])

    def _cut(self, batch: PairBatch) -> Tensor:
        if not self._length:
            return batch.log_mel
        times_s = batch.times_s - batch.begins_s[:, None]
        return segments(batch.log_mel, times_s, self._length, self._rate_hz)
