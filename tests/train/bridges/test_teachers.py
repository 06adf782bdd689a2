"""Files of the teachers: PANNs' and DETR's layouts, and what is missing."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from edge.contract.errors import DatasetError  # noqa: E402
from train.bridges.teachers import read_features, write_features  # noqa: E402


def test_files_named_as_avc_kd_names_them_stand_for_every_moment(tmp_path):
    rows = np.random.default_rng(0).random((2, 2048)).astype(np.float32)
    for name, row in zip(("a", "b"), rows, strict=True):
        np.save(tmp_path / f"{name}.flac.npy", row)
    found = read_features(tmp_path, ["b", "a"], moments=3, dims=1)
    assert found.shape == (2048,)
    assert np.array_equal(found.of([0, 1, 0], [0, 2, 1]), rows[[1, 0, 1]])


def test_a_clip_without_a_file_has_no_features(tmp_path):
    maps = np.ones((4, 25, 25), np.float32)
    write_features(tmp_path, "a", maps)
    found = read_features(tmp_path, ["a", "b"], moments=4, dims=2)
    assert np.isnan(found.of([1], [0])).all()
    assert np.array_equal(found.of([0], [3])[0], maps[3])


def test_a_name_may_hold_dots(tmp_path):
    for name, value in (("XC1.part2", 2.0), ("XC2.flac", 3.0)):
        write_features(tmp_path, name, np.full(3, value, np.float32))
    found = read_features(tmp_path, ["XC1", "XC1.part2", "XC2"], moments=1, dims=1)
    assert np.isnan(found.values[0]).all()  # another clip's file is not its own
    assert found.values[1:, 0, 0].tolist() == [2.0, 3.0]


def test_two_clips_of_one_name_are_refused(tmp_path):
    write_features(tmp_path, "001", np.ones(3, np.float32))
    with pytest.raises(DatasetError, match="1 names are those of several, first '001'"):
        read_features(tmp_path, ["001", "002", "001"], moments=1, dims=1)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({}, "none of the clips' files"),
        ({"a": np.ones(3), "b": np.ones(4)}, "one shape"),
        ({"a": np.ones((3, 5))}, r"holds \(3, 5\)"),
        ({"a": np.array(["x"])}, "expected an array"),
    ],
)
def test_files_that_dont_fit_are_refused(arrays, told, tmp_path):
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    with pytest.raises(DatasetError, match=told):
        read_features(tmp_path, ["a", "b"], moments=2, dims=1)


def test_a_missing_folder_tells_how_to_make_it(tmp_path):
    with pytest.raises(DatasetError, match="teacher-files"):
        read_features(tmp_path / "none", ["a"], moments=1, dims=1)
