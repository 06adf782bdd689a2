"""Credit of a picture: its author as a name, its licence as a code, compared as people write them.

What sites hold as an author is a name, or HTML around one, or a letter to the reader.
"""

import html
import re
import unicodedata

UNKNOWN = "unknown"
_MOST = 200
"""Characters of a name."""
_MOST_READ = 2000
"""Characters that are read for one; patterns take the square of it."""
_TAG = re.compile(r"<[^<>]*>")
_SOURCE = re.compile(
    r",?\s*(\bWikimedia Commons File:|https?://(commons|upload|thumb)\.wikimedia\.org/).*$"
    r"|,\s*XC\d+\b.*$|,?\s*\biNaturalist observation \d.*$|\s+\u2014 observation \d.*$"
)
"""From here on it says where the file lies."""
_RIGHTS = re.compile(
    r"^\s*(iNaturalist\s+)?(\(c\)|©|copyright)\s+"
    r"|,\s*(some|all|no) rights reserved.*$|,\s*CC([- ]BY[\w -]*|0[\w .-]*)$",
    re.I,
)
_ADDRESS = re.compile(r"[(\[<]?\b[\w.+-]+\s?(@|\[at\]|\(at\))\s?[\w-]+(\.[\w-]+)+\b[)\]>]?", re.I)
_LETTER = re.compile(
    r"[\s(.,;:\u2013-]*\b(I'd|I would|please|kindly|if you"
    r"|(contact|e-?mail|mail|write)( to)? me)\b.*$|\s+(Canon|Nikon|Sony)\s+[A-Z0-9].*$",
    re.I,
)
"""What an author asks of the reader, or has photographed with."""
_ROLES = (
    (r"^(the )?original uploader was (.+?)( at \S.*)?$", r"\2"),
    (r"^((photo(graph)?|image|picture)( (taken|made))?|taken) by:?\s+", ""),
    (r"^this (image|picture|photo\w*) (was|is) (\w+) by (me, )?", ""),
    (r"\s*\.\s+(The|This|These|I|You) .*$| by using .*$| - [^-]*!$", ""),
    (r"^\S+\.(jpe?g|png|gif|tiff?):\s*", ""),
    (r"^\S+\.(jpe?g|png|gif|tiff?)$", ""),
    (r"\(([a-z]{2,3}:)?User:[^)]*\)|\((talk|\d+)\)|\[\d+\]", ""),
    (r"\b([a-z]{2,3}:)?User:", ""),
)
_ASSUMED = re.compile(r"^.*author provided\.\s*(.+?)\s+assumed\b.*$", re.I)
_WEB = re.compile(r"\(?\b(https?://|www\.)[^\s,;()]+\)?")
_TWICE = re.compile(r"^(.+?)\s*\(\1\)")
_DANGLING = re.compile(r"\s+(at|of|from|by)$|\(\s*\)")
_NOBODY = ("", "unknown", "unbekannt", "unknown author", "anonymous", "n/a", "author unknown")


def author_name(text: str) -> str:
    """The name in what a site or a data set holds as an author or attribution.

    One who is known by a web address alone keeps it, without its scheme; nobody is `unknown`.
    """
    plain = html.unescape(_TAG.sub("", html.unescape(text)))
    plain = _SOURCE.sub("", " ".join(plain.split())[:_MOST_READ])
    plain = _ASSUMED.sub(r"\1", plain)
    for pattern in (_RIGHTS, _ADDRESS, _LETTER):
        plain = pattern.sub("", plain)
    for role, name in _ROLES:
        plain = re.sub(role, name, plain, flags=re.I)
    name = _tidy(_WEB.sub("", plain)) or _tidy(_bare(plain))
    return UNKNOWN if name.casefold() in _NOBODY else name[:_MOST]


def is_credited(text: str) -> bool:
    """True for an author or a licence that is told."""
    return text not in ("", UNKNOWN)


def is_same_author(one: str, other: str) -> bool:
    """True if two names may be one person's; an unknown author contradicts nobody."""
    names = [author_name(text) for text in (one, other)]
    if UNKNOWN in names:
        return True
    short, long = sorted(map(_words, names), key=len)
    return bool(short) and short <= long


def is_same_licence(one: str, other: str) -> bool:
    """True if two codes stand for one licence; a version counts where both have it."""
    (kind, version), (other_kind, other_version) = map(_licence, (one, other))
    return (
        bool(kind)
        and kind == other_kind
        and (version == other_version or not version or not other_version)
    )


def _licence(text: str) -> tuple[str, str]:
    """Kind and version of a licence, as they are compared."""
    code = re.sub(r"[\s_-]+", " ", text.casefold()).replace("creative commons", "cc").strip()
    if code.startswith(("public domain", "pd", "pdm")):
        return "pd", ""
    version = re.search(r"\b\d\.\d\b", code)
    kind = re.sub(r"\b\d\.\d\b.*$", "", code).strip()
    kind = re.sub(r"^cc (0|zero)$", "cc0", kind)
    return kind, "" if version is None or kind == "cc0" else version[0]


def _bare(text: str) -> str:
    """Web addresses without scheme and end."""
    return re.sub(r"\bhttps?://|\bwww\.", "", text).rstrip("/")


def _tidy(text: str) -> str:
    text = _TWICE.sub(r"\1", " ".join(text.split()))
    while True:
        shorter = _DANGLING.sub("", text).strip(" ,;:\u2013\u2014-/")
        shorter = shorter.removesuffix(".") if not re.search(r"\b\w{1,3}\.$", shorter) else shorter
        if shorter == text:
            return " ".join(text.split())
        text = shorter


def _words(name: str) -> set[str]:
    plain = unicodedata.normalize("NFKD", name.casefold())
    return set(re.findall(r"\w+", "".join(c for c in plain if not unicodedata.combining(c))))
