"""Published formats of boxes."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from edge.contract.errors import DatasetError  # noqa: E402
from train.bridges.annotations import consensus_map, read_flickr_boxes, read_vgg_ss  # noqa: E402
from train.bridges.localisation_metrics import truth_map  # noqa: E402


def box_of(*corners):
    names = ("xmin", "ymin", "xmax", "ymax")
    inside = "".join(f"<{name}>{at}</{name}>" for name, at in zip(names, corners, strict=True))
    return f"<bbox><name>object</name>{inside}</bbox>"


def test_flickr_boxes_skip_the_first_child_and_are_cut_to_pixels_of_224(tmp_path):
    file = tmp_path / "1.xml"
    boxes = box_of(0, 10, 255, 256), box_of(3, 0, 129, 77)
    file.write_text(f"<annotation><object>{''.join(boxes)}</object></annotation>")
    found = [[round(224 * edge) for edge in box] for box in read_flickr_boxes(file)]
    assert found == [[int(224 * v / 256) for v in b] for b in ([0, 10, 255, 256], [3, 0, 129, 77])]


def test_one_annotators_pixel_weighs_half_and_that_of_two_and_three_one():
    boxes = [(0, 0, 0.5, 0.5), (0, 0, 0.5, 0.25), (0, 0, 0.25, 0.25)]
    literal = np.minimum(sum(truth_map([box]) for box in boxes) / 2, 1)
    found = consensus_map(boxes)
    assert np.array_equal(found, literal)
    assert [found[0, 0], found[20, 100], found[100, 100], found[200, 200]] == [1, 1, 0.5, 0]


@pytest.mark.parametrize(
    "content", ["", "<a/>", "<bbox><n/><xmin>1</xmin></bbox>", "<a><bbox/></a>"]
)
def test_what_is_no_flickr_file_is_refused(content, tmp_path):
    (tmp_path / "1.xml").write_text(content)
    with pytest.raises(DatasetError, match=r"1\.xml"):
        read_flickr_boxes(tmp_path / "1.xml")


def test_vgg_ss_keeps_all_boxes(tmp_path):
    boxes = [[0.1, 0.2, 0.5, 0.6], [0, 0, 1, 1.02]]
    record = {"file": "zpWuikVorYg_000032", "class": "elk bugling", "bbox": boxes}
    (tmp_path / "vggss.json").write_text(json.dumps([record]))
    (found,) = read_vgg_ss(tmp_path / "vggss.json")
    assert (found.file, found.name) == ("zpWuikVorYg_000032", "elk bugling")
    assert found.boxes == ((0.1, 0.2, 0.5, 0.6), (0, 0, 1, 1.02))


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[1]",
        '[{"file": "a", "class": "b"}]',
        '[{"file": "a", "class": "b", "bbox": []}]',
        '[{"file": "a", "class": "b", "bbox": [[1, 2, 3]]}]',
        '[{"file": "a", "class": "b", "bbox": 3}]',
    ],
)
def test_what_is_no_vgg_ss_file_is_refused(content, tmp_path):
    (tmp_path / "vggss.json").write_text(content)
    with pytest.raises(DatasetError, match=r"vggss\.json"):
        read_vgg_ss(tmp_path / "vggss.json")
