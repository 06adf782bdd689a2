"""Needs of a distillation, known before anything is decoded; each refusal is one line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

torch = pytest.importorskip("torch")
from edge.contract.errors import BirdlistenError, ConfigError  # noqa: E402
from edge.contract.languages import LocalNames  # noqa: E402
from edge.contract.taxonomy import Species, Taxonomy  # noqa: E402
from gallery.command import run  # noqa: E402
from gallery.data.dataset import Dataset, Item  # noqa: E402
from train.config import DistillConfig  # noqa: E402
from train.distill import prepare  # noqa: E402
from train.distillation.anchors import cached_anchors  # noqa: E402
from train.distillation.needs import Needs, measure_needs, told_in_words  # noqa: E402
from train.engine.ranks import Ranks  # noqa: E402
from train.model.frontend import InputSpec, LogMelSpec  # noqa: E402
from train.model.opening import open_student  # noqa: E402
from train.sound.estimate import CacheSize, estimate_cache  # noqa: E402
from train.sound.features import load_features  # noqa: E402

GIB = 2**30
SPEC = LogMelSpec()
NEEDS = Needs(
    cache=CacheSize(24 * GIB, 20 * GIB), cache_free=100 * GIB, output=GIB, output_free=100 * GIB,
    same_disk=True, fixed=4 * GIB, window=GIB / 4, windows=256, device="cuda", memory=80 * GIB,
)  # fmt: skip


def recordings(folder, seconds) -> list[Item]:
    items = []
    for n, length_s in enumerate(seconds):
        sf.write(folder / f"{n}.wav", np.zeros(int(8000 * length_s)), 8000, "PCM_16")
        items.append(Item(folder / f"{n}.wav", "audio", "parus_major", "train", "CC0", "nobody"))
    return items


def test_log_mels_are_estimated_to_a_tenth_and_what_is_cached_is_not_missing(tmp_path):
    items = recordings(tmp_path, [1, 3, 2, 5])
    found = estimate_cache(items, SPEC, tmp_path / "cache")
    assert len(load_features(items[:2], SPEC, tmp_path / "cache")[0]) == 2
    rest = estimate_cache(items, SPEC, tmp_path / "cache")
    sizes = [log_mel.nbytes for log_mel in load_features(items, SPEC, tmp_path / "cache")[1]]
    assert found.whole == found.missing == pytest.approx(sum(sizes), rel=0.1)
    assert rest.missing == pytest.approx(sum(sizes[2:]), rel=0.1)
    assert rest.whole == found.whole


def test_parts_need_what_they_last_and_are_known_by_themselves(tmp_path):
    (whole,) = recordings(tmp_path, [12])
    windows = [replace(whole, begin_s=begin, end_s=begin + 2.0) for begin in (0.0, 3.0, 6.0)]
    content = whole.path.read_bytes()
    (tmp_path / "shard.tar").write_bytes(content + content)
    spans = [(0, len(content)), (len(content), 2 * len(content))]
    archived = [replace(whole, path=tmp_path / "shard.tar", span=span) for span in spans]
    items = [*windows, *archived, replace(archived[0], begin_s=1.0, end_s=2.0)]
    found = estimate_cache(items, SPEC, tmp_path / "cache")
    load_features([whole, *windows[:1], *archived[1:]], SPEC, tmp_path / "cache")
    rest = estimate_cache(items, SPEC, tmp_path / "cache")
    sizes = [log_mel.nbytes for log_mel in load_features(items, SPEC, tmp_path / "cache")[1]]
    assert found.whole == found.missing == pytest.approx(sum(sizes), rel=0.02)
    assert rest.missing == pytest.approx(sum(sizes) - sizes[0] - sizes[4], rel=0.02)


def test_enough_of_everything_is_not_refused():
    NEEDS.check(256)
    assert NEEDS.device_bytes == 68 * GIB


def test_a_plan_names_every_disk_and_the_memory_of_the_gpu():
    lines = NEEDS.lines()
    assert lines["log-mels on disk"] == "24.0 GiB, 20.0 GiB to be made, 100.0 GiB free"
    assert lines["checkpoint, snapshots"] == "1.0 GiB, 100.0 GiB free"
    assert lines["memory"] == "68.0 GiB on cuda of 80.0 GiB free"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"cache_free": 20 * GIB},
            r"runs/cache: needs about 21\.0 GiB on disk, 20\.0 GiB are free",
        ),
        ({"output_free": GIB // 2, "same_disk": False}, r"output: needs about 1\.0 GiB on disk"),
        (
            {"memory": 40 * GIB},
            r"batch: 256 needs about 68\.0 GiB on cuda of 40\.0 GiB free; try batch=128",
        ),
    ],
)
def test_what_is_lacking_is_said_with_what_would_do(change, message):
    with pytest.raises(ConfigError, match=message):
        replace(NEEDS, **change).check(256)


def test_a_full_gpu_is_one_line_with_a_batch_that_fits():
    with (
        pytest.raises(ConfigError, match=r"out of memory: batch: 256 .*; try batch=128") as caught,
        told_in_words(NEEDS, batch=256, world=2),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    assert "\n" not in str(caught.value)


def test_the_batch_that_fits_is_shared_evenly():
    assert replace(NEEDS, memory=40 * GIB).batch_that_fits(256, world=3) % 3 == 0
    assert replace(NEEDS, memory=GIB).batch_that_fits(256, world=2) == 128


def test_a_gpu_that_is_not_here_is_said_in_the_plan(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("it is here")
    start = open_student("cnn:mobilenetv3_small_050", SPEC)
    config = DistillConfig(device="cuda", batch=8, outliers=0.25)
    found = measure_needs(
        config, recordings(tmp_path, [1]), input_spec=InputSpec(SPEC, 48_000),
        student=start.student(8), cache=tmp_path / "cache",
    )  # fmt: skip
    assert found.windows == 10
    assert "on cuda, which is not here" in found.lines()["memory"]
    found.check(8)


def test_half_precision_keeps_less_for_the_backward_pass(tmp_path):
    start, items = open_student("cnn:mobilenetv3_small_050", SPEC), recordings(tmp_path, [1])
    half, full = (
        measure_needs(
            DistillConfig(bfloat16=wanted), items, input_spec=InputSpec(SPEC, 48_000),
            student=start.student(8), cache=tmp_path / "cache",
        )
        for wanted in (True, False)
    )  # fmt: skip
    assert 0 < half.window < full.window
    assert half.fixed == full.fixed


def test_any_other_command_says_that_memory_is_full_in_one_line(capsys):
    def full() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has")

    assert run(full) == 1
    assert capsys.readouterr().err == (
        "out of memory; try fewer windows at a time, or device=cpu (CUDA out of memory. Tried to "
        "allocate 2.00 GiB.)\n"
    )


TIT = Species("parus_major", *"SCKPcofge")
SONG = Item(Path("0.wav"), "audio", "parus_major", "train", "CC0", "nobody")
LITTLE = Dataset("little", Path("little"), Taxonomy((TIT,)), (SONG,))


@pytest.mark.parametrize(
    ("settings", "ranks", "message"),
    [
        ({"device": "cuda:99"}, Ranks(), "device: 'cuda:99' can't be used; try device=cpu"),
        ({"batch": 20}, Ranks(0, 3), "batch: 20 windows can't be shared among 3 ranks; try 18"),
        ({"validate_every": 5}, Ranks(), "little: no recordings in split 'validation'"),
        ({"hint": "nobody"}, Ranks(), "nobody"),
        ({"favoured": "nowhere.txt", "hint": "birdnet"}, Ranks(), "nowhere.txt"),
    ],
)
def test_what_the_machine_and_the_data_tell_is_refused_before_anything_is_read(
    settings, ranks, message
):
    with pytest.raises(BirdlistenError, match=message):
        prepare(DistillConfig(**{"device": "cpu", **settings}), LITTLE, ranks)


class Reader:
    """A teacher that counts how often it reads the names."""

    space_id, read = "space", 0

    def anchors(self, species) -> np.ndarray:
        self.read += 1
        return np.ones((5, len(species), 2), np.float32)


def test_names_are_embedded_once_however_often_the_taxonomy_is_read(tmp_path):
    """The key of the cache held an address in memory: every run read all names anew."""
    teacher, species = Reader(), (TIT,)
    for _ in range(2):
        taxonomy = Taxonomy(species, LocalNames())
        assert cached_anchors(teacher, taxonomy, tmp_path).shape == (5, 1, 2)
    assert teacher.read == 1
    cached_anchors(teacher, Taxonomy((*species, Species("strix_aluco", *"SCKPcofge"))), tmp_path)
    assert teacher.read == 2
