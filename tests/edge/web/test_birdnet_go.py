"""The API of birdnet-go: a client that was written for it works here unchanged."""

import asyncio
from datetime import datetime, timezone
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx")
aiobirdnetgo = pytest.importorskip("aiobirdnetgo")

from edge.records.detection import Listened, Picture  # noqa: E402
from edge.records.inbox import waiting  # noqa: E402
from edge.records.numbers import number_of  # noqa: E402
from edge.records.store import Store  # noqa: E402
from edge.system import clock  # noqa: E402
from edge.web.config import WebConfig  # noqa: E402
from tests.support.web import heard, served  # noqa: E402

PICTURE = Picture("pictures/strix_aluco_01.jpg", None, "birdlisten aviary", "CC0", 0.7)


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An owl and two tits of today, and a tit without a date."""
    monkeypatch.setenv("TZ", "UTC")
    now = datetime.now(timezone.utc).replace(hour=0, minute=30, second=7, microsecond=0)
    today = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    clip = "clips/strix_aluco/20260501T003007Z-01990000-0001-7000-8000-000000000001.flac"
    listened_ms = clock.now_ms()  # not when the tests were collected: that may be long ago
    store = Store(tmp_path)
    store.write_all(
        [
            heard(1, today, "strix_aluco", clip=clip, pictures=(PICTURE,), source="USB mic"),
            heard(2, today, "parus_major", probability=0.5),
            heard(3, today, "parus_major", probability=0.7),
            heard(4, None, "parus_major"),
            Listened("USB mic", listened_ms - 60_000, listened_ms),
        ]
    )
    store.close()
    folder = (tmp_path / clip).parent
    folder.mkdir(parents=True)
    (tmp_path / clip).write_bytes(b"fLaC" + bytes(100))
    (tmp_path / clip).with_suffix(".png").write_bytes(b"\x89PNG")
    return tmp_path


def test_every_method_of_the_client_works_unchanged(station):
    today = datetime.now(timezone.utc).date().isoformat()

    async def ask(host: str, port: int) -> None:
        async with aiobirdnetgo.BirdNetGoClient(host, port) as client:
            assert await client.ping()
            assert (await client.get_ping()).status == "ok"
            health = await client.get_health()
            assert (health.status, health.database.status) == ("healthy", "connected")
            figures = await client.get_kpis()
            assert (figures.lifetime_species, figures.today_detections) == (2, 3)
            assert (figures.best_day.date, figures.best_day.count) == (today, 3)
            assert (figures.detection_streak.days, figures.detection_streak.start_date) == (
                1,
                today,
            )
            for streams_only in (False, True):
                (source,) = await client.get_audio_sources(streams_only)
                assert (source.name, source.type, source.state) == ("USB mic", "audio", "active")
            recent = await client.get_recent_detections(limit=2)
            assert [found.scientific_name for found in recent] == ["Parus major"] * 2
            owls = await client.get_recent_detections(source=source.id)
            assert [found.common_name for found in owls] == ["Tawny Owl"]
            every = await client.get_detections()
            assert len(every) == 4
            filtered = await client.get_detections(
                date=today, species="Parus major", min_confidence=0.6, source="dawn.wav", limit=5
            )
            assert [found.confidence for found in filtered] == [0.7]
            owl = await client.get_detection(owls[0].id)
            assert (owl.date, owl.time, owl.verified) == (today, "00:30:07", "unverified")
            assert (owl.source_id, owl.source_name) == (source.id, "USB mic")
            assert (owl.species_code, owl.is_new_species) == ("strix_aluco", True)
            assert (owl.bird_image.attribution, owl.bird_image.license) == (
                "birdlisten aviary",
                "CC0",
            )
            daily = await client.get_daily_species_summary(date=today, min_confidence=0.6)
            assert [(found.common_name, found.count) for found in daily] == [
                ("Great Tit", 1),
                ("Tawny Owl", 1),
            ]
            assert [len(found.hourly_counts) for found in daily] == [24, 24]
            assert [found.hourly_counts[0] for found in daily] == [1, 1]
            assert daily[0].first_heard == "00:30:07"
            assert [found.is_new_species for found in daily] == [True, True]
            summary = await client.get_species_summary()
            assert [(found.common_name, found.count) for found in summary] == [
                ("Great Tit", 3),
                ("Tawny Owl", 1),
            ]
            info = await client.get_system_info()
            assert info.num_cpu > 0
            with pytest.raises(aiobirdnetgo.BirdNetGoNotFoundError):
                await client.get_detection(1)
            for change in (client.restart_analysis, client.reload_model):
                with pytest.raises(aiobirdnetgo.BirdNetGoAuthenticationError):
                    await change()
            async with client.session.get(client.get_audio_clip_url(owl.id)) as answer:
                assert (answer.status, answer.content_type) == (200, "audio/flac")
            async with client.session.get(client.get_spectrogram_url(owl.id)) as answer:
                assert (answer.status, answer.content_type) == (200, "image/png")
            image = client.get_species_image_url("Strix aluco")
            for url in (image, owl.bird_image.url, daily[0].thumbnail_url):
                async with client.session.get(url) as answer:
                    assert (answer.status, answer.content_type) == (200, "image/jpeg")

    with served(station) as server:
        asyncio.run(ask(server.host, server.port))


def test_the_client_hears_of_records_as_they_are_kept(station):
    async def listen(host: str, port: int) -> list[str]:
        heard_of: list[str] = []
        async with aiobirdnetgo.BirdNetGoClient(host, port) as client:
            stream = client.stream_detections(auto_reconnect=False).__aiter__()
            first = asyncio.create_task(stream.__anext__())
            await asyncio.sleep(1)
            store = Store(station)
            store.write_all([heard(n, None, "cuculus_canorus") for n in (11, 12, 13)])
            heard_of.append((await asyncio.wait_for(first, 60)).raw_data["uuid"])
            for _ in range(2):
                new = await asyncio.wait_for(stream.__anext__(), 60)
                heard_of.append(new.raw_data["uuid"])
            store.close()
            await stream.aclose()
        return heard_of

    with served(station, WebConfig(port=0, poll_s=0.05)) as server:
        found = asyncio.run(listen(server.host, server.port))
    assert found == [heard(n, None, "cuculus_canorus").id for n in (11, 12, 13)]


def test_the_servers_own_pages_get_a_page_with_its_place(station):
    with served(station) as server:
        url = f"{server.url}/api/v2/detections"
        page = httpx.get(url, params={"queryType": "all", "numResults": 3, "offset": 3}).json()
        found = httpx.get(url, params={"queryType": "search", "search": "tit"}).json()
        plain = httpx.get(url, params={"limit": 1})
    assert [len(page["data"]), page["total"], page["current_page"], page["total_pages"]] == [
        *(1, 4, 2, 2)
    ]
    assert {entry["commonName"] for entry in found["data"]} == {"Great Tit"}
    assert (len(plain.json()), plain.headers["x-total-count"]) == (1, "4")


def test_a_review_waits_in_the_inbox_and_is_told_at_once(station):
    number = number_of(heard(2, None, "parus_major").id)
    with served(station) as server:
        url = f"{server.url}/api/v2/detections/{number}"
        answer = httpx.post(f"{url}/review", json={"verified": "false_positive", "comment": "x"})
        assert (answer.status_code, answer.json()["taught"]) == (200, False)
        assert httpx.get(url).json()["verified"] == "false_positive"
        for body in (
            {"verified": "maybe"},
            {"verified": {}},
            {"verified": "correct", "lock_detection": True},
            [],
        ):
            assert httpx.post(f"{url}/review", json=body).status_code == 400
        assert httpx.post(f"{url[:-1]}/review", json={"verified": "correct"}).status_code == 404
    assert [(review.record, review.verdict) for review in waiting(station)] == [
        (heard(2, None, "parus_major").id, "rejected")
    ]


def test_comments_are_kept_and_told_to_those_who_have_a_token(station):
    number = number_of(heard(2, None, "parus_major").id)
    with served(station) as server:
        url = f"{server.url}/api/v2/detections/{number}"
        said = {"verified": "correct", "comment": " a <b>\u2028 🐦 "}
        httpx.post(f"{url}/review", json=said)
        alone = httpx.post(f"{url}/review", json={"comment": "y" * 2000, "verified": ""})
        assert alone.status_code == 200
        assert httpx.post(f"{url}/review", json={"comment": 7}).status_code == 400
        told = httpx.get(url).json()
        assert told["verified"] == "correct"
        assert [words["entry"] for words in told["comments"]] == ["a <b>\u2028 🐦", "y" * 1000]
        assert [words["id"] for words in told["comments"]] == [1, 2]
        page = httpx.get(f"{server.url}/records/{told['uuid']}").text
        assert "a &lt;b&gt;" in page
    with served(station, WebConfig(port=0, public_url="https://x.org", guests=True)) as server:
        url = f"{server.url}/api/v2/detections/{number}"
        assert httpx.get(url).json()["comments"] == []
    (station / "comments.jsonl").write_bytes(b"\xff\n[]\n{}\n{torn")
    with served(station) as server:
        url = f"{server.url}/api/v2/detections/{number}"
        assert httpx.get(url).json()["comments"] == []
        httpx.post(f"{url}/review", json={"comment": "again"})
        assert [words["entry"] for words in httpx.get(url).json()["comments"]] == ["again"]


def test_analytics_count_days_hours_and_species(station, monkeypatch):
    """Of a night in which clocks are set: what is counted by hand is counted here."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    store = Store(station)
    moments = ("2026-03-28T22:30:00.000Z", "2026-03-28T23:10:00.000Z", "2026-03-29T01:10:00.000Z")
    store.write_all([heard(20 + n, at, "cuculus_canorus") for n, at in enumerate(moments)])
    store.write(heard(30, moments[2], "strix_aluco"))
    store.close()
    span = {"start_date": "2026-03-28", "end_date": "2026-03-29"}
    with served(station) as server, httpx.Client(base_url=f"{server.url}/api/v2/analytics") as api:
        days = api.get("/time/daily", params=span).json()
        assert (days["total"], days["data"]) == (
            4,
            [{"date": "2026-03-28", "count": 1}, {"date": "2026-03-29", "count": 3}],
        )
        cuckoo = api.get("/time/daily", params={**span, "species": "Common Cuckoo"}).json()
        assert (cuckoo["total"], cuckoo["species"]) == (3, "Common Cuckoo")
        kinds = api.get("/species/diversity", params=span).json()
        assert [entry["unique_species"] for entry in kinds["data"]] == [1, 2]
        assert kinds["max_diversity"] == 2
        hours = {
            entry["hour"]: entry["count"]
            for entry in api.get("/time/distribution/hourly", params=span).json()
        }
        assert (len(hours), hours[23], hours[0], hours[3]) == (24, 1, 1, 2)
        asked = {"date": "2026-03-29", "species": "Cuculus canorus"}
        hourly = api.get("/time/hourly", params=asked).json()
        assert (hourly["total"], hourly["counts"][0], hourly["counts"][3]) == (2, 1, 1)
        new = api.get("/species/detections/new", params=span).json()
        found = [(entry["scientific_name"], entry["count_in_period"]) for entry in new]
        assert found == [("Strix aluco", 1), ("Cuculus canorus", 3)]
        assert {entry["first_heard_date"] for entry in new} == {"2026-03-28", "2026-03-29"}
        summary = api.get("/species/summary", params=span).json()
        assert {entry["common_name"]: entry["count"] for entry in summary} == {
            "Common Cuckoo": 3,
            "Tawny Owl": 1,
        }
        batch = api.get("/species/daily/batch", params={"dates": "2026-03-28,2026-03-29"}).json()
        assert {day: len(species) for day, species in batch.items()} == {
            "2026-03-28": 1,
            "2026-03-29": 2,
        }
        for wrong in (
            "/time/daily",
            "/species/diversity?start_date=2026-03-29&end_date=2026-03-28",
            "/time/hourly?date=2026-03-29",
            "/species/daily/batch?dates=0001-01-01",
            "/species/daily/batch",
            "/time/daily?start_date=1971-01-01&end_date=9998-12-31",
        ):
            assert api.get(wrong).status_code == 400, wrong
