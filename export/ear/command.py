"""Command line of the ears.

python -m export.ear BUNDLE --classifier FILE [--labels FILE] [--recipe NAME|FILE]
                     [--like BUNDLE | --teacher NAME --taxonomy FILE]
                     [--precision fp32,fp16,int8]

A classifier of species, TFLite or ONNX, becomes a bundle: what a window sounds like is the sum over
its names of probability times the name's anchor in a teacher's space, so that it meets pictures
there without any training. A network that export/ears knows needs no more words; of another say
--rate, and what its numbers are (--activation).
"""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edge.command.parser import Parser, positive
from edge.config import PACKAGED_BUNDLE
from edge.contract.bundle import load_bundle
from edge.contract.errors import ConfigError, DatasetError
from edge.contract.manifest import PRECISIONS
from edge.contract.taxonomy import Taxonomy
from export.ear.assemble import Space, make_bundle
from export.ear.encoders import Classifier, input_shape
from gallery.command import run
from train.ears.labels import read_labels
from train.ears.recipe import (
    ACTIVATIONS,
    LABEL_STYLES,
    Recipe,
    SourceFile,
    check_file,
    find_recipe,
    recipe_of,
)

_LISTED = 30
"""Names that are written out."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = _parser()
    args = parser.parse_args(argv)
    if bool(args.teacher) != bool(args.taxonomy) or (args.teacher and args.like):
        parser.error("give --like BUNDLE, or --teacher NAME with --taxonomy FILE")

    def command() -> None:
        chosen = precisions(args.precision)
        recipe = _recipe(args)
        labels = read_labels(_labels(args, recipe), recipe.label_style, args.codes)
        space = _taught(args) if args.teacher else like(args.like or PACKAGED_BUNDLE)
        classifier = Classifier(args.classifier, labels, recipe)
        manifest, names = make_bundle(args.bundle, classifier, space, chosen)
        known = len(names.taxonomy) - len(names.coded)
        print(f"{args.bundle}: {len(names.taxonomy)} names, {known} of them with a text anchor")
        for said, listed in (
            ("not known to the ear", names.lacking),
            ("without a text anchor, so told by a code", names.coded),
        ):
            if listed:
                more = f", ... ({len(listed)} in all)" if len(listed) > _LISTED else ""
                print(f"{said}: {', '.join(listed[:_LISTED])}{more}")
        print(f"licence {manifest.licence}; {recipe.credit}".rstrip("; "))
        if "calibration" not in manifest.roles:
            print("not calibrated: python -m gallery.calibrate; until then --threshold is a cosine")

    return run(command)


def _parser() -> Parser:
    parser = Parser(prog="python -m export.ear", description=__doc__)
    add = parser.add_argument
    add("bundle", type=Path)
    add("--classifier", type=Path, required=True, metavar="FILE", help=".tflite or .onnx")
    add("--labels", type=Path, metavar="FILE", help="a line a number (default: beside it)")
    add("--recipe", metavar="NAME|FILE", help="default: the one that knows the classifier")
    add("--like", type=Path, metavar="BUNDLE", help="whose names and pictures (default: starter)")
    add("--teacher", metavar="NAME", help="an open_clip model in place of a bundle")
    add("--taxonomy", type=Path, metavar="FILE", help="taxonomy.csv of the teacher's names")
    add("--codes", type=Path, metavar="FILE", help="CSV code,scientific_name of labels by code")
    add("--label-style", choices=LABEL_STYLES, help="how a label names a species")
    add("--rate", type=positive, metavar="HZ", help="of an unknown classifier")
    add("--window", type=positive, metavar="SAMPLES", help="where the classifier doesn't say")
    add("--activation", choices=ACTIVATIONS, help="what makes numbers probabilities")
    add("--name", help="of the bundle")
    add("--precision", default=",".join(PRECISIONS), help="default: all")
    return parser


def precisions(text: str) -> list[str]:
    """Precisions by commas.

    Raises:
        ConfigError: one that there is not.
    """
    chosen = text.split(",")
    for precision in chosen:
        if precision not in PRECISIONS:
            raise ConfigError(f"--precision: {precision!r} is not one of {', '.join(PRECISIONS)}")
    return chosen


def _recipe(args: Namespace) -> Recipe:
    """The named one, the one that knows the classifier, or what the flags say."""
    file: Path = args.classifier
    if not file.is_file():
        raise DatasetError(f"{file}: no such file; --classifier names a .tflite or .onnx file")
    named: str | None = args.recipe
    known = find_recipe(named) if named else recipe_of(file)
    if known is not None:
        check_file(file, known.model)
        _check_said(known, args)
    recipe = known or _unknown(file, args)
    said = {
        "label_style": args.label_style,
        "activation": args.activation,
        "name": args.name,
    }
    return replace(recipe, **{name: value for name, value in said.items() if value})


def _check_said(recipe: Recipe, args: Namespace) -> None:
    """Refuse another rate or window than the network hears."""
    for flag, said, wanted in (
        ("--rate", args.rate, recipe.rate_hz),
        ("--window", args.window, recipe.window_samples),
    ):
        if said not in (None, wanted):
            raise ConfigError(f"{flag} {said}: {recipe.title or recipe.name} hears {wanted}")


def _unknown(file: Path, args: Namespace) -> Recipe:
    """Recipe of an unknown classifier, from its input and the flags."""
    if args.rate is None:
        raise ConfigError(f"{file}: no recipe knows it; say what it hears: --rate HZ")
    shape = input_shape(file)
    window = args.window or (shape[1] if len(shape) == 2 else 0)
    if not window:
        raise ConfigError(f"{file}: its window is not fixed; say how long it is: --window SAMPLES")
    return Recipe(
        name=args.name or file.stem,
        model=SourceFile(file.name),
        rate_hz=args.rate,
        window_samples=window,
    )


def _labels(args: Namespace, recipe: Recipe) -> Path:
    """The labels' file: as said, or beside the classifier as the recipe calls it."""
    beside = args.classifier.parent / recipe.labels.file if recipe.labels else None
    file: Path | None = args.labels or beside
    if file is None:
        raise ConfigError("--labels: give the file with a label a line")
    if recipe.labels and args.label_style is None:
        check_file(file, recipe.labels)
    return file


def like(path: Path) -> Space:
    """The space of a bundle, with its names, pictures and species sets.

    Raises:
        BundleError: it can't be used.
        DatasetError: it has no text anchors.
    """
    bundle = load_bundle(path)
    manifest = bundle.manifest
    if bundle.anchors is None:
        raise DatasetError(f"{path}: has no text anchors; take a bundle that has")
    return Space(
        taxonomy=bundle.taxonomy,
        anchors=bundle.anchors,
        space_id=manifest.space_id,
        teacher=manifest.teacher,
        like=bundle,
    )


def _taught(args: Namespace) -> Space:
    from gallery.teacher import load_teacher, mean_anchors

    taxonomy = Taxonomy.load(args.taxonomy)
    teacher = load_teacher(args.teacher)
    anchors = mean_anchors(teacher.anchors(taxonomy.species))
    return Space(
        taxonomy=taxonomy,
        anchors=anchors,
        space_id=teacher.space_id,
        teacher=teacher.name,
        like=None,
    )
