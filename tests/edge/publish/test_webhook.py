"""Webhooks to a real server, which fails in every way that servers have."""

import pytest

from edge.contract.errors import ConfigError
from edge.publish.courier import Courier
from edge.publish.crew import Crew
from edge.publish.delivery import Undeliverable, Undelivered
from edge.publish.notification import DetectionNews, Notifications, Occasions
from edge.publish.post import post, read_url
from edge.publish.triggers import Reason, Rules
from edge.publish.webhook import Webhook, to_body
from edge.publish.weekly import read_weekly
from edge.records.detection import Candidate, Picture
from tests.support.broker import free_port, until
from tests.support.factories import detection
from tests.support.published import Recorder
from tests.support.web_server import WebServer

NEWS = DetectionNews(detection(), (Reason("first", "first time today"),))
EACH = Occasions(rules=Rules(when=frozenset({"each"})), weekly=read_weekly("mon 08:00"))


def sent(answers) -> WebServer:
    """Send once, to a server that answers so."""
    with WebServer(answers) as server:
        Webhook(server.url, "1.0").send(NEWS)
    return server


def test_a_record_is_posted_with_its_reason():
    server = sent(lambda n: (201, {}))
    (body,) = server.bodies
    assert (body["event"], body["reason"], body["triggers"]) == (
        *("detection", "first time today"),
        ["first"],
    )
    assert body["detection"]["scientific_name"] == "Cuculus canorus"
    assert isinstance(body["detectionId"], int)
    assert server.headers[0]["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
def test_a_refusal_is_no_second_attempt(status):
    with pytest.raises(Undeliverable, match=str(status)):
        sent(lambda n: (status, {}))


@pytest.mark.parametrize("status", [0, 408, 429, 500, 502, 503, 504, 302, 303, 100])
def test_anything_else_is_tried_again(status):
    with pytest.raises(Undelivered):
        sent(lambda n: (status, {}))


@pytest.mark.parametrize(("header", "after_s"), [("7", 7), ("999999", 3600), ("-1", 0), ("x", 0)])
def test_a_server_says_how_long_to_wait_within_an_hour(header, after_s):
    with pytest.raises(Undelivered) as caught:
        sent(lambda n: (429, {"Retry-After": header}))
    assert caught.value.after_s == after_s


def test_a_server_may_name_a_date():
    with pytest.raises(Undelivered) as caught:
        sent(lambda n: (503, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}))
    assert caught.value.after_s == 3600


def test_nobody_is_there():
    with pytest.raises(Undelivered):
        Webhook(f"http://127.0.0.1:{free_port()}/", "1.0").send(NEWS)


def test_a_server_that_hangs_is_given_up():
    with WebServer(lambda n: (-1, {})) as server, pytest.raises(Undelivered):
        post(server.url, b"{}", {}, whole_s=0.3)


def test_a_redirect_is_followed_at_the_same_host_only():
    assert len(sent(lambda n: (204, {}) if n else (307, {"Location": "/other"})).bodies) == 2
    with WebServer() as other:
        with pytest.raises(Undelivered, match="leads elsewhere"):
            sent(lambda n: (307, {"Location": other.url}))
        assert other.bodies == []
    with pytest.raises(Undelivered):
        sent(lambda n: (308, {"Location": "/again"}))  # for ever


def test_a_password_is_sent_and_not_shown():
    with WebServer() as server:
        hook = Webhook(server.url.replace("//", "//bird:s3cret@"), "1.0")
        hook.send(NEWS)
    assert server.headers[0]["Authorization"].startswith("Basic ")
    assert "s3cret" not in hook.shown + hook.name


@pytest.mark.parametrize("url", ["", "hook", "ftp://h/", "http://", "http://h:x/", "http://h/a b"])
def test_what_is_no_web_address_is_refused(url):
    with pytest.raises(ConfigError, match="webhook"):
        read_url(url, "webhook")


def test_a_body_is_bounded_whatever_the_record_holds():
    pictures = tuple(Picture(None, "https://x/" + "y" * 30_000, "A", "CC0", 0.5) for _ in range(40))
    top = tuple(Candidate("S", "C", 1.0, 0.5) for _ in range(1000))
    assert len(to_body(NEWS._replace(record=detection(pictures=pictures, top=top)))) < 65_536


def test_each_record_comes_though_the_server_fails_and_hangs_up(tmp_path):
    recorder = Recorder(tmp_path / "station")
    fail = {0: (500, {}), 2: (0, {}), 3: (429, {"Retry-After": "1"})}
    with WebServer(lambda n: fail.get(n, (204, {}))) as server:
        hook = Notifications(Webhook(server.url, "1.0"), EACH)
        courier = Courier(recorder.station, hook, since_ms=0)
        crew = Crew([courier])
        crew.start()
        recorder.hear(4)
        until(lambda: courier.tally.delivered == 4)
        crew.stop()
    recorder.close()
    came = list(dict.fromkeys(body["detection"]["id"] for body in server.bodies))
    assert came == recorder.ids
    assert server.moments[4] - server.moments[3] > 0.9


def test_a_record_is_told_by_its_name_in_a_language(tmp_path):
    recorder = Recorder(tmp_path / "station")
    with WebServer(lambda n: (204, {})) as server:
        hook = Notifications(Webhook(server.url, "1.0"), EACH)
        named = {recorder.hear(1)[0].species_id: "Waldkauz"}
        courier = Courier(recorder.station, hook, since_ms=0, names=named)
        crew = Crew([courier])
        crew.start()
        recorder.hear(1)
        until(lambda: courier.tally.delivered == 2)
        crew.stop()
    recorder.close()
    told = [body["detection"]["common_name"] for body in server.bodies]
    assert told == ["Waldkauz", recorder.written[1].common_name]
