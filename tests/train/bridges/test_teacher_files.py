"""Teachers' files by the networks that are here."""

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")
pytest.importorskip("av")
from edge.contract.errors import DatasetError  # noqa: E402
from gallery.teacher import load_teacher  # noqa: E402
from tests.support.sounding_squares import make_clips, make_student, make_teacher  # noqa: E402
from train.bridges.__main__ import main  # noqa: E402
from train.bridges.clips import open_clips  # noqa: E402
from train.bridges.teacher_files import (  # noqa: E402
    activation_maker,
    as_attention,
    write_files,
)
from train.bridges.teachers import read_features  # noqa: E402

FRAMES = 2


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    make_clips(root / "clips", each=1)
    make_student(root / "student")
    make_teacher(root / "teacher")
    return root


def write(root, kind, network, name, *flags):
    data = f"videos:{root / 'clips'}"
    command = ["teacher-files", kind, network, "--data", data, "--output", str(root / name), *flags]
    assert main(command) == 0
    return sorted(path.stem for path in (root / name).glob("*.npy"))


@pytest.mark.parametrize("kind", ["attention", "names"])
def test_maps_of_each_frame_are_not_negative_and_sum_to_one(made, kind):
    names = write(made, kind, f"local-dir:{made / 'teacher'}", kind, "--frames", str(FRAMES))
    assert names == ["train00", "train10", "train20"]
    maps = read_features(made / kind, names, FRAMES, dims=2).values
    assert maps.shape == (3, FRAMES, 25, 25)
    assert maps.min() >= 0
    assert maps.sum(axis=(2, 3)) == pytest.approx(1, abs=1e-4)


def test_features_of_a_student_stand_for_a_frame_or_for_the_clip(made):
    student = str(made / "student")
    flags = ("--window-s", "1")
    names = write(made, "student", student, "each", *flags, "--frames", str(FRAMES))
    write(made, "student", student, "whole", *flags, "--frames", "0")
    assert np.load(made / "each" / f"{names[0]}.npy").shape == (FRAMES, 32)
    assert np.load(made / "whole" / f"{names[0]}.npy").shape == (32,)
    assert read_features(made / "whole", names, FRAMES, dims=1).values.shape == (3, FRAMES, 32)


def test_a_transformer_has_no_activation(made):
    with pytest.raises(DatasetError, match=r"no CNN of timm's"):
        activation_maker(load_teacher(f"local-dir:{made / 'teacher'}"))


def test_clips_of_the_same_name_are_refused_before_anything_is_made(made, tmp_path):
    clip = open_clips(f"videos:{made / 'clips'}").clips[0]
    with pytest.raises(DatasetError, match=f"first '{clip.recording}'"):
        write_files([clip, clip], None, tmp_path / "none", FRAMES)
    assert not (tmp_path / "none").exists()


def test_a_transformer_of_timms_has_no_activation_either():
    trunk = timm.create_model("vit_tiny_patch16_224", img_size=32)
    teacher = SimpleNamespace(name="x", model=SimpleNamespace(visual=SimpleNamespace(trunk=trunk)))
    with pytest.raises(DatasetError, match=r"no CNN of timm's"):
        activation_maker(teacher)


def test_a_flat_map_stays_finite():
    assert 0 <= float(as_attention(torch.ones(1, 4, 4)).sum()) <= 1 + 1e-4
