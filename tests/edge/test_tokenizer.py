"""A recorder's tokenizer makes of any text the numbers that open_clip's makes."""

# ruff: noqa: RUF001 - letters that look like others are what is tested

import gzip
import unicodedata
from pathlib import Path

import pytest

pytest.importorskip("hypothesis")
open_clip = pytest.importorskip("open_clip")
import ftfy  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as some  # noqa: E402
from open_clip.tokenizer import SimpleTokenizer, default_bpe  # noqa: E402

from edge.contract.errors import BundleError  # noqa: E402
from edge.recognition.tokenizer import Tokenizer  # noqa: E402

THEIRS, OURS = SimpleTokenizer(), Tokenizer(Path(default_bpe()).read_bytes())
HOSTILE = [
    *("", "  ", "a photo of a Common Cuckoo (Cuculus canorus).", "a" * 300, "_-=!!'s"),
    *("it's ISN'T we'll I'd 'S 'ſ", "naïve Ñandú Øresund", "ﬁnch ﬂicker ĲSSEL ǅ ŉ ﬅ"),
    *("“curly” ‘quotes’ ‚low‛ ‟x„", "ＦＵＬＬ　width １２３", "ﾊﾝｶｸ ￠￣￨ Ⓐ ㍿ ﷽", "12345 ²³ ½ Ⅷ"),
    *("&amp;amp; &lt;b&gt; &eacute &#233; &#x1F426; &nope; &ldquo;x", "<b>&lt;&ldquo;</b>"),
    *("&NTILDE; &AMP; &Eacute; &LARR;", "&#x0;&#55296;&#1114112;", "tab\there\r\nx\x85y\u2028z"),
    *("\x1b[31mred\x1b[0m", "\x00\x07bell\x7f\ufeff\u206a\x1c\x1d", "x\x81\x8d\x93y\x94"),
    *("🐦‍⬛ 👩‍👩‍👧", "\ud83d\udc26 \ud800 x", "北京 ひらがな 한글 हिन्दी عربى", "K ſ İstanbul ẞ ß"),
    *("<start_of_text>x<end_of_text> <START_OF_TEXT>", "a\u0301 e\u0301", "a\u200bb\u00adc\u2003y"),
]
KNOWN = some.characters(exclude_categories=["Cn", "Co"]).filter(
    lambda character: unicodedata.ucd_3_2_0.category(character) != "Cn"
)
"""Characters that Unicode has had for long: newer tables know more letters."""


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_texts_have_open_clips_numbers(text: str) -> None:
    assert OURS.encode(text) == THEIRS.encode(text)
    assert OURS.framed(text, 77) == THEIRS([text])[0].tolist()


@given(some.text(KNOWN, max_size=60))
@settings(max_examples=400, deadline=None)
def test_any_text_has_open_clips_numbers(text: str) -> None:
    # What was decoded by a wrong table stays so here.
    if ftfy.fix_text(text) == ftfy.fix_text(text, fix_encoding=False):
        assert OURS.encode(text) == THEIRS.encode(text)


def test_a_text_that_is_too_long_is_cut_before_its_end() -> None:
    framed = OURS.framed("bird " * 100, 10)
    assert framed == [OURS.begin, *OURS.encode("bird") * 8, OURS.end]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        gzip.compress(b"\xff\n\xff\xfe x\n"),
        gzip.compress(b"head\none two three\n"),
    ],
)
def test_what_is_no_vocabulary_is_refused(content: bytes) -> None:
    with pytest.raises(BundleError, match="tokenizer"):
        Tokenizer(content)
