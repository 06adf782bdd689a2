"""Hostile inputs by structure: what is valid is made first, then spoilt where it hurts.

Each strategy draws a function that writes the input into a folder and returns the arguments of
`birdlisten` that take it up; `PcmInput` is what a capture process writes instead.
"""

import io
import json
import shutil
import struct
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import soundfile
from hypothesis import strategies as st

from edge.config import DEMO_BUNDLE
from edge.records.backlog import Backlog
from edge.records.store import Store
from edge.source import pcm
from tests.support.captured import supervised
from tests.support.factories import detection

Draw = Callable[[st.SearchStrategy[Any]], Any]
Input = Callable[[Path], list[str]]

_SIZES = (0, 1, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 30, 3 << 30, 0xFFFF)
_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1 << 31, 1 << 63, 1 << 200, 1e308, -0.0, float("nan"), float("inf")),
    *("", "../../../etc/passwd", "/dev/zero", "a\0b", "\udcff", "\x1b[2J\n", "x" * 70_000),
    *([], {}, [[]] * 1000, "²", "1e999", "NaN", "٣", "0x10", "1_000"),
)
_CELLS = (
    *("", '"', '""', "²", "nan", "1e999", "1,5", "=1+1", "\x1b[31m", "\0", "\ufeff", "x" * 9_000),
    *("../../x", "-1", "0", "1.5", "٣", "a;b", "a\tb", "a\nb", "\udcff"),
)
_NPY_HEADS = (
    "{'descr': '<f2', 'fortran_order': False, 'shape': (4000000000, 128), }",
    "{'descr': '<f2', 'fortran_order': False, 'shape': (9**9**9, 128), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (4, 128), }",
    "{'descr': '<f2', 'fortran_order': True, 'shape': (-4, 128), }",
    "{'descr': [('a', '<f2', (1 << 40,))], 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '<f2', 'fortran_order': False, 'shape': " + "(" * 3000 + ")" * 3000 + ", }",
    "__import__('os').system('touch pwned')",
    "{" * 60_000,
)
_YAML = (
    "a: &a [x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b]\n"
    "d: &d [*c, *c, *c, *c, *c, *c]\nspecies: [*d, *d, *d, *d, *d, *d, *d]\n",
    "threshold: !!python/object/apply:os.system ['touch pwned']\n",
    "threshold: !!int 0x" + "f" * 5000 + "\n",
    "hop: 1:2:3\nthreshold: .5_0\n",
    "? [a, b]\n: c\n",
    "threshold: 0.5\nthreshold: 0.6\n",
    "[" * 5000,
    "\t: x\n",
    "--- \n--- \n",
    "species: |\n" + "  x\n" * 20_000,
    "<<: [{threshold: 1}]\n",
)


@st.composite
def spoilt_bytes(draw: Draw, content: bytes) -> bytes:
    """Bytes with some of them changed, lost, doubled or claimed to be gigabytes."""
    spoilt = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(spoilt) - 1, 0)))
        length = draw(st.sampled_from((1, 2, 4, 16, 64, 4096)))
        kind = draw(st.sampled_from(("set", "size", "cut", "double", "tear", "grow")))
        if kind == "set":
            spoilt[at : at + length] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "size":
            form = draw(st.sampled_from(("<I", ">I")))
            spoilt[at : at + 4] = struct.pack(form, draw(st.sampled_from(_SIZES)))
        elif kind == "cut":
            del spoilt[at : at + length]
        elif kind == "double":
            spoilt[at:at] = spoilt[at : at + length]
        elif kind == "tear":
            del spoilt[at:]
        else:
            spoilt += bytes(length)
    return bytes(spoilt)


@st.composite
def spoilt_json(draw: Draw, value: Any) -> Any:
    """A JSON value of which some parts are others, missing, or of other names."""
    value = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, 3))):
        at, inner = value, None
        while isinstance(at, dict | list) and at:
            inner = at
            key = (
                draw(st.sampled_from(sorted(at)))
                if isinstance(at, dict)
                else draw(st.integers(0, len(at) - 1))
            )
            at = at[key]
            if draw(st.booleans()):
                break
        if inner is None:
            return draw(st.sampled_from(_VALUES))
        kind = draw(st.sampled_from(("set", "del", "rename")))
        if kind == "del":
            del inner[key]
        elif kind == "rename" and isinstance(inner, dict):
            inner[draw(st.text(max_size=9))] = inner.pop(key)
        else:
            inner[key] = draw(st.sampled_from(_VALUES))
    return value


def _json_bytes(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@cache
def _files(bundle: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in bundle.iterdir()
        if path.suffix != ".flac" and path.is_file()
    }


@cache
def sound(suffix: str, seconds: float = 3.0) -> bytes:
    """Some of the aviary's chorus as a file of a format."""
    samples, rate_hz = soundfile.read(DEMO_BUNDLE / "chorus.flac", frames=int(48_000 * seconds))
    content = io.BytesIO()
    kinds = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}
    soundfile.write(content, samples, rate_hz, kinds[suffix], format=suffix.upper())
    return content.getvalue()


def _heard(folder: Path, *arguments: str) -> list[str]:
    """A sound to hear with what is hostile."""
    path = folder / "sound.wav"
    path.write_bytes(sound("wav"))
    return ["--input", str(path), "--station", str(folder / "station"), *arguments]


def harmless(folder: Path) -> list[str]:
    """An input with nothing wrong."""
    return _heard(folder)


@st.composite
def bundles(draw: Draw) -> Input:
    """A bundle with a spoilt manifest, or a spoilt file that the manifest vouches for."""
    files = dict(_files(DEMO_BUNDLE))
    manifest = json.loads(files["manifest.json"])
    manifest["roles"] = {
        role: entry for role, entry in manifest["roles"].items() if "fp16" not in role
    }
    role = draw(st.sampled_from(["manifest", *sorted(manifest["roles"])]))
    if role == "manifest":
        content = _json_bytes(draw(spoilt_json(manifest)))
        torn = draw(st.booleans()) and draw(st.booleans())
        files["manifest.json"] = draw(spoilt_bytes(content)) if torn else content
    else:
        entry = manifest["roles"][role]
        content = draw(_role_content(role, files[entry["file"]]))
        if draw(st.integers(0, 9)):  # else the manifest doesn't know
            entry |= {"bytes": len(content), "sha256": sha256(content).hexdigest()}
        files[entry["file"]] = content
        files["manifest.json"] = _json_bytes(manifest)
    link = draw(st.integers(0, 19)) == 0
    target = draw(st.sampled_from(("/dev/zero", "/etc/passwd", "nowhere", ".")))

    def write(folder: Path) -> list[str]:
        bundle = folder / "bundle"
        bundle.mkdir()
        for name, content in files.items():
            (bundle / name).write_bytes(content)
        if link:
            name = manifest["roles"][role]["file"] if role != "manifest" else "manifest.json"
            (bundle / name).unlink()
            (bundle / name).symlink_to(target)
        precision = "int8" if "int8" in role else "fp32"
        return _heard(folder, "--bundle", str(bundle), "--precision", precision)

    return write


@st.composite
def _role_content(draw: Draw, role: str, content: bytes) -> bytes:
    if role.startswith("encoder"):
        return draw(_networks(content))
    if role.startswith("calibration"):
        return _json_bytes(draw(spoilt_json(json.loads(content))))
    if role in ("taxonomy", "gallery.table"):
        return draw(_tables(content.decode()))
    return draw(_arrays(content))


@st.composite
def _arrays(draw: Draw, content: bytes) -> bytes:
    kind = draw(st.sampled_from(("bytes", "head", "rows")))
    if kind == "bytes":
        return draw(spoilt_bytes(content))
    if kind == "head":
        head = draw(st.sampled_from(_NPY_HEADS)).encode()
        size = draw(st.sampled_from((len(head), 0, 0xFFFF)))
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", min(size, 0xFFFF)) + head + content[128:]
    rows = np.load(io.BytesIO(content)).copy()
    rows[draw(st.integers(0, len(rows) - 1))] = draw(st.sampled_from((np.nan, np.inf, 0, 300)))
    kept = rows[: draw(st.sampled_from((0, 1, len(rows) - 1, len(rows))))]
    kept = np.nan_to_num(kept) if draw(st.booleans()) else kept
    spoilt = io.BytesIO()
    with np.errstate(invalid="ignore"):
        kept = kept.astype(draw(st.sampled_from(("<f2", "<f4", ">f8", "<i8", "U3", "?"))))
    np.save(spoilt, kept)
    return spoilt.getvalue()


@st.composite
def _networks(draw: Draw, content: bytes) -> bytes:
    kind = draw(st.sampled_from(("bytes", "external", "shape")))
    if kind == "bytes":
        return draw(spoilt_bytes(content))
    network = onnx.load_model_from_string(content)
    if kind == "external":
        weight = network.graph.initializer[draw(st.integers(0, 3))]
        weight.ClearField("raw_data")
        weight.data_location = onnx.TensorProto.EXTERNAL
        place = draw(st.sampled_from(("/etc/passwd", "../../x", "/dev/zero", "weights.bin")))
        entries = {
            "location": place,
            "offset": "0",
            "length": draw(st.sampled_from(("64", "1" * 15))),
        }
        for key, value in entries.items():
            weight.external_data.add(key=key, value=value)
    else:
        dims = draw(st.sampled_from((network.graph.input, network.graph.output)))[0]
        dims.type.tensor_type.shape.dim[-1].dim_value = draw(st.sampled_from((0, 1, 7, 1 << 40)))
    return bytes(network.SerializeToString())


@st.composite
def _tables(draw: Draw, text: str) -> bytes:
    rows = [line.split(",") for line in text.splitlines()]
    for _ in range(draw(st.integers(1, 4))):
        row = rows[draw(st.integers(0, len(rows) - 1))]
        row[draw(st.integers(0, len(row) - 1))] = draw(st.sampled_from(_CELLS))
    mark = draw(st.sampled_from((",", ",", ";", "\t", "|")))
    end = draw(st.sampled_from(("\n", "\r\n", "\r", "\n\n")))
    encoding = draw(st.sampled_from(("utf-8", "utf-8", "utf-8-sig", "utf-16")))
    content = end.join(mark.join(row) for row in rows).encode(encoding, "surrogatepass")
    return draw(spoilt_bytes(content)) if draw(st.booleans()) else content


_TABLES = {
    "--occurrence": "scientific_name,1,2,3,4\nCuculus canorus,0.1,0.5,0.9,0\nStrix aluco,1,1,1,1\n",
    "--overrides": "name,caution,threshold\nCuculus canorus,3,0.5\nStrigiformes,0,0.9\n",
    "--species": "Cuculus canorus\nStrix aluco\n# comment\n",
    "--include": "Cuculus canorus\nStrigiformes\n",
}


@st.composite
def tables(draw: Draw) -> Input:
    """A table or list that a person writes."""
    flag = draw(st.sampled_from(sorted(_TABLES)))
    content = draw(_tables(_TABLES[flag]))

    def write(folder: Path) -> list[str]:
        (folder / "table.csv").write_bytes(content)
        return _heard(folder, flag, str(folder / "table.csv"))

    return write


@st.composite
def settings_files(draw: Draw) -> Input:
    """A YAML file of settings."""
    text = draw(st.sampled_from(_YAML)) if draw(st.integers(0, 2)) == 0 else None
    names = (
        "threshold",
        "hop",
        "caution",
        "threads",
        "species",
        "rate",
        "clips_mb",
        "json",
        "input",
    )
    chosen = draw(st.dictionaries(st.sampled_from(names), st.sampled_from(_VALUES), max_size=3))
    content = (text or "").encode() + b"".join(
        f"{name}: ".encode() + _json_bytes(value) + b"\n" for name, value in chosen.items()
    )
    if draw(st.booleans()):
        content = draw(spoilt_bytes(content or b"threshold: 0.5"))

    def write(folder: Path) -> list[str]:
        (folder / "settings.yaml").write_bytes(content)
        return _heard(folder, "--config", str(folder / "settings.yaml"))

    return write


@st.composite
def recordings(draw: Draw) -> Input:
    """A recording with a spoilt header, claimed sizes, or a torn end."""
    suffix = draw(st.sampled_from(("wav", "wav", "flac", "ogg", "mp3")))
    whole = sound(suffix)
    head = draw(st.sampled_from((64, 512, len(whole))))
    content = draw(spoilt_bytes(whole[:head])) + whole[head:]
    name = f"sound.{draw(st.sampled_from((suffix, suffix, 'wav', 'flac', 'ogg', 'aiff')))}"

    def write(folder: Path) -> list[str]:
        (folder / name).write_bytes(content)
        return ["--input", str(folder / name), "--station", str(folder / "station")]

    return write


@st.composite
def playlists(draw: Draw) -> Input:
    """A playlist in place of a recording, and a folder that leads into itself."""
    suffix = draw(st.sampled_from(("m3u", "m3u8", "pls", "ffconcat", "cue", "xspf", "wav")))
    lines = ("#EXTM3U", "ffconcat version 1.0", "file /etc/passwd", "http://127.0.0.1:9/x", ".")
    chosen = draw(st.lists(st.sampled_from(lines), max_size=5))
    content = draw(spoilt_bytes("\n".join(chosen).encode() or b"#"))
    whole = draw(st.booleans())

    def write(folder: Path) -> list[str]:
        inner = folder / "in"
        inner.mkdir()
        (inner / f"list.{suffix}").write_bytes(content)
        (inner / "loop").symlink_to(inner)
        (inner / "zero.wav").symlink_to("/dev/zero")
        path = inner if whole else inner / f"list.{suffix}"
        return ["--input", str(path), "--station", str(folder / "station")]

    return write


@st.composite
def overlays(draw: Draw) -> Input:
    """What a station has learnt, spoilt."""
    kind = draw(
        st.sampled_from(("exemplars/cuculus_canorus", "rejected", "background", "exemplars/x"))
    )
    content = draw(_arrays(_files(DEMO_BUNDLE)[_anchors()]))

    def write(folder: Path) -> list[str]:
        model = json.loads(_files(DEMO_BUNDLE)["manifest.json"])["model_id"]
        place = folder / "station" / "overlay" / model[:16] / kind
        place.mkdir(parents=True)
        (place / "one.npy").write_bytes(content)
        return _heard(folder, "--bundle", str(DEMO_BUNDLE))

    return write


def _anchors() -> str:
    return next(name for name in _files(DEMO_BUNDLE) if name.startswith("anchors"))


@st.composite
def stations(draw: Draw) -> Input:
    """Files of a station, spoilt: its settings, choice, database, journal and reviews."""
    name = draw(
        st.sampled_from(("bench.json", "birdlisten.db", "birdlisten.waiting", "reviews/1.json"))
    )
    content = draw(st.one_of(st.binary(max_size=200), spoilt_bytes(_station_file(name))))

    def write(folder: Path) -> list[str]:
        path = folder / "station" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return _heard(folder)

    return write


@cache
def _station_file(name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        if name == "birdlisten.db":
            store = Store(path)
            store.write_all([detection(id=f"{n:036}") for n in range(40)])
            store.close()
        elif name == "birdlisten.waiting":
            backlog = Backlog(path, 40_000)
            backlog.add([detection(id=f"{n:036}") for n in range(9)])
        else:
            return b'{"record": "x", "verdict": "confirmed", "note": "", "reviewed_at": 1}'
        return (path / name).read_bytes()


@dataclass(frozen=True)
class PcmInput:
    """Bytes that a capture process writes."""

    content: bytes


@st.composite
def captures(draw: Draw) -> PcmInput:
    """Frames of a capture process, spoilt."""
    pipe = io.BytesIO()
    hello = {"device": "x", "index": 0, "lasting": "x", "rate_hz": 48_000, "channels": 1}
    pcm.write_message(pipe, pcm.HELLO, draw(spoilt_json(hello)) if draw(st.booleans()) else hello)
    for n in range(draw(st.integers(0, 3))):
        samples = np.full(4800, draw(st.sampled_from((0, 0.1, 1e30, np.nan, np.inf))), np.float32)
        pcm.write_frame(pipe, pcm.Frame(pcm.AUDIO, samples.tobytes(), 4800 * n, n))
    if draw(st.booleans()):
        pcm.write_message(pipe, pcm.FAULT, draw(spoilt_json({"kind": "absent", "message": "x"})))
    content = pipe.getvalue()
    return PcmInput(draw(spoilt_bytes(content)) if draw(st.booleans()) else content)


KINDS: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
    "bundle": bundles,
    "overlay": overlays,
    "table": tables,
    "settings": settings_files,
    "recording": recordings,
    "playlist": playlists,
    "capture": captures,
    "station": stations,
}
"""Strategies of inputs by what they are."""


def take_up(given: Input | PcmInput, folder: Path, main: Callable[[Sequence[str]], int]) -> int:
    """Let birdlisten have it; its exit code.

    Args:
        given: drawn by one of the strategies.
        folder: emptied, then written to.
        main: of `edge.cli`.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if isinstance(given, PcmInput):
        return _capture(given, folder)
    return main([*given(folder), "--no-clips", "--threads", "1"])


def _capture(given: PcmInput, folder: Path) -> int:
    (folder / "pipe").write_bytes(given.content)
    return supervised(["cat", str(folder / "pipe")])
