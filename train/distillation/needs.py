"""Needs of a distillation on disk and on its device, known before anything is decoded."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from edge.contract.errors import ConfigError
from gallery.data.dataset import Item
from train.config import DistillConfig
from train.model.frontend import InputSpec
from train.model.student import Student
from train.sound.estimate import CacheSize, estimate_cache
from train.sound.log_mel_store import SHARE

_BYTES, _GIB = 4, 2**30
_MEMORY = Path("/proc/meminfo")
_ROOM = 0.9
"""Share of a device's memory that a batch may be told to fill: kernels need some, too."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Bytes that are needed, and that there are."""

    cache: CacheSize
    cache_free: int
    output: int
    """Of the checkpoint, and of two snapshots while one replaces the other."""
    output_free: int
    same_disk: bool
    fixed: int
    """On the device whatever the batch: weights, gradients, moments, averages, log-mels."""
    window: float
    """On the device for each window of a step that is kept for the backward pass."""
    windows: int
    """Kept at the same time, by a rank."""
    device: str
    memory: int | None
    """That the device has free; None if it is not here, or doesn't say."""

    @property
    def device_bytes(self) -> int:
        """Bytes that a step keeps."""
        return round(self.fixed + self.window * self.windows)

    def batch_that_fits(self, batch: int, world: int = 1) -> int:
        """A smaller batch for the same device; it was too much though this may say it wasn't."""
        room = _ROOM * (self.memory or 0) - self.fixed
        fits = int(batch * room / max(self.window * self.windows, 1))
        smaller = fits if 0 < fits < batch else batch // 2
        return max(smaller - smaller % world, world)

    def too_large(self, batch: int, world: int = 1) -> str:
        """One line for a batch that the device doesn't hold."""
        has = "" if self.memory is None else f" of {gibibytes(self.memory)} free"
        return (
            f"batch: {batch} needs about {gibibytes(self.device_bytes)} on {self.device}{has}; try "
            f"batch={self.batch_that_fits(batch, world)}, or cached_windows= and as large a batch"
        )

    def check(self, batch: int, world: int = 1) -> None:
        """Refuse what can't end well, while it has cost nothing.

        Raises:
            ConfigError: a disk or the GPU is too small; says by how much, and what would fit.
        """
        if self.device == "cuda" and self.memory and self.device_bytes > self.memory:
            raise ConfigError(self.too_large(batch, world))
        cache = self.cache.missing + (self.output if self.same_disk else 0)
        _check_disk("runs/cache", cache, self.cache_free)
        _check_disk("output", self.output, self.output_free)

    def lines(self) -> dict[str, str]:
        """As a plan says them."""
        memory = "" if self.memory is None else f" of {gibibytes(self.memory)} free"
        missing = "" if self.memory or self.device == "cpu" else ", which is not here"
        whole, new = gibibytes(self.cache.whole), gibibytes(self.cache.missing)
        saved, left = gibibytes(self.output), gibibytes(self.output_free)
        return {
            "log-mels on disk": f"{whole}, {new} to be made, {gibibytes(self.cache_free)} free",
            "checkpoint, snapshots": f"{saved}, {left} free",
            "memory": f"{gibibytes(self.device_bytes)} on {self.device}{memory}{missing}",
        }


def measure_needs(
    config: DistillConfig,
    recordings: Sequence[Item],
    input_spec: InputSpec,
    student: Student,
    cache: Path,
    world: int = 1,
) -> Needs:
    """Add up the needs of a distillation; nothing is written.

    Args:
        config: everything about it.
        recordings: birds and background that it decodes.
        input_spec: of the student.
        student: as it begins, on the CPU.
        cache: where log-mels are kept.
        world: ranks among which a batch is shared.
    """
    spec, output = input_spec.frontend, Path(config.output or ".").absolute()
    numbers = sum(parameter.numel() for parameter in student.parameters())
    learned = sum(part.numel() for part in student.parameters() if part.requires_grad)
    averages = bool(config.ema) * learned + bool(config.validate_every) * numbers
    size, memory = estimate_cache(recordings, spec, cache), _memory(config.device)
    device = _device(config.device)
    packed = size.whole if device == "cuda" and size.whole < SHARE * (memory or 0) else 0
    windows = -(-windows_at_once(config) // world)
    window = torch.zeros(2, 1, input_spec.frames, spec.mel_bins)
    kept = bool(config.snapshot_every) * (numbers + 2 * learned + averages)
    return Needs(
        cache=size,
        cache_free=shutil.disk_usage(_existing(cache)).free,
        output=_BYTES * (numbers + 2 * kept),
        output_free=shutil.disk_usage(_existing(output)).free,
        same_disk=_existing(cache).stat().st_dev == _existing(output).stat().st_dev,
        fixed=_BYTES * (numbers + 3 * learned + averages) + packed + 2 * windows * window[0].nbytes,
        window=count_saved_bytes(student, window, config.bfloat16) / len(window),
        windows=min(windows, config.cached_windows or windows),
        device=device,
        memory=memory,
    )


@contextmanager
def told_in_words(needs: Needs, batch: int, world: int) -> Iterator[None]:
    """Say in one line that the GPU's memory is full, and what would fit.

    Raises:
        ConfigError: it is full.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ConfigError(f"out of memory: {needs.too_large(batch, world)}") from error


def windows_at_once(config: DistillConfig) -> int:
    """Windows of a batch, outliers and taught ones among them."""
    taught = config.taught if config.hint else 0
    return config.batch + round(config.outliers * config.batch) + taught


def count_saved_bytes(model: nn.Module, inputs: Tensor, bfloat16: bool = False) -> int:
    """Bytes that a forward pass keeps for the backward pass, parameters aside."""
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    sizes: dict[int, int] = {}

    def note(saved: Tensor) -> Tensor:
        storage = saved.untyped_storage()
        if storage.data_ptr() not in own:
            sizes[storage.data_ptr()] = storage.nbytes()
        return saved

    half = torch.autocast("cpu", torch.bfloat16, enabled=bfloat16)
    with saved_tensors_hooks(note, lambda saved: saved), half:
        output = model(inputs)
    del output
    return sum(sizes.values())


def gibibytes(count: float) -> str:
    """A number of bytes, to be read."""
    return f"{count / _GIB:.1f} GiB" if count >= _GIB / 10 else f"{count / 2**20:.1f} MiB"


def _check_disk(name: str, needed: int, free: int) -> None:
    if needed > free:
        raise ConfigError(
            f"{name}: needs about {gibibytes(needed)} on disk, {gibibytes(free)} are free; make "
            "room, or put a link to a larger disk in its place"
        )


def _device(name: str) -> str:
    auto = "cuda" if torch.cuda.is_available() else "cpu"
    return (auto if name == "auto" else name).partition(":")[0]


def _memory(name: str) -> int | None:
    """Free bytes of a device; None if it is not here, or nobody says."""
    if _device(name) == "cuda":
        return int(torch.cuda.mem_get_info()[0]) if torch.cuda.is_available() else None
    if not _MEMORY.is_file():
        return None
    lines = dict(line.split(":") for line in _MEMORY.read_text().splitlines())
    return 1024 * int(lines["MemAvailable"].split()[0])


def _existing(path: Path) -> Path:
    """The nearest folder above, or itself, that exists."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.is_dir())
