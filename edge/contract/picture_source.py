"""Source of a published picture: a file of Wikimedia Commons, a photograph of iNaturalist.

A picture is at several addresses: its page, its file in several sizes. All of them lead to one
source, whose key names the file that is fetched of it.
"""

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlsplit

COMMONS, PHOTO, OBSERVATION = "commons", "photo", "observation"
WIDTH = 330
"""Pixels; one of the few widths that Commons gives (mediawiki.org/wiki/Common_thumbnail_sizes)."""
_COMMONS_HOSTS = ("commons.wikimedia.org", "commons.m.wikimedia.org")
_FILE_HOSTS = ("upload.wikimedia.org", "thumb.wikimedia.org")
_TITLE = re.compile(r"/wiki/(?:File:|Image:|Special:FilePath/|Special:Redirect/file/)(.+)", re.I)
_STORED = re.compile(r"/wikipedia/commons/(?:thumb/)?[0-9a-f]/[0-9a-f]{2}/([^/]+)")
_NATURALIST = re.compile(r"(www\.)?inaturalist\.[a-z.]{2,6}")
_PHOTO_HOSTS = ("static.inaturalist.org", "inaturalist-open-data.s3.amazonaws.com")
_NUMBERED = re.compile(r"/(photos|observations)/(\d{1,20})(?:[/.].*)?")
_KIND = {"photos": PHOTO, "observations": OBSERVATION}


@dataclass(frozen=True)
class PictureSource:
    """A published picture."""

    kind: str
    """Of `commons`, `photo` and `observation`."""
    name: str
    """Title of a file, with underscores; number of a photograph or an observation."""

    @property
    def page(self) -> str:
        """Address of the page that says whose it is."""
        if self.kind == COMMONS:
            return f"https://commons.wikimedia.org/wiki/File:{_quoted(self.name)}"
        return f"https://www.inaturalist.org/{self.kind}s/{self.name}"

    @property
    def image(self) -> str | None:
        """Address of a picture, small where there is a choice; None if only a page is known."""
        if self.kind == COMMONS:
            path = f"Special:FilePath/{_quoted(self.name)}?width={WIDTH}"
            return f"https://commons.wikimedia.org/wiki/{path}"
        return None

    @property
    def key(self) -> str:
        """Plain name that no other source has."""
        digest = hashlib.sha256(f"{self.kind}/{self.name}".encode()).hexdigest()[:12]
        words = re.sub(r"[^a-z0-9]+", "_", self.name.rpartition(".")[0].lower() or self.name)
        return f"{words[:60].strip('_')}-{digest}".lstrip("-")


def picture_source(url: str | None) -> PictureSource | None:
    """The source that an address leads to; None if it is neither Commons' nor iNaturalist's."""
    try:
        parts = urlsplit(url or "")
        host = parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme not in ("http", "https"):
        return None
    if host in _COMMONS_HOSTS:
        titled = parse_qs(parts.query).get("title", [""])[0]
        found = _TITLE.fullmatch(parts.path if parts.path != "/w/index.php" else f"/wiki/{titled}")
        return _commons(found[1]) if found else None
    if host in _FILE_HOSTS and (found := _STORED.match(parts.path)):
        return _commons(found[1])
    if host in _PHOTO_HOSTS or _NATURALIST.fullmatch(host):
        numbered = _NUMBERED.fullmatch(parts.path)
        return PictureSource(_KIND[numbered[1]], numbered[2]) if numbered else None
    return None


def picture_page(url: str) -> str:
    """The page of a picture, where its source is known; else the address as it is."""
    source = picture_source(url)
    return source.page if source else url


def is_whole_name(url: str) -> bool:
    """False if a file's name is not the one that its place on Wikimedia's disks is made of."""
    found = re.search(r"/wikipedia/commons/(?:thumb/)?([0-9a-f])/([0-9a-f]{2})/([^/]+)", url)
    if found is None:
        return True
    name = unquote(found[3]).replace(" ", "_")
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:2] == found[2]


def _commons(name: str) -> PictureSource:
    title = unquote(name).strip().replace(" ", "_").strip("_")
    return PictureSource(COMMONS, title[:1].upper() + title[1:])


def _quoted(name: str) -> str:
    return quote(name, safe="()',!-._~:")
