"""A server that speaks the routes of the Hugging Face hub which its library uses here."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

_MODEL = re.compile(r"/api/models/([^/]+/[^/]+)(?:/(revision|preupload|commit|tree)/([^?/]+))?")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


class Hub:
    """Repositories of files, each of one branch, and what may go wrong with them."""

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, bytes]] = {}
        self.cuts: dict[str, int] = {}
        """Bytes of a file after which the connection breaks."""
        self.cuts_once = False
        self.lies: set[str] = set()
        """Files that are sent with other bytes than are stored."""
        self.sent: dict[str, list[int]] = {}
        """Of each file the places from which it was sent."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_", (_Answer,), {"hub": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stand_in(self, patch: Any) -> None:
        """Be the hub of this process: the library reads HF_ENDPOINT once, when it is imported."""
        place = f"{self.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        patch.setattr("huggingface_hub.constants.ENDPOINT", self.url)
        patch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", place)

    def add(self, repo: str, folder: Path) -> None:
        """Put a folder into a repository."""
        files = (file for file in folder.rglob("*") if file.is_file())
        self.repos[repo] = {
            file.relative_to(folder).as_posix(): file.read_bytes() for file in files
        }

    def commit(self, repo: str) -> str:
        """Of what a repository holds now."""
        content = sorted(
            (name, hashlib.sha1(b).hexdigest()) for name, b in self.repos[repo].items()
        )
        return hashlib.sha1(repr(content).encode()).hexdigest()

    def __enter__(self) -> "Hub":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Answer(BaseHTTPRequestHandler):
    hub: ClassVar[Hub]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        hub = self.hub
        if found := _FILE.fullmatch(self.path):
            repo, _, file = found.groups()
            self._send_file(file, hub.repos[repo][file])
        elif (found := _MODEL.match(self.path)) and found[2] == "tree":
            stored = hub.repos[found[1]].items()
            sizes = [{"type": "file", "path": p, "size": len(b), "oid": "0"} for p, b in stored]
            self._send(sizes)
        elif found and found[1] in hub.repos:
            commit = hub.commit(found[1])
            if found[3] not in (None, "main", commit):
                self._send({}, 404, {"X-Error-Code": "RevisionNotFound"})
                return
            names = [{"rfilename": name} for name in hub.repos[found[1]]]
            self._send({"id": found[1], "sha": commit, "siblings": names})
        else:
            self._send({}, 404, {"X-Error-Code": "RepoNotFound"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        found = _MODEL.match(self.path)
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            repo = "/".join(filter(None, (asked.get("organization"), asked["name"])))
            self.hub.repos.setdefault(repo, {})
            self._send({"url": f"{self.hub.url}/{repo}", "name": repo})
        elif found and found[2] == "preupload":
            names = [file["path"] for file in json.loads(body)["files"]]
            modes = [
                {"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names
            ]
            self._send({"files": modes})
        elif found and found[2] == "commit":
            self._keep(found[1], [json.loads(line) for line in body.splitlines()])
        else:
            self._send({"errors": [], "warnings": []})

    def _keep(self, repo: str, lines: list[dict[str, Any]]) -> None:
        files = self.hub.repos[repo]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        commit = self.hub.commit(repo)
        told = {"commitUrl": f"{self.hub.url}/{repo}/commit/{commit}", "commitOid": commit}
        self._send({**told, "success": True})

    def _send(self, content: Any, status: int = 200, headers: Mapping[str, str] = {}) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _send_file(self, name: str, data: bytes) -> None:
        hub, asked = self.hub, self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").rstrip("-") or 0)
        hub.sent.setdefault(Path(name).name, []).append(start)
        if name in hub.lies:
            data = bytes(byte ^ 1 for byte in data)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        cut = hub.cuts.pop(name, None) if hub.cuts_once else hub.cuts.get(name)
        self.wfile.write(data[start:] if cut is None else data[start : max(start, cut)])
        if cut is not None and cut < len(data):
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
