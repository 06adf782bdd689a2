"""Apprise's services, by its json:// to a server of our own."""

import pytest

from edge.contract.errors import ConfigError
from edge.publish.delivery import Undelivered
from edge.publish.notification import DetectionNews
from edge.publish.services import read_services
from edge.publish.template import (
    DEFAULT_BODY,
    PLACEHOLDERS,
    Surroundings,
    check_template,
    filled,
    values_of,
)
from edge.publish.triggers import Reason
from edge.records.detection import Picture
from tests.support.factories import detection
from tests.support.web_server import WebServer

pytest.importorskip("apprise")
# Apprise looks for what the standard library is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

AROUND = Surroundings(public_url="http://bird.local/", latitude="52.5", cutoff="0.7", sens="2")
RECORD = detection(
    detected_at="2026-05-01T04:31:07.000Z",
    pictures=(Picture(None, "https://x.test/1.jpg", "A", "CC0", 0.6),),
)
NEWS = DetectionNews(RECORD, (Reason("first", "first time today"), Reason("rare", "only 1 time")))


def services(tmp_path, text, body=DEFAULT_BODY):
    (tmp_path / "apprise.txt").write_text(text)
    return list(read_services(tmp_path / "apprise.txt", "$comname", body, AROUND))


def test_a_service_is_told_by_the_template(tmp_path):
    with WebServer() as server:
        body = "$comname ($sciname) $confidencepct% at $time, $reason\n$listenurl $image"
        (service,) = services(tmp_path, f"# mine\njson://127.0.0.1:{server.port}/x\n", body)
        service.send(NEWS)
    (told,) = server.bodies
    assert told["title"] == "Common Cuckoo"
    lines = told["message"].splitlines()
    assert lines[0] == (
        "Common Cuckoo (Cuculus canorus) 93% at 04:31:07, first time today, only 1 time"
    )
    page = f"http://bird.local/records/{RECORD.id}"
    assert lines[1] == f"{page} https://x.test/1.jpg"


def test_a_service_that_fails_has_not_taken_it(tmp_path):
    with WebServer(lambda n: (500, {})) as server:
        (service,) = services(tmp_path, f"json://127.0.0.1:{server.port}/\n")
        with pytest.raises(Undelivered):
            service.send(NEWS)


def test_each_line_is_a_service_of_its_own_with_a_name_that_hides_it(tmp_path):
    text = "tag=json://u:s3cret@h1/\njson://h2/\n"
    found = services(tmp_path, text)
    assert len({service.name for service in found}) == 2
    assert not any("s3cret" in service.name + service.shown for service in found)
    again = services(tmp_path, "json://h2/\n" + text.splitlines()[0])
    assert {service.name for service in again} == {service.name for service in found}


@pytest.mark.parametrize(
    ("text", "said"), [("", "holds none"), ("# no\n", "holds none"), ("json://h\nx:/:y\n", "URL 2")]
)
def test_a_file_without_services_is_refused(tmp_path, text, said, caplog):
    with pytest.raises(ConfigError, match=said):
        services(tmp_path, text)
    assert "x:/:y" not in caplog.text


def test_every_placeholder_is_filled():
    template = " ".join(f"${name}|" for name in PLACEHOLDERS)
    assert "$" not in filled(check_template(template, "body"), values_of(NEWS, AROUND))


def test_a_longer_placeholder_is_not_taken_for_a_shorter():
    assert filled("$confidencepct $confidence", values_of(NEWS, AROUND)) == "93 0.9340"


def test_an_unknown_placeholder_is_an_error_that_names_the_nearest():
    with pytest.raises(ConfigError, match=r"no \$comnane; did you mean '\$comname'"):
        check_template("$comnane costs $5", "body")
    assert check_template("$comname costs $5", "body")


def test_links_and_pictures_that_are_unknown_are_empty():
    bare = NEWS._replace(record=detection(pictures=()))
    text = filled("$listenurl$friendlyurl$image$date$week", values_of(bare, Surroundings()))
    assert text == ""
