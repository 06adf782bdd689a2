import json
import unicodedata

import pytest

from edge.contract.text import json_line, visible, well_formed

HIDING = {
    "colour": "\x1b[31mred",
    "title": "\x1b]0;owned\x07",
    "line": "a\n00:00:00  Fake (Bird)",
    "return": "a\rb",
    "tab": "a\tb",
    "nul": "a\0b",
    "delete": "a\x7fb",
    "next line": "a\x85b",
    "csi of one byte": "a\x9b31m",
    "line separator": "a\u2028b\u2029c",
    "bidi override": "a\u202eb\u202c",
    "bidi isolate": "a\u2066b\u2069",
    "bidi mark": "a\u200eb\u200fc\u061cd",
    "zero width": "Cu\u200bck\u200coo\u200d \u2060\ufeff",
    "soft hyphen": "cuc\u00adkoo",
    "filler": "a\u3164b\u115fc\uffa0",
    "tag": "a\U000e0061",
    "lone surrogate": "gr\udcfcn \ud83d",
}


@pytest.mark.parametrize("name", HIDING)
def test_nothing_hides_in_what_is_shown(name: str) -> None:
    shown = visible(HIDING[name])
    assert {unicodedata.category(letter) for letter in shown}.isdisjoint({"Cc", "Cf", "Cs", "Zl"})
    assert "\\" in shown
    shown.encode("utf-8")
    assert len(shown.splitlines()) == 1


def test_every_character_is_escaped_or_seen() -> None:
    for code in range(0x110000):
        letter = chr(code)
        if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            assert visible(f"a{letter}b").isascii()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Häher, der (Garrulus) “x” \\ 'y'",
        "カッコウ 杜鹃 кукушка",
        "می‌خواهم",
        "क्‍ष",
        "🐦🎶 👩🏽‍🔬 🏳️‍🌈",
        "a\u00a0b",
    ],
)
def test_what_can_be_read_stays(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize("text", [*HIDING.values(), "plain", "größe", "🐦"])
def test_json_is_visible_ascii_and_says_the_same(text: str) -> None:
    line = json_line({"name": text})
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == {"name": text}


@pytest.mark.parametrize("text", ["gr\udcfcn", "\ud83d", "größe 🐦", ""])
def test_what_is_well_formed_can_be_kept(text: str) -> None:
    well_formed(text).encode("utf-8")
    assert ("\\" in well_formed(text)) == (well_formed(text) != text)
