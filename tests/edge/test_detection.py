import io
import json
import re
import sys

import pytest

from tests.support.factories import detection

PROMISED_FIELDS = """
schema id station detected_at time_zone clock_synchronised start_s end_s source species_id
scientific_name common_name probability score similarity hits hits_needed pictures top clip
model_id bundle precision provider
""".split()


def test_the_json_line_has_exactly_the_fields_that_were_promised() -> None:
    record = json.loads(detection().to_json())
    assert sorted(record) == sorted(PROMISED_FIELDS)
    assert record["schema"] == 1
    for picture in record["pictures"]:
        assert set(picture) == {"file", "url", "author", "licence", "similarity"}
    for candidate in record["top"]:
        assert set(candidate) == {"scientific_name", "common_name", "score", "probability"}


def test_the_json_record_is_one_line_whatever_the_names() -> None:
    line = detection(common_name='a\nb\r"c"\u2028 Häher', source="dir\nname.wav").to_json()
    assert len(line.split("\n")) == 1
    assert "\r" not in line
    assert json.loads(line)["common_name"] == 'a\nb\r"c"\u2028 Häher'


def test_the_text_line_is_the_documented_one() -> None:
    assert detection().to_text() == (
        "04:31:07  Common Cuckoo (Cuculus canorus)  0.93  "
        "pictures/cuculus_canorus_02.jpg  (birdlisten aviary, CC0)"
    )


def test_a_live_detection_shows_the_stations_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    one = detection(detected_at="2026-05-01T04:31:07.250Z")
    hours_minutes_seconds = r"\d\d:31:07|\d\d:[01][16]:07|\d\d:46:07"
    assert re.match(hours_minutes_seconds, one.to_text())


def test_without_calibration_the_similarity_is_shown() -> None:
    assert "  0.61  " in detection(probability=None).to_text()


def test_a_picture_without_file_is_shown_by_its_address() -> None:
    line = detection(pictures=detection().pictures[1:]).to_text()
    assert line.endswith("  https://x/1.jpg  (A. Author, CC-BY)")


def test_a_species_without_picture_says_so() -> None:
    assert detection(pictures=()).to_text().rstrip().endswith("(no picture yet)")


def test_colour_changes_nothing_but_the_colour() -> None:
    coloured = detection().to_text(colour=True)
    assert "\033[" in coloured
    assert re.sub(r"\033\[\d+m", "", coloured) == detection().to_text()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "coloured"), [(io.StringIO, False), (Terminal, True)])
def test_colour_is_for_terminals_only(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], coloured: bool
) -> None:
    monkeypatch.setattr(sys, "stdout", stream())
    text, line = (detection().to_line(as_json) for as_json in (False, True))
    assert ("\033" in text) == coloured
    assert json.loads(line)["species_id"] == "cuculus_canorus"
