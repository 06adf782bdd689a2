"""Keep what was measured with an ear beside its recipe, so that others need no recordings.

python -m export.ear.keep BUNDLE --recipe NAME [--figures TEXT]

Background banks and calibration of a calibrated bundle, and the encoder that they belong to.
"""

import json
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from edge.command.parser import Parser
from edge.contract.atomic import write_atomic
from edge.contract.bundle import load_bundle
from edge.contract.errors import ConfigError, DatasetError
from edge.contract.roles import read_role
from gallery.command import run
from train.ears.recipe import Recipe, find_recipe

MEASURED = "measured.json"


def keep(bundle_path: Path, recipe: Recipe, figures: str = "") -> Path:
    """Write a bundle's background banks and calibration into the recipe's folder.

    Args:
        bundle_path: calibrated.
        recipe: names the folder.
        figures: what was measured, in words.

    Raises:
        ConfigError: the recipe names no folder.
        DatasetError: the bundle is not calibrated.
    """
    if not recipe.calibration:
        raise ConfigError(f"{recipe.name}: its recipe names no folder; add `calibration: NAME`")
    bundle = load_bundle(bundle_path)
    manifest = bundle.manifest
    if "calibration" not in manifest.roles:
        raise DatasetError(f"{bundle_path}: not calibrated; python -m gallery.calibrate")
    folder = recipe.folder / recipe.calibration
    folder.mkdir(exist_ok=True)
    for role in [*manifest.roles]:
        if role == "calibration" or role.startswith("background."):
            suffix = ".json" if role == "calibration" else ".npy"
            write_atomic(folder / f"{role}{suffix}", read_role(bundle.path, manifest, role))
    note = {"model_id": manifest.model_id, "date": f"{date.today()}", "figures": figures}
    write_atomic(folder / MEASURED, f"{json.dumps(note, indent=1)}\n".encode())
    return folder


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m export.ear.keep", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--recipe", required=True, metavar="NAME")
    parser.add_argument("--figures", default="", metavar="TEXT", help="what was measured")
    args = parser.parse_args(argv)
    return run(lambda: print(keep(args.bundle, find_recipe(args.recipe), args.figures)))


if __name__ == "__main__":
    sys.exit(main())
