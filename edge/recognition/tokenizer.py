"""CLIP's byte-pair encoding: a text to the whole numbers that a text tower is fed.

After OpenAI's CLIP (Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
Supervision", section 2.4; simple_tokenizer.py, MIT) as open_clip has it. What comes before, the
mending of texts by ftfy, is done as far as it changes single characters; a text that was decoded by
the wrong table ("mojibake") stays as it is, and letters are those that Python's Unicode knows.
"""

import html
import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from html.entities import html5
from itertools import pairwise

from edge.contract.errors import BundleError

MERGES = 49_152 - 256 - 2
"""Of CLIP's vocabulary, whose file goes on."""
_GZIP, _MOST_BYTES, _LONGEST = 31, 16_000_000, 4000
_WORD_END = "</w>"
_BEGIN, _END = "<start_of_text>", "<end_of_text>"
_FIRST = re.compile(rf"{_BEGIN}|{_END}|'s|'t|'re|'ve|'m|'ll|'d", re.IGNORECASE)
_ENTITY = re.compile(r"&#?[0-9A-Za-z]{1,24};")
_TERMINAL = re.compile("\033\\[((?:\\d|;)*)([a-zA-Z])")
_C1, _SURROGATES = re.compile("[\x80-\x9f]"), re.compile("[\ud800-\udfff]+")
_BREAKS = re.compile("\r\n|[\r\x85\u2028\u2029]")
_GONE = (0xB, 0x7F, 0xFEFF, *range(9), *range(0xE, 0x20), *range(0x206A, 0x2070))
_CHARACTERS: dict[int, str] = {
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF01, 0xFFF0)},
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)},
    **{ord(letter): unicodedata.normalize("NFKC", letter) for letter in "ĲĳŉǱǲǳǄǅǆǇǈǉǊǋǌ"},
    **dict.fromkeys(map(ord, "\u02bc\u2018\u2019\u201a\u201b"), "'"),
    **dict.fromkeys(range(0x201C, 0x2020), '"'),
    **dict.fromkeys((*_GONE, *range(0xFFF9, 0xFFFD)), ""),
    0xFB05: "\u017ft",
    0x3000: " ",
}
"""Ligatures, letters of full width and curled quotes as plain ones; what is no text, gone."""


class Tokenizer:
    """Byte-pair encoder of one vocabulary.

    Args:
        vocabulary: the file of merges, one a line behind a first line of other use, gzip.

    Raises:
        BundleError: it is no such file.
    """

    def __init__(self, vocabulary: bytes) -> None:
        merges = list(_merges(vocabulary))
        single = list(_CHARACTER_OF_BYTE.values())
        words = [*single, *(letter + _WORD_END for letter in single), *map("".join, merges)]
        self._number = {word: n for n, word in enumerate([*words, _BEGIN, _END])}
        self._rank = {merge: n for n, merge in enumerate(merges)}
        self.begin, self.end = len(words), len(words) + 1

    def encode(self, text: str) -> list[int]:
        """The numbers of a text, without begin and end."""
        return [number for token in _tokens(cleaned(text)) for number in self._numbers(token)]

    def framed(self, text: str, length: int) -> list[int]:
        """The numbers of a text between begin and end, cut or filled with 0 to a length."""
        numbers = [self.begin, *self.encode(text)[: length - 2], self.end]
        return numbers + [0] * (length - len(numbers))

    def _numbers(self, token: str) -> list[int]:
        if token in (_BEGIN, _END):
            return [self._number[token]]
        letters = [_CHARACTER_OF_BYTE[byte] for byte in token.encode()]
        return [
            self._number[part] for part in self._joined([*letters[:-1], letters[-1] + _WORD_END])
        ]

    def _joined(self, parts: Sequence[str]) -> Sequence[str]:
        """Neighbours joined as long as the vocabulary has a pair of them, the foremost first."""
        while len(parts) > 1:
            best = min(pairwise(parts), key=lambda pair: self._rank.get(pair, MERGES))
            if best not in self._rank:
                break
            parts = list(_with_joined(parts, best))
        return parts


def cleaned(text: str) -> str:
    """A text as it is encoded: mended, without entities and surplus space, in small letters."""
    before, text = "", text[:_LONGEST]
    while before != text:
        before, text = text, _mended(text)
    return " ".join(html.unescape(html.unescape(text)).split()).lower()


def _mended(text: str) -> str:
    """One round of what ftfy does to single characters (its `fix_text`, in its order)."""
    if "<" not in text:
        text = _ENTITY.sub(lambda found: _entity(found[0]), text)
    text = _C1.sub(lambda found: _of_windows(found[0]), _TERMINAL.sub("", text))
    text = _BREAKS.sub("\n", text.translate(_CHARACTERS))
    return unicodedata.normalize("NFC", _SURROGATES.sub(lambda found: _paired(found[0]), text))


def _entity(text: str) -> str:
    name = text[1:]
    if name in html5:
        return html5[name]
    if text.startswith("&#"):
        plain = html.unescape(text)
        return text if ";" in plain else plain
    lower = name.lower()
    is_shouted = name == lower.upper() and lower in html5 and html.unescape(text) == text
    return html5[lower].upper() if is_shouted else text


def _of_windows(control: str) -> str:
    """A control character that Windows-1252 has a letter for, as browsers show it."""
    return control.encode("latin-1").decode("cp1252", "ignore") or control


def _paired(surrogates: str) -> str:
    joined = surrogates.encode("utf-16-le", "surrogatepass")
    return joined.decode("utf-16-le", "replace")


def _tokens(text: str) -> Iterator[str]:
    """Words, single digits, and runs of other signs."""
    place = 0
    while place < len(text):
        found = _FIRST.match(text, place)
        end = found.end() if found else _run_end(text, place)
        if found or not text[place].isspace():
            yield text[place:end]
        place = end


def _run_end(text: str, begin: int) -> int:
    """End of the characters of one kind; of digits and space there is one."""
    kind, end = _kind(text[begin]), begin + 1
    while kind in "L." and end < len(text) and _kind(text[end]) == kind:
        end += 1
    return end


def _kind(character: str) -> str:
    """L: letter, N: number, a space, or a dot for all others."""
    category = unicodedata.category(character)[0]
    return category if category in "LN" else " " if character.isspace() else "."


def _with_joined(parts: Sequence[str], pair: tuple[str, str]) -> Iterator[str]:
    place = 0
    while place < len(parts):
        is_pair = tuple(parts[place : place + 2]) == pair
        yield "".join(pair) if is_pair else parts[place]
        place += 1 + is_pair


def _merges(vocabulary: bytes) -> Iterator[tuple[str, str]]:
    for line in _unpacked(vocabulary).split("\n")[1 : MERGES + 1]:
        parts = line.split()
        if len(parts) != 2:
            raise BundleError(f"tokenizer: {line[:40]!r}, expected two parts of a word")
        yield parts[0], parts[1]


def _unpacked(vocabulary: bytes) -> str:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        text = unpacker.decompress(vocabulary, _MOST_BYTES).decode()
        problem = "" if unpacker.eof else "it is cut off, or too large"
    except (zlib.error, UnicodeDecodeError) as error:
        problem = str(error)
    if problem:
        raise BundleError(
            f"tokenizer: not a gzip file of merges ({problem}); write it again: "
            "python -m export.text_tower"
        )
    return text


def _characters() -> dict[int, str]:
    """A printable character for each byte, which come first, in the order of the vocabulary."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {
        byte: chr(256 + n) for n, byte in enumerate(others)
    }


_CHARACTER_OF_BYTE = _characters()
