"""Published pictures: what Wikimedia Commons and iNaturalist say of them, by their public APIs.

Commons: action=query&prop=imageinfo (mediawiki.org/wiki/API:Imageinfo), many titles at a time.
iNaturalist: v1/observations (api.inaturalist.org/v1/docs), and photos/ID.json of the site itself.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode

from edge.contract.errors import WebError
from edge.contract.picture_source import COMMONS, OBSERVATION, PHOTO, WIDTH, PictureSource
from edge.system.polite import GoneError, PoliteClient

_MOST_BYTES = 4_000_000
"""Of an answer."""
_AT_ONCE = {COMMONS: 20, OBSERVATION: 30, PHOTO: 1}
_MOST_PARTS = 10
_ABSENT = {"missing", "invalid"}
"""Marks of a page that isn't there, or can't be."""
_LICENCES = ("LicenseShortName", "License", "UsageTerms")
"""Names of one licence in what Commons tells."""


@dataclass(frozen=True)
class PictureSites:
    """Addresses of the APIs."""

    commons: str = "https://commons.wikimedia.org/w/api.php"
    inaturalist: str = "https://www.inaturalist.org"
    inaturalist_api: str = "https://api.inaturalist.org/v1"


@dataclass(frozen=True)
class Published:
    """A picture as its site has it now."""

    image: str
    """Address of a small one."""
    author: str
    """As the site has it: HTML, or a sentence."""
    licences: tuple[str, ...]
    """Names of its licence."""


class AnswerError(WebError):
    """A site answers, but not as its API does."""


class PublishedPictures:
    """Asks the sites for pictures.

    Args:
        client: that asks.
        sites: addresses of the APIs.
    """

    def __init__(self, client: PoliteClient, sites: PictureSites | None = None) -> None:
        self._client, self._sites = client, sites or PictureSites()

    def batches(self, sources: Sequence[PictureSource]) -> Iterator[list[PictureSource]]:
        """The sources as they are best asked for: those of one site, so many at a time."""
        for kind, count in _AT_ONCE.items():
            asked = [source for source in sources if source.kind == kind]
            for begin in range(0, len(asked), count):
                yield asked[begin : begin + count]

    def find(self, batch: Sequence[PictureSource]) -> dict[PictureSource, Published]:
        """The pictures of a batch that are there.

        Raises:
            AnswerError: the site doesn't answer as its API does.
            WebError: it can't be asked.
        """
        kind = batch[0].kind
        names = [source.name for source in batch]
        try:
            ask = {COMMONS: self._commons, OBSERVATION: self._observations, PHOTO: self._photo}
            found = ask[kind](names)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise AnswerError(f"{kind}: not the answer of its API ({error!r})") from error
        return {source: found[source.name] for source in batch if source.name in found}

    def _commons(self, names: Sequence[str]) -> dict[str, Published]:
        asked = {
            "action": "query",
            "format": "json",
            "formatversion": "2",
            "redirects": "1",
            "prop": "imageinfo",
            "iiprop": "url|extmetadata",
            "iiextmetadatafilter": "|".join(("Artist", *_LICENCES)),
            "iiurlwidth": str(WIDTH),
            "titles": "|".join(f"File:{name}" for name in names),
        }
        renamed: dict[str, str] = {}
        pages: dict[str, dict[str, Any]] = {}
        for answer in self._answers(asked):
            for way in ("normalized", "redirects"):
                renamed |= {_name_before(entry): entry["to"] for entry in answer.get(way, ())}
            for page in answer["pages"]:
                pages.setdefault(page["title"], {}).update(page)
        held = {name: pages[_followed(f"File:{name}", renamed)] for name in names}
        return {
            name: _of_commons(page["imageinfo"][0])
            for name, page in held.items()
            if not page.keys() & _ABSENT and page.get("imagerepository") != ""
        }

    def _answers(self, asked: dict[str, str]) -> Iterator[dict[str, Any]]:
        """The parts of an answer: what is left is asked for with the marks that it was given."""
        further: dict[str, str] = {}
        for _ in range(_MOST_PARTS):
            answer = self._json(f"{self._sites.commons}?{urlencode({**asked, **further})}")
            if "error" in answer:
                raise WebError(f"{COMMONS}: {str(answer['error'])[:200]}")
            yield answer["query"]
            further = answer.get("continue", {})
            if not further:
                return

    def _observations(self, numbers: Sequence[str]) -> dict[str, Published]:
        asked = urlencode({"id": ",".join(numbers), "per_page": len(numbers)})
        results = self._json(f"{self._sites.inaturalist_api}/observations?{asked}")["results"]
        return {
            str(result["id"]): _of_inaturalist(result["photos"][0])
            for result in results
            if result["photos"]
        }

    def _photo(self, numbers: Sequence[str]) -> dict[str, Published]:
        try:
            photo = self._json(f"{self._sites.inaturalist}/photos/{numbers[0]}.json")
        except GoneError:  # here alone it is the picture that is gone, and not the API
            return {}
        return {numbers[0]: _of_inaturalist(photo)}

    def _json(self, url: str) -> Any:
        content = self._client.get(url, _MOST_BYTES)
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise WebError(f"{url}: expected JSON, found {content[:40]!r}") from error


def _name_before(entry: dict[str, Any]) -> str:
    """A title as it was asked for; one in another form of Unicode comes back percent-encoded."""
    before = str(entry["from"])
    return unquote(before) if entry.get("fromencoded") else before


def _followed(title: str, renamed: dict[str, str]) -> str:
    """The title that a page goes by now; names are put in order first, then redirected."""
    for _ in range(3):
        title = renamed.get(title, title)
    return title


def _of_commons(told: dict[str, Any]) -> Published:
    about = told.get("extmetadata", {})
    licences = (str(about[name]["value"]) for name in _LICENCES if name in about)
    author = about.get("Artist", {}).get("value", "")
    return Published(str(told.get("thumburl") or told["url"]), str(author), tuple(licences))


def _of_inaturalist(photo: dict[str, Any]) -> Published:
    small = str(photo["url"]).replace("/square.", "/medium.") if "url" in photo else ""
    licence = photo.get("license_code")
    return Published(
        image=str(photo.get("medium_url") or small),
        author=str(photo.get("attribution") or ""),
        licences=(str(licence),) if licence else (),
    )
