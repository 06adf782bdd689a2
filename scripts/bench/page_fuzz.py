"""Requests that the page's API was not made for: schemathesis over its own description.

python scripts/bench/page_fuzz.py [--examples 150]

A station with a few records is served; every route of openapi.yaml but the endless ones is asked
with what it allows and what it does not. A finding would be an answer of 5xx, one that the
description does not know, or a file changed that is neither a review nor a comment. `--examples`
are those of a route and kind of data: 150 make some 4,600 requests, 350 some 10,000.
"""

import argparse
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from edge.records.store import Store  # noqa: E402
from edge.web.app import HERE  # noqa: E402
from edge.web.config import WebConfig  # noqa: E402
from tests.support.web import SPECIES, heard, served  # noqa: E402

_CHECKS = "not_a_server_error,content_type_conformance,response_schema_conformance"
_OURS = ("reviews/", "comments.jsonl", "birdlisten.db-shm", "birdlisten.db-wal")


def digests(folder: Path) -> dict[str, str]:
    """Every file of a folder that requests may not change."""
    files = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in files}
    return {
        name: sha256(path.read_bytes()).hexdigest()
        for name, path in named.items()
        if not name.removeprefix("station/").startswith(_OURS)
    }


def main() -> None:
    """Serve a station and ask it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=150, help="of a route (default 150)")
    parser.add_argument("--seed", type=int, default=28)
    args = parser.parse_args()
    config = WebConfig(port=0, requests_per_s=1e6, burst=1_000_000)
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as notes:
        folder = Path(place)
        (folder / "outside.wav").write_bytes(b"not ours")
        store, names = Store(folder / "station"), list(SPECIES)
        moments = [f"2026-05-01T0{hour}:00:00.000Z" for hour in range(9)]
        store.write_all([heard(n, moment, names[n % 3]) for n, moment in enumerate(moments)])
        store.close()
        before = digests(folder)
        with served(folder / "station", config) as server:
            command = ["run", str(HERE / "openapi.yaml"), "--url", server.url, "--mode", "all"]
            command += ["--checks", _CHECKS, "--exclude-path-regex", "stream$", "--no-color"]
            command += ["--phases", "coverage,fuzzing", "--suppress-health-check", "all"]
            command += ["--max-examples", str(args.examples), "--seed", str(args.seed)]
            program = Path(sys.executable).absolute().with_name("schemathesis")
            done = subprocess.run([program, *command], cwd=notes)  # it leaves some where it runs
        changed = before.items() ^ digests(folder).items()
    print(f"files changed that are not ours to change: {sorted({name for name, _ in changed})}")
    sys.exit(1 if done.returncode or changed else 0)


if __name__ == "__main__":
    main()
