"""Names of a bundle's species in other languages, for `--language`.

python -m export.names BUNDLE [--labels FOLDER]

The names are those of BirdNET-Analyzer's label files, a language each (`..._Labels_de.txt`, lines
`Turdus merula_Amsel`); without a folder they are taken out of its wheel on PyPI.
"""

import logging
import re
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.command.parser import Parser
from edge.contract.bundle import load_bundle, write_bundle
from edge.contract.editing import editing
from edge.contract.errors import DatasetError
from edge.contract.languages import ENGLISH, ROLE, names_table
from edge.contract.tables import read_lines
from edge.contract.taxonomy import slug
from export.ear.fetch import fetched_wheel
from gallery.command import run

_LOG = logging.getLogger(__name__)
PACKAGE = "birdnet-analyzer==2.4.0"
_SOURCE: Mapping[str, Any] = {
    "source": f"label files of {PACKAGE}",
    "authors": "K. Lisa Yang Center for Conservation Bioacoustics, Cornell Lab of Ornithology, and "
    "Chemnitz University of Technology",
    "licence": "CC-BY-NC-SA-4.0",
}
_FILE = re.compile(r".*_Labels_([A-Za-z_]+)\.txt")
_CODES = {"en-uk": "en-gb", "in": "id", "no": "nb"}
"""BirdNET's codes that BCP 47 has otherwise."""


def add_names(bundle: Path, labels: Path) -> dict[str, int]:
    """Write the table of names into a bundle, in the place of a former one.

    English names are the bundle's own; a species that a file doesn't name has them there, too.

    Args:
        bundle: its folder.
        labels: folder of the label files.

    Returns:
        Named species of each language.

    Raises:
        BundleError: the bundle can't be used.
        DatasetError: there are no label files.
    """
    loaded = load_bundle(bundle)
    files = {
        found[1]: file for file in sorted(labels.iterdir()) if (found := _FILE.match(file.name))
    }
    if not files:
        raise DatasetError(f"{labels}: no label files here, such as ..._Labels_de.txt")
    english = {kind.species_id: kind.common_name for kind in loaded.taxonomy.species}
    names = {_code(language): _read(file, english) for language, file in files.items()}
    names[ENGLISH] = english
    provenance = {**loaded.manifest.provenance, ROLE: dict(_SOURCE)}
    manifest = replace(loaded.manifest, provenance=provenance)
    write_bundle(bundle, manifest, {ROLE: names_table(names, loaded.taxonomy.ids)})
    return {language: len(said) for language, said in sorted(names.items())}


def _code(language: str) -> str:
    code = language.replace("_", "-").lower()
    return _CODES.get(code, code)


def _read(file: Path, english: Mapping[str, str]) -> dict[str, str]:
    """Names by species id, without those that are English or scientific for want of another."""
    pairs = (line.split("_", 1) for line in read_lines(file) if "_" in line)
    named = ((slug(scientific), name) for scientific, name in pairs if name != scientific)
    return {key: name for key, name in named if key in english and name != english[key]}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m export.names", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--labels", type=Path, metavar="FOLDER", help="of the label files")
    args = parser.parse_args(argv)

    def command() -> None:
        with editing(args.bundle):
            _tell(_fetched(args.bundle, args.labels))

    return run(command)


def _fetched(bundle: Path, labels: Path | None) -> dict[str, int]:
    if labels is not None:
        return add_names(bundle, labels)
    _LOG.info("fetching names (%s) ...", PACKAGE)
    with fetched_wheel(PACKAGE) as wheel, zipfile.ZipFile(wheel) as archive:
        files = [name for name in archive.namelist() if _FILE.match(name)]
        archive.extractall(wheel.parent, files)
        folders = {(wheel.parent / name).parent for name in files}
        return add_names(bundle, min(folders, default=wheel.parent))


def _tell(named: Mapping[str, int]) -> None:
    print(", ".join(f"{language} {count}" for language, count in named.items()))


if __name__ == "__main__":
    sys.exit(main())
