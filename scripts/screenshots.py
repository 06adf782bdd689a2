"""Pictures of every page, phone and desktop, light and dark: `screenshots.py OUT`."""

import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import uvicorn
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from edge.config import DEMO_BUNDLE
from edge.records.live_file import LiveFile
from edge.records.live_state import HeardNow, LiveSpectrogram, LiveState, boot_id
from edge.records.reader import open_records
from edge.system import clock
from edge.web.app import create_app
from scripts.demo_station import make_station

_SIZES = {"desktop": (1200, 900), "phone": (390, 844)}
_PATIENCE_MS = 240_000
_BANDS, _COLUMNS = 96, 700


def main(output: Path) -> None:
    """Draw all pages into a folder."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        station = Path(folder)
        make_station(station, datetime.now().astimezone().replace(hour=21))
        live = LiveFile(station, "demo")
        try:
            live.write(live_state())
            with served(station) as address:
                draw(address, pages(station), output, lambda: live.write(live_state()))
        finally:
            live.remove()


def pages(station: Path) -> dict[str, str]:
    """Addresses by name."""
    with open_records(station) as records:
        heard = [found for found in records.last(400) if hasattr(found, "clip") and found.clip]
    record = heard[-1]
    return {
        "home": "",
        "species": "species",
        "one-species": f"species/{record.species_id}",
        "records": "records",
        "record": f"records/{record.id}",
        "activity": "activity",
        "add": "add",
        "settings": "settings",
        "review": "review",
        "about": "about",
    }


def draw(address: str, named: dict[str, str], output: Path, beat) -> None:
    """Every page in both themes and sizes."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for size, (width, height) in _SIZES.items():
            for theme in ("light", "dark"):
                page = browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme=theme
                )
                page.set_default_timeout(_PATIENCE_MS)
                for name, path in named.items():
                    beat()
                    page.goto(address + path)
                    page.wait_for_timeout(900)
                    shot = output / f"{name}-{size}-{theme}.png"
                    page.screenshot(path=shot, full_page=name in ("home", "record", "activity"))
                page.close()
        browser.close()


def live_state() -> LiveState:
    """A listener that hears two species just now."""
    now_ms, names = clock.now_ms(), ("Turdus merula", "Parus major")
    commons = "Common Blackbird", "Great Tit"
    heard = tuple(
        HeardNow(
            species_id=name.lower().replace(" ", "_"),
            scientific_name=name,
            common_name=common,
            confidence=0.62 - 0.1 * place,
            hits=1 + place,
            hits_needed=3,
            since_ms=now_ms - 3000,
        )
        for place, (name, common) in enumerate(zip(names, commons, strict=True))
    )
    return LiveState(
        station="garden", source="garden microphone", doing="listening", process=1, boot=boot_id(),
        sequence=1, every_s=0.5, written_ms=now_ms, written_ns=time.monotonic_ns(),
        begun_ms=now_ms - 3_600_000, bundle="aviary", model_id="a" * 64, precision="int8",
        provider="CPUExecutionProvider", calibrated=True, windows=5000, skipped={}, clipped=0,
        detections=50, species=12, silence=None, best=None, heard=heard, window_ms=now_ms - 400,
        window_s=2.5, hop_s=0.6, level_dbfs=-41.0, dropped_s=0.0, gaps=0, disk_free=9_000_000_000,
        clock_synchronised=True, spectrogram=_spectrogram(now_ms),
    )  # fmt: skip


def _spectrogram(now_ms: int) -> LiveSpectrogram:
    rng = np.random.default_rng(1)
    level = rng.gamma(3, 9, (_COLUMNS, _BANDS))
    at = np.arange(_COLUMNS)
    for begun in range(20, _COLUMNS - 60, 85):
        for step in range(50):
            band = 46 + 16 * np.sin(step / 6 + begun)
            level[begun + step] += 170 * np.exp(-(((np.arange(_BANDS) - band) / 1.8) ** 2))
    level += 30 * np.exp(-((np.arange(_BANDS) / 9.0) ** 2))[None] * (1 + np.sin(at / 40))[:, None]
    return LiveSpectrogram(
        columns=np.clip(level, 1, 255).astype(np.uint8),
        bands_hz=tuple(float(hz) for hz in np.geomspace(150, 12_000, _BANDS)),
        column_s=0.04,
        first_column=0,
        ended_ms=now_ms,
        floor_dbfs=-110.0,
        step_db=0.4,
    )


@contextmanager
def served(station: Path) -> Iterator[str]:
    """The address of the page over a station, while it runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(create_app(station, DEMO_BUNDLE), port=port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
