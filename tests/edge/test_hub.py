"""Bundles of the Hugging Face hub, from a server that speaks its routes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

huggingface_hub = pytest.importorskip("huggingface_hub")
from edge.command.gallery_place import edited  # noqa: E402
from edge.config import Settings  # noqa: E402
from edge.contract.bundle import load_bundle, write_bundle  # noqa: E402
from edge.contract.editing import kept, put_gallery  # noqa: E402
from edge.contract.errors import BundleError, ConfigError, MissingPackageError  # noqa: E402
from edge.contract.manifest import FILE_NAME, load_manifest  # noqa: E402
from edge.system.bundles import find_bundle  # noqa: E402
from edge.system.hub import read_name  # noqa: E402
from edge.system.hub_bundle import fetched  # noqa: E402
from tests.support.factories import BundleFolder  # noqa: E402
from tests.support.hub import Hub  # noqa: E402

NAME = "hf:someone/birds"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's bundles."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path / "data" / "birdlisten" / "bundles"


@pytest.fixture
def hub(small_bundle: BundleFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """It holds a bundle of three species, as the folder `bundle` of a repository."""
    with Hub() as server:
        server.stand_in(monkeypatch)
        monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100)
        monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
        (small_bundle.path / "pictures").mkdir()
        for name in ("strix_aluco_0.jpg", "not_in_the_table.jpg"):
            (small_bundle.path / "pictures" / name).write_bytes(b"picture")
        files = {f"bundle/{name}": data for name, data in contents(small_bundle.path).items()}
        server.repos["someone/birds"] = {**files, "README.md": b"card", "model.safetensors": b"1"}
        yield server


@pytest.fixture(autouse=True)
def _each_start_asks_anew() -> Iterator[None]:
    yield
    fetched.cache_clear()


def contents(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def start(name: str) -> Path:
    """As a listener that has just been started."""
    fetched.cache_clear()
    return find_bundle(name)


def nothing_installed(data: Path) -> bool:
    return [entry for entry in data.iterdir() if not entry.name.startswith(".")] == []


def lay(hub: Hub, folder: Path) -> None:
    """Replace the repository's bundle."""
    files = {f"bundle/{name}": data for name, data in contents(folder).items()}
    hub.repos["someone/birds"] = files


def test_a_bundle_is_fetched_whole_and_then_needs_no_network(
    hub: Hub, data: Path, small_bundle: BundleFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = start(NAME)
    assert folder == data / "birds"
    known = contents(folder)
    assert json.loads(known.pop("hub.json"))["commit"] == hub.commit("someone/birds")
    own = contents(small_bundle.path)
    del own["pictures/not_in_the_table.jpg"]
    assert known == own
    load_bundle(folder)
    hub.repos.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert start(NAME) == folder
    assert start("birds") == folder


def test_a_repository_may_be_nothing_but_a_bundle(hub: Hub, small_bundle: BundleFolder) -> None:
    hub.add("someone/birds", small_bundle.path)
    assert load_bundle(start(NAME)).manifest == load_bundle(small_bundle.path).manifest


def test_what_was_broken_off_goes_on_where_it_stopped(hub: Hub, data: Path) -> None:
    table = next(name for name in hub.repos["someone/birds"] if "gallery.table" in name)
    hub.cuts = {table: 100}
    with pytest.raises(BundleError, match="goes on where it stopped"):
        start(NAME)
    assert nothing_installed(data)
    hub.cuts, first = {}, {name: list(begun) for name, begun in hub.sent.items()}
    load_bundle(start(NAME))
    new = {name: begun[len(first.get(name, [])) :] for name, begun in hub.sent.items()}
    assert new[Path(table).name] == [100]
    fetched_before = first.keys() - {FILE_NAME, Path(table).name}
    assert fetched_before
    assert [new[name] for name in fetched_before] == [[]] * len(fetched_before)


def test_a_connection_that_breaks_once_is_no_failure(hub: Hub) -> None:
    table = next(name for name in hub.repos["someone/birds"] if "gallery.table" in name)
    hub.cuts, hub.cuts_once = {table: 100}, True
    load_bundle(start(NAME))
    assert hub.sent[Path(table).name] == [0, 100]


def test_a_file_that_is_not_what_the_manifest_says_installs_nothing(hub: Hub, data: Path) -> None:
    anchors = next(name for name in hub.repos["someone/birds"] if "anchors" in name)
    hub.lies.add(anchors)
    with pytest.raises(BundleError, match=r"anchors-.* has sha256 .* nothing is installed"):
        start(NAME)
    assert nothing_installed(data)
    hub.lies.clear()
    load_bundle(start(NAME))


def test_a_bundle_that_cant_be_loaded_installs_nothing(hub: Hub, data: Path) -> None:
    manifest = json.loads(hub.repos["someone/birds"][f"bundle/{FILE_NAME}"])
    manifest["roles"]["anchors"]["file"] = "../../outside.npy"
    hub.repos["someone/birds"][f"bundle/{FILE_NAME}"] = json.dumps(manifest).encode()
    with pytest.raises(BundleError, match="not a plain name"):
        start(NAME)
    assert nothing_installed(data)
    hub.repos["someone/birds"] = {"README.md": b"a model of something else"}
    with pytest.raises(BundleError, match="no bundle there"):
        start(NAME)


def test_without_a_network_the_first_time_it_says_so_in_one_line(
    hub: Hub, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(BundleError, match="can't be fetched") as caught:
        start(NAME)
    assert "\n" not in str(caught.value)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BundleError, match="not fetched yet"):
        start(NAME)
    assert nothing_installed(data)


@pytest.mark.parametrize(
    ("name", "said"),
    [("hf:nobody/birds", "no such repository"), (f"{NAME}@v9", "no such revision")],
)
def test_what_the_hub_does_not_have_is_said(hub: Hub, name: str, said: str) -> None:
    with pytest.raises(BundleError, match=said):
        start(name)


def test_a_branch_is_followed_and_a_fetched_bundle_stays_as_it_is(
    hub: Hub, small_bundle: BundleFolder, caplog: pytest.LogCaptureFixture
) -> None:
    fixed, folder = start(NAME), start(f"{NAME}@main")
    before = load_manifest(folder)
    assert (fixed.name, folder.name) == ("birds", "birds@main")
    manifest = load_manifest(small_bundle.path)
    write_bundle(small_bundle.path, manifest, {"encoder.fp32": b"a better graph"})
    lay(hub, small_bundle.path)
    assert load_manifest(start(NAME)) == before
    hub.sent.clear()
    assert load_manifest(start(f"{NAME}@main")) == load_manifest(small_bundle.path)
    assert load_bundle(folder).encoder_bytes("fp32") == b"a better graph"
    assert not (folder / before.roles["encoder.fp32"].file).exists()
    assert len(hub.sent) == 2  # the manifest and the encoder: the rest was there
    hub.repos.clear()
    assert start(f"{NAME}@main") == folder
    assert "stays as it was fetched" in caplog.text


def test_a_new_state_that_is_broken_leaves_the_old_one(
    hub: Hub, small_bundle: BundleFolder
) -> None:
    folder = start(f"{NAME}@main")
    before = contents(folder)
    manifest = load_manifest(small_bundle.path)
    write_bundle(small_bundle.path, manifest, {"encoder.fp32": b"a better graph"})
    lay(hub, small_bundle.path)
    hub.lies.add(f"bundle/{load_manifest(small_bundle.path).roles['encoder.fp32'].file}")
    with pytest.raises(BundleError, match="nothing is installed"):
        start(f"{NAME}@main")
    assert contents(folder) == before


def test_a_damaged_one_is_mended_with_the_file_that_lacks(hub: Hub) -> None:
    folder = start(NAME)
    lost = folder / load_manifest(folder).roles["anchors"].file
    lost.unlink()
    hub.sent.clear()
    load_bundle(start(NAME))
    assert set(hub.sent) == {FILE_NAME, lost.name}


def test_one_whose_manifest_is_damaged_is_fetched_again(hub: Hub) -> None:
    folder = start(NAME)
    before = contents(folder)
    (folder / FILE_NAME).write_text("{")
    assert contents(start(NAME)) == before


def test_a_picture_of_a_new_gallery_is_not_the_one_of_its_name_before(
    hub: Hub, small_bundle: BundleFolder
) -> None:
    folder = start(f"{NAME}@main")
    gallery = load_bundle(small_bundle.path).gallery
    table = [replace(row, author="Bea") for row in gallery.table]
    small_bundle.put("gallery.table", replace(gallery, table=tuple(table)).table_csv())
    picture = small_bundle.path / "pictures" / "strix_aluco_0.jpg"
    picture.write_bytes(b"another photograph")
    lay(hub, small_bundle.path)
    hub.cuts = {f"bundle/pictures/{picture.name}": 3}
    with pytest.raises(BundleError):
        start(f"{NAME}@main")
    assert (folder / "pictures" / picture.name).read_bytes() == b"picture"
    hub.cuts = {}
    start(f"{NAME}@main")
    assert (folder / "pictures" / picture.name).read_bytes() == b"another photograph"
    picture.unlink()
    small_bundle.put("gallery.table", gallery.table_csv())
    lay(hub, small_bundle.path)
    start(f"{NAME}@main")
    assert not (folder / "pictures" / picture.name).exists()


def test_a_fetched_bundle_is_edited_in_a_copy(hub: Hub, data: Path) -> None:
    folder = start(NAME)
    before = contents(folder)
    with edited(Settings(bundle=NAME), None) as bundle:
        put_gallery(bundle.path, bundle.manifest, kept(bundle.gallery, [0]))
    assert contents(folder) == before
    own = load_bundle(data / "birds-own").gallery.table
    assert own == load_bundle(folder).gallery.table[1:]


def test_a_bundle_of_another_origin_is_not_overwritten(hub: Hub, data: Path) -> None:
    (data / "birds").mkdir(parents=True)
    (data / "birds" / "mine").write_text("precious")
    with pytest.raises(ConfigError, match="holds another bundle"):
        start(NAME)
    assert contents(data / "birds") == {"mine": b"precious"}


@pytest.mark.parametrize(
    "text", ["hf:", "hf:birds", "hf:../birds", "hf:a/..", "hf:a/b/c", "hf:a/b@"]
)
def test_a_name_that_is_none_is_a_usage_error(text: str) -> None:
    with pytest.raises(ConfigError, match="expected hf:OWNER/NAME"):
        read_name(text)


def test_without_the_library_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'birdlisten\[hub\]'"):
        start(NAME)
