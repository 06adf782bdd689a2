"""Secrets of a source, in whatever form they are written, are shown to nobody."""

import re

import pytest

from edge.system.redaction import redacted, redacted_text

HIDDEN = [
    ("rtsp://cam/live", "rtsp://cam/live"),
    ("http://127.0.0.1:8000/x.wav", "http://127.0.0.1:8000/x.wav"),
    ("http://[::1]:8000/x", "http://[::1]:8000/x"),
    ("rtsp://cam/h264?channel=1&subtype=0", "rtsp://cam/h264?channel=1&subtype=0"),
    ("rtsp://me:hunter2@cam:554/live", "rtsp://cam:554/live"),
    ("rtsp://hunter2@cam/live", "rtsp://cam/live"),
    ("rtsp://me:hun/ter2@cam/live", "rtsp://cam/live"),
    ("rtsp://me:hun@ter2@cam/live", "rtsp://cam/live"),
    ("rtsp://me:hun@t/er2@cam/live", "rtsp://cam/live"),
    ("rtsp://me:hun?ter2@cam/live", "rtsp://***"),
    ("rtsp://me:hun#ter2@cam/live", "rtsp://***"),
    ("rtsp://me:hun ter2@cam/live", "rtsp://***"),
    ("http://cam/x?password=hunter2", "http://cam/x?password=***"),
    ("http://cam/x?password=hun/ter2", "http://cam/x?password=***"),
    ("http://cam/x?password=hun@ter2", "http://***"),
    ("http://cam/x?PASSWORD=hunter2&channel=1", "http://cam/x?PASSWORD=***&channel=1"),
    ("http://cam/x?channel=hunter2hunter2", "http://cam/x?channel=***"),
    ("http://cam/x?token=hunter2#hunter2", "http://cam/x?token=***#***"),
    ("http://cam/x?hunter2", "http://cam/x?***"),
    ("http://cam/x;token=hunter2", "http://cam/x;token=***"),
    ("http://cam/token=hunter2/live.m3u8", "http://cam/token=***"),
    ("rtsp://cam/user=me&password=hunter2&channel=1", "rtsp://cam/user=***&password=***&channel=1"),
    ("rtsp://cam/user=me_password=hunter2_channel=1", "rtsp://cam/user=***"),
    ("rtsp://cam/user=me&password=hun@ter2", "rtsp://***"),
    ("rtmp://cam/app playpath=x pass=hunter2", "rtmp://cam/app playpath=*** pass=***"),
    ("srt://cam:9000?mode=caller&passphrase=hunter2", "srt://cam:9000?mode=caller&passphrase=***"),
    ("rtsp:/me:hunter2@cam/live", "rtsp:/cam/live"),
    ("async:http://me:hunter2@cam/live", "http://cam/live"),
    ("concat:http://a:hunter2@cam/1|http://b:hunter2@cam/2", "http://cam/2"),
    ("crypto:key=hunter2,http://cam/live", "http://cam/live"),
    ("USB Mic (hw:1,0)", "USB Mic (hw:1,0)"),
    ("plughw:CARD=Device,DEV=0", "plughw:CARD=Device,DEV=0"),
    ("/data/a=b@c/x.wav", "/data/a=b@c/x.wav"),
    ("-", "-"),
]


@pytest.mark.parametrize(("source", "shown"), HIDDEN)
def test_a_source_is_shown_without_its_secrets(source: str, shown: str) -> None:
    assert redacted(source) == shown
    assert redacted(shown) == shown


@pytest.mark.parametrize(("source", "shown"), HIDDEN)
def test_neither_it_nor_its_parts_are_shown_within_a_line(source: str, shown: str) -> None:
    lines = [f"Input #0, wav, from '{source}':", f"{source}: 401 Unauthorized", "bad: hunter2"]
    for line in lines if re.search(r"\bhunter2\b", source) else lines[:2]:
        told = redacted_text(line, source)
        assert "hunter2" not in told
        assert "ter2" not in told
        assert shown in told or line.startswith("bad")
