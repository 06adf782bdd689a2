"""Names of species in other languages: a table of the bundle, which is read when it is needed.

species_id,de,en,pt-br        a column a language (BCP 47, in lower case); a cell may be empty
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

from edge.contract.errors import BundleError, ConfigError, in_words
from edge.contract.manifest import Manifest, load_manifest
from edge.contract.names import nearest
from edge.contract.roles import read_role

ROLE = "names"
ENGLISH = "en"
_ID = "species_id"
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")


class LocalNames:
    """Names by language and species.

    Args:
        read: gives the bytes of the table; None: there is none.
    """

    def __init__(self, read: Callable[[], bytes] | None = None) -> None:
        self._read = read

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages, sorted."""
        return tuple(sorted(self._by_language))

    def in_language(self, language: str) -> Mapping[str, str]:
        """Names by species id; a species without one is left out.

        Raises:
            ConfigError: there are no names in that language.
            BundleError: the table is damaged.
        """
        code = language.strip().replace("_", "-").lower()
        if not self.languages:
            raise ConfigError(
                f"language: {language!r}, but the bundle has no names in other languages; "
                "python -m export.names adds them"
            )
        if code not in self._by_language:
            raise ConfigError(
                f"language: {language!r} is not one of {', '.join(self.languages)}"
                f"{nearest(code, self.languages)}"
            )
        return self._by_language[code]

    def all_names(self) -> list[tuple[str, str]]:
        """Every name in any language, and the id of its species.

        Raises:
            BundleError: the table is damaged.
        """
        tables = self._by_language.values()
        return [(name, species_id) for table in tables for species_id, name in table.items()]

    @cached_property
    def _by_language(self) -> dict[str, dict[str, str]]:
        return {} if self._read is None else _parse(self._read())


def local_names(path: Path, manifest: Manifest) -> LocalNames:
    """Those of a bundle; nothing is read yet."""
    shipped = ROLE in manifest.roles
    return LocalNames(partial(read_role, path, manifest, ROLE) if shipped else None)


def names_in(path: Path, language: str) -> Mapping[str, str]:
    """Common names of a bundle's species by id, in a language.

    Raises:
        ConfigError: it has none in that language.
        BundleError: it can't be read.
    """
    return local_names(path, load_manifest(path)).in_language(language)


def names_table(names: Mapping[str, Mapping[str, str]], ids: Sequence[str]) -> bytes:
    """The table of names by language and species id, for species in an order."""
    file, languages = io.StringIO(newline=""), sorted(names)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([_ID, *languages])
    for species_id in ids:
        writer.writerow([species_id, *(names[code].get(species_id, "") for code in languages)])
    return file.getvalue().encode()


def _parse(content: bytes) -> dict[str, dict[str, str]]:
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BundleError(
            f"names: no CSV table ({in_words(error)}); copy the bundle again"
        ) from error
    head, *lines = rows or [[]]
    if head[:1] != [_ID] or not _are_languages(head[1:]):
        raise BundleError(f"names: its first line is {head[:5]}, expected {_ID} and languages")
    if any(len(line) != len(head) for line in lines):
        raise BundleError(f"names: a line has not {len(head)} cells; copy the bundle again")
    return {
        code: {line[0]: line[place] for line in lines if line[place].strip()}
        for place, code in enumerate(head[1:], 1)
    }


def _are_languages(codes: Sequence[str]) -> bool:
    return len(set(codes)) == len(codes) and all(map(_LANGUAGE.fullmatch, codes))
