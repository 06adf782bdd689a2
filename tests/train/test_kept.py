"""Embeddings are made once by a model, and again by another."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from edge.contract.errors import DatasetError  # noqa: E402
from gallery.data.dataset import Item  # noqa: E402
from train.measure.kept import KeptWindows, embed_pictures  # noqa: E402


class Counted(nn.Module):
    """Embeds a window by two of its numbers, and counts the windows."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))
        self.windows = 0

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        self.windows += len(log_mel)
        return nn.functional.normalize(log_mel[:, 0, 0, :2] * self.weight.detach(), dim=1)


def files(folder: Path, count: int, kind: str = "audio") -> list[Item]:
    paths = [folder / f"{n}.bin" for n in range(count)]
    for path in paths:
        path.write_bytes(path.name.encode())
    return [Item(path, kind, "parus_major", "test", "CC0", "nobody") for path in paths]


def test_a_model_embeds_each_recording_once(tmp_path):
    items, cache = files(tmp_path, 4), tmp_path / "cache"
    log_mels = [torch.rand(n + 1, 1, 3, 2).half() for n in range(4)]
    model, same, other = Counted(1.0), Counted(1.0), Counted(2.0)
    rows = KeptWindows(items[:3], "cut", cache)(model, log_mels[:3])
    expected = torch.cat(log_mels[:3])[:, 0, 0].float()
    assert rows == pytest.approx(nn.functional.normalize(expected, dim=1).numpy(), abs=1e-3)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-6)
    more = KeptWindows(items, "cut", cache)(same, log_mels)
    assert np.array_equal(more[: len(rows)], rows)
    assert (model.windows, same.windows) == (6, 4)
    KeptWindows(items, "cut", cache)(other, log_mels)
    assert other.windows == 10


def test_a_model_that_has_diverged_is_refused(tmp_path):
    item = files(tmp_path, 1)
    with pytest.raises(DatasetError, match="diverged"):
        KeptWindows(item, "cut", tmp_path)(Counted(float("nan")), [torch.rand(1, 1, 3, 2)])
    assert not (tmp_path / "index.bin").exists()


def test_pictures_are_embedded_once_and_the_unreadable_left_out(tmp_path):
    pictures, asked = files(tmp_path, 3, "image"), []

    def embed(wanted):
        asked.extend(wanted)
        shown = [picture for picture in wanted if picture is not pictures[1]]
        if not shown:
            raise DatasetError("none of the pictures is readable")
        return shown, np.eye(3, dtype=np.float32)[[pictures.index(one) for one in shown]]

    teacher = SimpleNamespace(space_id="f" * 64, embed_pictures=embed)
    for _ in range(2):
        shown, rows = embed_pictures(teacher, pictures, tmp_path / "cache")
        assert shown == [pictures[0], pictures[2]]
        assert np.array_equal(rows, np.eye(3)[[0, 2]])
        assert asked.count(pictures[0]) == 1
    with pytest.raises(DatasetError, match="none of 1 pictures is readable"):
        embed_pictures(teacher, pictures[1:2], tmp_path / "cache")
