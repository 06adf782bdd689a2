"""A recording that is being decoded, whoever decodes it."""

from collections.abc import Iterator
from dataclasses import dataclass

from edge.contract.arrays import Float32s

PART_S = 1.0
PART_MOST = 1 << 20
"""Length of a part; and samples of a channel at most, whatever rate a header claims."""


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """An open recording; a file that others were appended to is several."""

    rate_hz: int
    channels: int
    parts: Iterator[Float32s]
    """float32[samples, channels], a second at a time or less."""
    promised: int | None = None
    """Samples of a channel by the header; None of a form whose headers are not to be relied on."""
    is_float: bool = False
    """Samples may go beyond full scale, and be no numbers."""


def part_samples(rate_hz: int) -> int:
    """Samples of a channel in a part."""
    return max(min(int(rate_hz * PART_S), PART_MOST), 1)
