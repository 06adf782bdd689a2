"""Pages in a real browser: no barrier that axe knows, no error, keys that review."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("jinja2")
playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

import uvicorn  # noqa: E402

from edge.config import DEMO_BUNDLE  # noqa: E402
from edge.records.detection import Picture  # noqa: E402
from edge.records.reader import open_records  # noqa: E402
from edge.system.clock import iso_utc, now_ms  # noqa: E402
from edge.web.app import create_app  # noqa: E402
from edge.web.config import WebConfig  # noqa: E402
from tests.edge.web.pages.stations import NAMES, make_station  # noqa: E402
from tests.support.factories import detection  # noqa: E402

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
PATIENCE_MS = 120_000
ONE = "01990000-0000-7000-8000-000000000000"
ROUTES = ("", "species", "species/strix_aluco", "records", f"records/{ONE}", "activity", "review")
FORMS = ("add", "settings", "offline")
LOOKS = (("light", 1200), ("dark", 390), ("dark", 1200), ("light", 320))


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """Three species today; a picture here, one elsewhere, none."""
    pictures = (
        (Picture("pictures/cuculus_canorus_02.jpg", None, "birdlisten aviary", "CC0", 0.7),),
        (Picture(None, "https://example.org/1.jpg", "A. Author", "CC BY 4.0", 0.6),),
        (),
    )
    records = [
        detection(
            id=f"01990000-0000-7000-8000-{place:012}",
            detected_at=iso_utc(now_ms() - 60_000 * place),
            species_id=NAMES[place % 3][0],
            scientific_name=NAMES[place % 3][1],
            common_name=NAMES[place % 3][2],
            pictures=pictures[place % 3],
            probability=0.6 + place / 50,
        )
        for place in range(12)
    ]
    return make_station(tmp_path / "station", records)


@contextmanager
def served(app, port: int = 0) -> Iterator[str]:
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.force_exit = server.should_exit = True
        thread.join()


@pytest.fixture
def browser() -> Iterator[object]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM, timeout=PATIENCE_MS, args=["--disable-gpu"]
        )
        yield browser
        browser.close()


def opened(browser, theme: str = "light", width: int = 1200):
    """A page, and what went wrong on it."""
    page = browser.new_page(
        viewport={"width": width, "height": 800}, color_scheme=theme, reduced_motion="reduce"
    )
    page.set_default_timeout(PATIENCE_MS)
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: None if "127.0.0.1" in asked.url else wrong.append(asked.url))
    return page, wrong


def violations(page) -> list[str]:
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{page.url} {rule['id']}: {rule['nodes'][0]['html'][:150]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_no_page_has_a_barrier(station: Path, browser, theme: str, width: int) -> None:
    with served(create_app(station, DEMO_BUNDLE)) as address:
        page, wrong = opened(browser, theme, width)
        barriers = []
        for route in ROUTES + FORMS * ((theme, width) in LOOKS[:2]):
            page.goto(address + route)
            barriers += violations(page)
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            barriers += [f"{route} is {wide} too wide"] if wide > 0 else []
        page.close()
    assert (barriers, wrong) == ([], [])


def test_all_works_below_a_path(station: Path, browser) -> None:
    inner = create_app(station, DEMO_BUNDLE)

    async def proxied(scope, receive, send) -> None:
        """As a proxy that takes the path off, and says nothing of it."""
        await inner({**scope, "path": scope["path"].removeprefix("/x/y")}, receive, send)

    with served(proxied) as address:
        page, wrong = opened(browser)
        for route in ROUTES:
            answer = page.goto(f"{address}x/y/{route}")
            assert answer.status == 200
            assert page.evaluate("getComputedStyle(document.body).marginTop") == "0px"
        page.click(".tabs a >> nth=1")
        page.click(".card h2 a >> nth=0")
        assert "/x/y/species/" in page.url
        page.close()
    assert wrong == []


def test_without_the_station_the_shell_says_so_and_comes_back(station: Path, browser) -> None:
    app = create_app(station, DEMO_BUNDLE)
    with served(app) as address:
        page, _ = opened(browser)
        page.goto(address)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        port = int(address.rstrip("/").rpartition(":")[2])
    for path in ("", "species/strix_aluco"):
        page.goto(address + path)
        assert page.inner_text("h1") == "Not connected"
        assert "can't be reached" in page.inner_text("main")
        assert page.evaluate("getComputedStyle(document.body).marginTop") == "0px"
        assert violations(page) == []
    with served(app, port):
        page.wait_for_url("**/species/strix_aluco")
        assert page.inner_text("h1") == "Tawny Owl"
    page.close()


def test_who_waits_with_a_token_that_is_gone_is_led_to_the_way_in(station: Path, browser) -> None:
    config = WebConfig(public_url="https://example.org")
    with served(create_app(station, DEMO_BUNDLE, config)) as address:
        page, _ = opened(browser)
        page.goto(f"{address}offline#species")
        page.wait_for_url("**/login")
        page.close()


def test_files_are_dropped_and_settings_saved_by_keyboard(station: Path, browser) -> None:
    with served(create_app(station, DEMO_BUNDLE)) as address:
        page, wrong = opened(browser)
        page.goto(f"{address}add")
        page.evaluate("""() => {
            const given = new DataTransfer();
            given.items.add(new File(["x"], "owl.jpg"));
            const told = { dataTransfer: given, bubbles: true, cancelable: true };
            document.getElementById("drop").dispatchEvent(new DragEvent("drop", told));
        }""")
        assert "owl.jpg" in page.inner_text("#chosen")
        assert page.evaluate("document.getElementById('files').files.length") == 1
        page.goto(f"{address}settings")
        page.focus("#s-threshold")
        page.keyboard.type("0.7")
        page.keyboard.press("Enter")
        page.wait_for_selector(".told")
        assert "Saved: Threshold" in page.inner_text(".told")
        page.close()
    assert (station / "config.yaml").read_text() == "threshold: 0.7\n"
    assert wrong == []


def test_a_page_is_light(station: Path, browser) -> None:
    with served(create_app(station, DEMO_BUNDLE)) as address:
        page, _ = opened(browser)
        for route in ("", "records", *FORMS):
            page.goto(address + route)
            bytes_of = page.evaluate("""() => performance.getEntries()
                .filter((entry) => entry.encodedBodySize && !entry.name.includes("/picture/"))
                .reduce((sum, entry) => sum + entry.encodedBodySize, 0)""")
            assert 5_000 < bytes_of < 300_000, route
        page.close()


def test_keys_review_and_take_back(station: Path, browser) -> None:
    with served(create_app(station, DEMO_BUNDLE)) as address:
        page, wrong = opened(browser)
        page.goto(f"{address}review")
        assert "12 not reviewed" in page.inner_text("main")
        page.keyboard.press("c")
        page.wait_for_selector(".told")
        assert "Common Cuckoo" in page.inner_text(".told")
        assert "11 not reviewed" in page.inner_text("main")
        with open_records(station) as reader:
            assert reader.verdict(ONE) is not None
        page.keyboard.press("u")
        page.wait_for_url("**did=undo**")
        assert "open again" in page.inner_text(".told")
        assert "12 not reviewed" in page.inner_text("main")
        page.keyboard.press("s")
        page.wait_for_url("**skip=**")
        page.close()
    assert wrong == []
