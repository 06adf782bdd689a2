"""Sites that publish pictures, for tests: one server that answers as their APIs do, or refuses."""

import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unicodedata import normalize
from urllib.parse import parse_qs, quote, unquote, urlsplit

from edge.recognition.published_pictures import PictureSites

Reply = tuple[int, dict[str, str], bytes]


def jpeg(width: int = 400, height: int = 300) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (width, height), (90, 120, 60)).save(file, "JPEG")
    return file.getvalue()


@dataclass
class Sites:
    """What the server holds, and what it was asked."""

    port: int = 0
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of Commons: Artist and LicenseShortName by title."""
    renamed: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    """Titles of Commons of which it tells no more."""
    in_parts: bool = False
    """Commons tells of the last file of a question in a further answer."""
    photos: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of iNaturalist, by number."""
    replies: dict[str, Callable[[int], Reply]] = field(default_factory=dict)
    """Answers of a path, given how often it was asked for before; others are as usual."""
    asked: Counter[str] = field(default_factory=Counter)
    agents: set[str] = field(default_factory=set)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def addresses(self) -> PictureSites:
        return PictureSites(f"{self.base}/w/api.php", self.base, f"{self.base}/v1")

    def reply(self, target: str) -> Reply:
        parts = urlsplit(target)
        before, self.asked[parts.path] = self.asked[parts.path], self.asked[parts.path] + 1
        if parts.path in self.replies:
            return self.replies[parts.path](before)
        if parts.path == "/w/api.php":
            return as_json(self._commons(parse_qs(parts.query)))
        if parts.path == "/v1/observations":
            numbers = parse_qs(parts.query)["id"][0].split(",")
            found = [
                {"id": int(n), "photos": [self.photos[n]]} for n in numbers if n in self.photos
            ]
            return as_json({"total_results": len(found), "results": found})
        if parts.path.startswith("/photos/") and parts.path.endswith(".json"):
            number = parts.path[8:-5]
            found = self.photos.get(number)
            return as_json(found) if found else (404, {}, b"{}")
        if parts.path.startswith("/img/"):
            return 200, {"Content-Type": "image/jpeg"}, jpeg()
        return 404, {}, b"not found"

    def _commons(self, asked: dict[str, list[str]]) -> dict[str, Any]:
        titles = asked["titles"][0].split("|")
        forms = {title: normalize("NFC", title.replace("_", " ")) for title in titles}
        spaced = {title: form for title, form in forms.items() if form != title}
        orders = [spaced.get(title, title) for title in titles]
        moved = {title: self.renamed[title] for title in orders if title in self.renamed}
        query: dict[str, Any] = {
            "normalized": [_normalised(a, b) for a, b in spaced.items()],
            "redirects": [{"from": a, "to": b} for a, b in moved.items()],
            "pages": [self._page(moved.get(title, title)) for title in orders],
        }
        if self.in_parts and "iistart" not in asked:
            del query["pages"][-1]["imageinfo"]
            more = {"iistart": "2020", "continue": "||"}
            return {"continue": more, "query": query}
        return {"batchcomplete": True, "query": query}

    def _page(self, title: str) -> dict[str, Any]:
        about = self.files.get(title)
        if about is None:
            return {"ns": 6, "title": title, "missing": True}
        path = f"/img/{quote(title.removeprefix('File:').replace(' ', '_'))}"
        told = {
            name: {"value": value, "source": "commons-desc-page"} for name, value in about.items()
        }
        info = {"thumburl": f"{self.base}{path}", "thumbwidth": 330, "extmetadata": told}
        page = {"pageid": 1, "ns": 6, "title": title}
        return page if title in self.silent else {**page, "imageinfo": [info]}


def _normalised(before: str, after: str) -> dict[str, Any]:
    """As MediaWiki has it, which encodes what isn't NFC."""
    is_encoded = normalize("NFC", before) != before
    return {"fromencoded": is_encoded, "from": quote(before) if is_encoded else before, "to": after}


def as_json(content: Any) -> Reply:
    return 200, {"Content-Type": "application/json"}, json.dumps(content).encode()


@contextmanager
def picture_sites() -> Iterator[Sites]:
    sites = Sites()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sites.agents.add(self.headers["User-Agent"])
            status, headers, body = sites.reply(unquote_path(self.path))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *parts: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sites.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield sites
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def unquote_path(target: str) -> str:
    path, mark, query = target.partition("?")
    return f"{unquote(path)}{mark}{query}"
