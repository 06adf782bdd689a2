"""Pictures in a terminal: each protocol gives the picture back, and only a terminal gets one."""

import re
import sys
import zlib
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image

from edge.recognition.pictures import pixels
from edge.system.drawing import BLOCKS, ITERM, KITTY, ROWS, SIXEL, drawn, protocol
from tests.support.terminal import Terminal, seen

WIDTH, HEIGHT = 40, 30


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Red on the left, blue on the right, and brighter from top to bottom."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    shade = np.linspace(100, 255, HEIGHT).astype(np.uint8)[:, None]
    image[:, : WIDTH // 2, 0] = image[:, WIDTH // 2 :, 2] = shade
    Image.fromarray(image).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def as_it_is(path: Path, way: str) -> tuple[str, np.ndarray]:
    image = pixels(path, WIDTH, HEIGHT)
    assert image.shape == (HEIGHT, WIDTH, 3)
    return drawn(way, path, lambda width, height: image), image


@pytest.mark.parametrize(
    ("environ", "answer", "way"),
    [
        ({"TERM": "xterm-kitty"}, "", KITTY),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "", KITTY),
        ({"TERM": "xterm-ghostty"}, "", KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, "", KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "", ITERM),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "", ITERM),
        ({"TERM": "foot"}, "\x1b[?62;4;22c", SIXEL),
        ({"TERM": "xterm-256color"}, "\x1b[?4;1c", BLOCKS),
        ({"TERM": "xterm-256color"}, "\x1b[?62;14;42c", BLOCKS),
        ({"TERM": "xterm-256color"}, "", BLOCKS),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, "\x1b[?62;4c", BLOCKS),
    ],
)
def test_a_terminal_is_spoken_to_in_its_own_way(
    environ: dict[str, str], answer: str, way: str
) -> None:
    assert protocol(environ, lambda: answer) == way


def test_kitty_gets_the_pixels_in_small_parts(picture: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)
    parts = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", drawn(KITTY, picture, lambda w, h: noise))
    assert len(parts) > 2
    assert all(len(content) <= 4096 for _, content in parts)
    assert [options[-1] for options, _ in parts] == ["1"] * (len(parts) - 1) + ["0"]
    content = zlib.decompress(b64decode("".join(content for _, content in parts)))
    assert "s=120,v=90" in parts[0][0]
    assert np.array_equal(np.frombuffer(content, np.uint8).reshape(noise.shape), noise)


def test_iterm_gets_the_file(picture: Path) -> None:
    text, _ = as_it_is(picture, ITERM)
    assert b64decode(text.rpartition(":")[2].rstrip("\a")) == picture.read_bytes()
    assert f"height={ROWS};" in text


def test_half_blocks_are_the_pixels_in_pairs(
    picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    text, image = as_it_is(picture, BLOCKS)
    lines = text.split("\n")
    assert len(lines) == HEIGHT // 2
    cell = re.findall(r"\x1b\[38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m▀", lines[3])
    assert len(cell) == WIDTH
    pairs = np.array(cell, int).reshape(WIDTH, 2, 3)
    assert np.array_equal(pairs.transpose(1, 0, 2), image[6:8])
    monkeypatch.delenv("COLORTERM")
    few, _ = as_it_is(picture, BLOCKS)
    colours = {int(colour) for colour in re.findall(r"8;5;(\d+)", few)}
    assert min(colours) >= 16
    assert "8;2;" not in few


def from_sixels(text: str) -> np.ndarray:
    """A picture as a terminal sees it."""
    width, height = map(int, re.findall(r'"1;1;(\d+);(\d+)', text)[0])
    palette = {
        int(n): np.array([int(r), int(g), int(b)]) * 2.55
        for n, r, g, b in re.findall(r"#(\d+);2;(\d+);(\d+);(\d+)", text)
    }
    image = np.zeros((height + 6, width, 3))
    column = top = colour = 0
    drawing = re.sub(r"#\d+;2;\d+;\d+;\d+", "", text.partition("q")[2])
    for number, count, letter in re.findall(r"#(\d+)|(?:!(\d+))?([?-~$-])", drawing):
        if number:
            colour = int(number)
        elif letter in "$-":
            column, top = 0, top + 6 * (letter == "-")
        else:
            for bit in range(6):
                if (ord(letter) - 63) >> bit & 1:
                    image[top + bit, column : column + int(count or 1)] = palette[colour]
            column += int(count or 1)
    return image[:height]


def test_sixels_are_the_picture_in_fewer_colours(picture: Path) -> None:
    text, image = as_it_is(picture, SIXEL)
    assert text.endswith("\033\\")
    shown = from_sixels(text)
    assert shown.shape == image.shape
    assert np.abs(shown.mean(axis=0) - image.mean(axis=0)).max() < 26, "half a step of a colour"
    assert np.abs(shown - image).max() <= 52


@pytest.mark.parametrize(
    ("size", "shape"), [((4800, 48), (1, 80)), ((48, 4800), (24, 1)), ((320, 240), (24, 32))]
)
def test_a_picture_of_any_shape_fits(
    tmp_path: Path, size: tuple[int, int], shape: tuple[int, int]
) -> None:
    Image.new("RGB", size).save(tmp_path / "b.png")
    assert pixels(tmp_path / "b.png", 80, 24).shape == (*shape, 3)


@pytest.fixture
def terminal(request: pytest.FixtureRequest) -> Iterator[Terminal]:
    command = [sys.executable, "-m", "edge", "demo", "--quiet", *request.param]
    opened = Terminal(
        command, columns=100, variables={"COLORTERM": "truecolor", "VTE_VERSION": "7000"}
    )
    yield opened
    opened.close()


@pytest.mark.parametrize("terminal", [["--show"]], indirect=True)
def test_a_match_is_drawn_below_its_line(terminal: Terminal) -> None:
    text = terminal.read_until(lambda text: text.count("▀") > 500)
    link = re.search(r"\x1b\]8;;(file://[^\x1b]+)\x1b\\([^\x1b]+)\x1b\]8;;\x1b\\", text)
    assert link
    assert link[1].endswith(f"/pictures/{link[2]}")
    plain = re.sub(r"\x1b\]8;;[^\x1b]*\x1b\\", "", text)
    lines = seen(plain)
    assert re.match(r"\d\d:\d\d:\d\d  ", lines[0])
    assert set(lines[1].strip()) == {"▀"}


def test_what_is_piped_is_plain(birdlisten, tmp_path: Path) -> None:
    ended = birdlisten("demo", "--show", "--quiet")
    assert ended.code == 0
    assert "\033" not in ended.out
    for line in ended.out.splitlines():
        assert Path(line.split("  ")[3]).is_file(), "a path that opens from anywhere"


def test_the_json_line_says_where_a_picture_lies(birdlisten) -> None:
    for record in birdlisten("demo", "--json", "--quiet").records():
        for picture in record["pictures"]:
            assert Path(picture["path"]).is_absolute()
            assert picture["path"].endswith(picture["file"])
