"""Tables for other programs: their columns are frozen, and a reader of each finds its rows."""

import csv
import io
import json

import pytest

from edge.contract.errors import ConfigError
from edge.records.detection import Candidate
from edge.report.form_names import FORM_NAMES
from edge.report.forms import FORMS, read_forms
from edge.report.row import Manner, Row
from tests.support.factories import detection

HEADS = {
    "csv": "Start (s),End (s),Scientific name,Common name,Confidence,File",
    "raven": (
        "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\t"
        "Common Name\tSpecies Code\tConfidence\tBegin Path\tFile Offset (s)\tScientific Name"
    ),
    "kaleidoscope": (
        "INDIR,FOLDER,IN FILE,CHANNEL,OFFSET,DURATION,TOP1MATCH,TOP1DIST,TOP2MATCH,TOP2DIST,"
        "TOP3MATCH,TOP3DIST,MANUAL ID"
    ),
    "r": (
        "filepath,start,end,scientific_name,common_name,confidence,lat,lon,week,overlap,"
        "sensitivity,min_conf,species_list,model"
    ),
}
NAMES = {
    "csv": (".BirdNET.results.csv", "BirdNET_CombinedTable.csv"),
    "raven": (".BirdNET.selection.table.txt", "BirdNET_SelectionTable.txt"),
    "audacity": (".BirdNET.results.txt", "BirdNET_AudacityLabels.txt"),
    "kaleidoscope": (".BirdNET.results.kaleidoscope.csv", "BirdNET_Kaleidoscope.csv"),
}
MANNER = Manner(overlap_s=1.5, threshold=0.5, species_list="core")
FIRST = detection(
    start_s=2.0,
    end_s=5.5,
    source="DATA/a, b.wav",
    root="/card",
    volume="x",
    channel=2,
    latitude=52.5,
    longitude=-13.4,
    detected_at="2026-05-31T04:30:02.000Z",
    top=(
        Candidate("Strix aluco", "Tawny Owl", 2.0, 0.2),
        Candidate("Cuculus canorus", "Common Cuckoo", 12.5, 0.934),
        Candidate("Parus major", "Great Tit", 1.0, None),
    ),
)
SECOND = detection(start_s=0.5, end_s=3.0, source="b.wav", common_name="Tab\tbed", volume="x")
ROWS = [Row(FIRST, ("confirmed", "cuculus_canorus")), Row(SECOND, None, before_s=60.0)]


def text(name: str) -> str:
    return FORMS[name].encode(ROWS, MANNER).decode()


def table(name: str, between: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text(name)), delimiter=between))


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("rows", [ROWS, []], ids=["rows", "none"])
def test_columns_are_frozen(name: str, rows: list[Row]) -> None:
    head, *_ = FORMS[name].encode(rows, MANNER).decode().split("\n")
    assert head == HEADS[name]


def test_the_help_names_every_form() -> None:
    assert tuple(FORMS) == FORM_NAMES


@pytest.mark.parametrize("name", NAMES)
def test_files_are_called_as_those_of_birdnet_analyzer(name: str) -> None:
    assert (FORMS[name].suffix, FORMS[name].combined) == NAMES[name]


def test_csv() -> None:
    first, second = table("csv")
    assert first["File"] == "/card/DATA/a, b.wav"
    assert (first["Start (s)"], first["End (s)"], first["Confidence"]) == ("2.0", "5.5", "0.9340")
    assert second["Common name"] == "Tab\tbed"


def test_raven_opens_recordings_one_after_the_other() -> None:
    first, second = table("raven", "\t")
    assert (first["Selection"], first["View"], first["Channel"]) == ("1", "Spectrogram 1", "2")
    assert (second["Begin Time (s)"], second["File Offset (s)"]) == ("60.5", "0.5")
    assert second["Common Name"] == "Tab bed"
    assert first["Scientific Name"] == "Cuculus canorus"


def test_audacity_has_labels_and_no_head() -> None:
    first, second = text("audacity").splitlines()
    assert first == "2\t5.5\tCuculus canorus, Common Cuckoo\t0.9340"
    assert second.startswith("60.5\t63\t")


def test_kaleidoscope_has_the_next_best_and_the_verdict() -> None:
    first, second = table("kaleidoscope")
    assert (first["INDIR"], first["FOLDER"], first["IN FILE"]) == ("/card", "DATA", "a, b.wav")
    assert (first["CHANNEL"], first["OFFSET"], first["DURATION"]) == ("1", "2.0", "3.5")
    tops = [first[name] for name in HEADS["kaleidoscope"].split(",")[6:]]
    assert tops == ["Common Cuckoo", "0.066", "Tawny Owl", "0.8", "Great Tit", "", "Common Cuckoo"]
    assert (second["INDIR"], second["FOLDER"], second["MANUAL ID"]) == (".", "", "")


def test_a_verdict_for_another_species_is_its_name() -> None:
    assert Row(FIRST, ("confirmed", "strix_aluco")).confirmed_name == "Strix aluco"
    assert Row(FIRST, ("rejected", "")).confirmed_name == ""


def test_r_has_place_week_and_settings() -> None:
    first, second = table("r")
    assert (first["lat"], first["lon"], first["week"]) == ("52.5", "-13.4", "20")
    assert (second["lat"], second["lon"], second["week"]) == ("-1", "-1", "-1")
    assert (first["overlap"], first["min_conf"], first["species_list"]) == ("1.5", "0.5", "core")


def test_jsonl_is_the_record_as_it_is_printed() -> None:
    first, _ = text("jsonl").splitlines()
    assert first == FIRST.to_json()
    assert json.loads(first)["root"] == "/card"


def test_parquet_opens() -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    for rows in (ROWS, []):
        found = parquet.read_table(io.BytesIO(FORMS["parquet"].encode(rows, MANNER)))
        assert found.column_names[:6] == HEADS["csv"].split(",")
        assert found.num_rows == len(rows)
    first, second = found.schema.field("detected_at"), found.schema.field("verdict")
    assert (str(first.type), str(second.type)) == ("timestamp[ms, tz=UTC]", "string")


def test_names_of_forms_are_read() -> None:
    assert read_forms(" CSV, raven,csv ") == ["csv", "raven"]
    for wrong in ("", ",", "csv,excel"):
        with pytest.raises(ConfigError, match="expected of csv, raven"):
            read_forms(wrong)
