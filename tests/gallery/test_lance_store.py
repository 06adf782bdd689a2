"""A gallery in an object store: a server of the S3 protocol here, over HTTP."""

import logging
from dataclasses import dataclass

import pytest

pytest.importorskip("lancedb", reason="the extra `lance` is not installed")
pytest.importorskip("moto.server", reason="no server of the S3 protocol (extra `dev`)")

import boto3
from moto.server import ThreadedMotoServer

from edge.contract.bundle import load_bundle
from edge.contract.errors import BundleError
from edge.recognition.picture_table import NoTableError, open_table
from edge.recognition.similar_pictures import GalleryPictures
from gallery.lance import Written, write
from tests.gallery.test_lance import clustered, named, queries_near, shelf

__all__ = ["shelf"]


@dataclass(frozen=True)
class Store:
    """A bucket of its own, and who serves it."""

    server: ThreadedMotoServer
    place: str


@pytest.fixture
def store(monkeypatch, tmp_path):
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "anyone",
        "AWS_SECRET_ACCESS_KEY": "anything",
        "AWS_REGION": "us-east-1",
        "OBJECT_STORE_CLIENT_MAX_RETRIES": "1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=settings["AWS_ENDPOINT"], region_name="us-east-1")
    bucket = tmp_path.name.replace("_", "-").lower()
    client.create_bucket(Bucket=bucket)
    yield Store(server, f"s3://{bucket}/gallery")
    server.stop()


def test_a_table_in_a_store_is_written_once_and_searched_as_the_gallery(shelf, store):
    rows = clustered(600)
    folder = shelf.bundle(rows)
    assert write(folder, store.place) == Written(added=600, changed=0, known=0, removed=0, rows=600)
    assert write(folder, store.place).known == 600
    bundle, queries = load_bundle(folder), queries_near(rows, 5)
    at_home = GalleryPictures(bundle)
    for query in queries:
        there = open_table(store.place).nearest(query[None], 10)
        assert named(there) == named(at_home.nearest(query[None], 10))


def test_two_bundles_share_a_table_in_a_store(shelf, store):
    first, second = shelf.bundle(clustered(50), name="one"), shelf.bundle(clustered(40), name="two")
    write(first, store.place)
    assert write(second, store.place).rows == 90
    assert write(second, store.place, replace=True).rows == 40


def test_a_store_without_such_a_table_or_bucket_is_told_in_a_line(store):
    with pytest.raises(NoTableError, match=r"gallery\.lance writes one"):
        open_table(store.place)
    with pytest.raises(BundleError, match="bucket"):
        open_table("s3://fish/gallery")


def test_a_store_that_has_gone_is_told_in_a_line(shelf, store):
    write(shelf.bundle(clustered(20)), store.place)
    table = open_table(store.place)
    store.server.stop()
    with pytest.raises(BundleError, match="/gallery: can't be read"):
        table.nearest(queries_near(clustered(20), 1), 3)
