"""BEANS' ten tasks: tables of recordings, and lines of annotated ones cut into windows."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.contract.errors import DatasetError
from gallery.data.beans import DETECTION, DetectionTask, windows
from gallery.data.corpora import open_dataset


def sound(path: Path, length_s: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(round(length_s * 8000), 0.1), 8000)


def test_a_classification_task_is_read_with_paths_from_where_it_was_run(tmp_path):
    folder = tmp_path / "data" / "watkins"
    for split in ("train", "valid", "test"):
        sound(folder / "wav" / f"{split}.wav")
        with (folder / f"annotations.{split}.csv").open("w", newline="") as lines:
            writer = csv.writer(lines)
            writer.writerows([["path", "label"], [f"data/watkins/wav/{split}.wav", "Fin,_Whale"]])
    found = open_dataset(f"beans:{folder}")
    assert [item.split for item in found.items] == ["train", "validation", "test"]
    assert all(item.is_whole and item.path.is_file() for item in found.items)
    assert [species.common_name for species in found.taxonomy.species] == ["Fin, Whale"]


def test_a_detection_task_is_windows_of_several_labels_or_none(tmp_path):
    folder = tmp_path / "enabirds"
    sound(folder / "long.wav", 5)
    notes = [
        {"st": 0.5, "ed": 1.5, "label": "EATO"},
        {"st": 0.2, "ed": 0.9, "label": "WOTH"},
        {"st": 4.5, "ed": 5.0, "label": "a bird of no list"},
    ]
    line = {"path": "enabirds/long.wav", "length": 5.0, "annotations": notes}
    (folder / "test.jsonl").write_text(json.dumps(line) + "\n")
    found = open_dataset(f"beans:{folder}").items
    assert [(item.begin_s, item.end_s) for item in found] == [(0, 2), (1, 3), (2, 4), (3, 5)]
    assert [item.species for item in found] == [{"eato", "woth"}, {"eato"}, set(), {"othr"}]


def test_a_label_counts_by_a_fifth_of_the_shorter_or_where_it_fills_the_window():
    task = DetectionTask(2, 1)
    notes = [{"st": 1.7, "ed": 30.0, "label": 1}]
    line = {"length": 6.9, "annotations": notes}
    assert [labels for _, labels in windows(line, task)] == [[], ["1"], ["1"], ["1"], ["1"]]


def test_a_folder_of_no_task_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="no task of BEANS"):
        open_dataset(f"beans:{tmp_path}")
    (tmp_path / "test.jsonl").write_text("{}\n")
    with pytest.raises(DatasetError, match="named none of dcase"):
        open_dataset(f"beans:{tmp_path}")
    rfcx = tmp_path / "rfcx"
    rfcx.mkdir()
    (rfcx / "test.jsonl").write_text('{"path": "a.wav"}\n')
    with pytest.raises(DatasetError, match="not lines of path, length"):
        open_dataset(f"beans:{rfcx}")
    assert set(DETECTION) == {"dcase", "enabirds", "hiceas", "rfcx", "hainan_gibbons"}
