"""Impossible manifests: each is refused with a BundleError in one clear line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.factories import DIM, BundleFolder, refused


def role_file(name: Any) -> Callable[[dict[str, Any]], object]:
    return lambda manifest: manifest["roles"]["taxonomy"].update(file=name)


EDITS: dict[str, Callable[[dict[str, Any]], object]] = {
    "newer version": lambda m: m.update(format_version=2),
    "version as text": lambda m: m.update(format_version="1"),
    "version 1.0": lambda m: m.update(format_version=1.0),
    "version true": lambda m: m.update(format_version=True),
    "version 0": lambda m: m.update(format_version=0),
    "no version": lambda m: m.pop("format_version"),
    "no roles": lambda m: m.pop("roles"),
    "no audio": lambda m: m.pop("audio"),
    "no name": lambda m: m.pop("name"),
    "no gallery rows": lambda m: m["roles"].pop("gallery.rows"),
    "no gallery table": lambda m: m["roles"].pop("gallery.table"),
    "no taxonomy": lambda m: m["roles"].pop("taxonomy"),
    "no hash": lambda m: m["roles"]["taxonomy"].pop("sha256"),
    "roles is a list": lambda m: m.update(roles=[]),
    "role is text": lambda m: m["roles"].update(taxonomy="x.csv"),
    "role with more": lambda m: m["roles"]["taxonomy"].update(more=1),
    "parent folder": role_file("../taxonomy.csv"),
    "absolute": role_file("/etc/passwd"),
    "backslash": role_file("a\\b"),
    "hidden": role_file(".hidden"),
    "empty name": role_file(""),
    "line end": role_file("taxonomy.csv\n"),
    "number as name": role_file(5),
    "very long name": role_file("a" * 300),
    "negative size": lambda m: m["roles"]["taxonomy"].update(bytes=-1),
    "size as text": lambda m: m["roles"]["taxonomy"].update(bytes="10"),
    "short hash": lambda m: m["roles"]["taxonomy"].update(sha256="ab"),
    "role of another space": lambda m: m["roles"]["anchors"].update(space_id="c" * 64),
    "bundle of another space": lambda m: m.update(space_id="c" * 64),
    "space is a number": lambda m: m["roles"]["anchors"].update(space_id=7),
    "name is a list": lambda m: m.update(name=[]),
    "zero dim": lambda m: m.update(embedding_dim=0),
    "other dim": lambda m: m.update(embedding_dim=DIM + 1),
    "dim as text": lambda m: m.update(embedding_dim="8"),
    "half a picture": lambda m: m.update(top_pictures=1.5),
    "window in fractions": lambda m: m["audio"].update(window_samples=8000.5),
    "hop is a float": lambda m: m["audio"].update(hop_samples=2000.0),
    "rate as text": lambda m: m["audio"].update(sample_rate_hz="8000"),
    "hop over window": lambda m: m["audio"].update(hop_samples=8001),
    "audio is a list": lambda m: m.update(audio=[8000, 8000, 2000]),
    "audio with more": lambda m: m["audio"].update(channels=2),
    "unknown default set": lambda m: m.update(default_species_set="most"),
    "set with stranger": lambda m: m["species_sets"].update(owls=["dodo"]),
    "set is text": lambda m: m["species_sets"].update(owls="strix_aluco"),
    "set is a number": lambda m: m["species_sets"].update(owls=5),
    "set of lists": lambda m: m["species_sets"].update(owls=[["strix_aluco"]]),
    "sets is a list": lambda m: m.update(species_sets=["all", "owls"]),
    "sets is null": lambda m: m.update(species_sets=None),
}


PYTHONS = ("argument", "__init__", "NoneType", "KeyError", "'str'", "codec", "object is not")
"""Words of Python that nobody who copied a bundle should meet."""


@pytest.mark.parametrize("edit", EDITS)
def test_an_impossible_manifest_is_refused(small_bundle: BundleFolder, edit: str) -> None:
    small_bundle.edit(EDITS[edit])
    message = refused(small_bundle)
    assert message.startswith(str(small_bundle.path))
    assert not [word for word in PYTHONS if word in message]


WORDS: dict[str, str] = {
    "no roles": "manifest.json: roles missing",
    "no hash": "taxonomy: sha256 missing",
    "role with more": "taxonomy: 'more' is unknown",
    "role is text": "taxonomy: 'x.csv', expected an object",
    "size as text": "taxonomy: bytes: 10, expected a whole number",
    "audio is a list": "audio: a list, expected an object",
    "hop is a float": "audio: hop_samples: 2000.0, expected a whole number",
    "name is a list": "name: a list, expected a text",
    "sets is null": "species_sets: nothing, expected an object",
    "set is a number": "species set 'owls': 5, expected null or a list of ids",
}


@pytest.mark.parametrize("edit", WORDS)
def test_a_manifest_is_refused_in_plain_words(small_bundle: BundleFolder, edit: str) -> None:
    small_bundle.edit(EDITS[edit])
    assert WORDS[edit] in refused(small_bundle)


@pytest.mark.parametrize("model_id", ["../../x", "/tmp/x", "a/b", ".x", "", "a\0b", "x" * 300])
def test_a_model_that_leads_out_of_the_station_is_refused(
    small_bundle: BundleFolder, model_id: str
) -> None:
    small_bundle.edit(lambda manifest: manifest.update(model_id=model_id))
    assert "model_id" in refused(small_bundle)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"9" * 5000, "not JSON"),
        (b"[]", "calibration: a list, expected an object"),
        (b'{"fp32": 5}', "calibration: fp32: 5, expected an object"),
        (b'{"fp32": {"all": "x"}}', "calibration: 'x', expected an object"),
        (b'{"fp32": {"all": {}}}', "scores, probabilities, threshold missing"),
        (
            b'{"fp32": {"all": {"scores": ["x", 1], "probabilities": [0, 1], "threshold": 0}}}',
            "calibration: scores: 'x', expected a number",
        ),
        (
            b'{"fp32": {"all": {"scores": [0, 1], "probabilities": [0, 1], "threshold": NaN}}}',
            "calibration: threshold: 'nan', expected a number",
        ),
        (
            b'{"fp32": {"all": {"scores": [0, 1], "probabilities": [0, 1], "threshold": 0, '
            b'"weights": {"pictures": 1}}}}',
            "calibration: weights: anchor missing",
        ),
    ],
)
def test_a_calibration_is_refused_in_plain_words(
    small_bundle: BundleFolder, content: bytes, problem: str
) -> None:
    small_bundle.put("calibration", content)
    message = refused(small_bundle)
    assert problem in message
    assert not [word for word in PYTHONS if word in message]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"{", b"[]", b"null", b"5", b"[" * 100_000, b" " * 16_000_001],
    ids=["empty", "utf16", "half", "list", "null", "number", "deep", "huge"],
)
def test_a_manifest_that_is_no_json_object_is_refused(
    small_bundle: BundleFolder, content: bytes
) -> None:
    (small_bundle.path / "manifest.json").write_bytes(content)
    message = refused(small_bundle)
    assert "JSON" in message or "larger than" in message


def test_a_folder_without_manifest_says_what_to_give(tmp_path: Path) -> None:
    assert "--bundle" in refused(BundleFolder(tmp_path))
    assert "--bundle" in refused(BundleFolder(tmp_path / "absent"))


def test_a_newer_format_says_how_to_update(small_bundle: BundleFolder) -> None:
    small_bundle.edit(EDITS["newer version"])
    assert "pip install -U" in refused(small_bundle)
