"""Lay a distilled run out as a repository of the Hugging Face hub, or upload it.

python -m export.hub RUN --to FOLDER|hf:OWNER/NAME [--bundle BUNDLE] [--private]

RUN is a checkpoint of train.distill, BUNDLE was made from it (by default the folder `bundle` in it)
and has a gallery. The repository holds README.md (the model card), the checkpoint, `onnx/`, and
`bundle/`, which `birdlisten --bundle hf:OWNER/NAME` fetches. What was measured is on the card if
`python -m train.evaluate` was run. For an upload log in first: `hf auth login`.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edge.command.parser import Parser
from edge.contract.bundle import Bundle, load_bundle
from edge.contract.errors import ConfigError, DatasetError, in_words
from edge.contract.manifest import FILE_NAME
from edge.contract.roles import read_role
from edge.system.bundles import HUB
from edge.system.hub import read_name
from export.model_card import EVALUATION, CardSubject, model_card
from gallery.command import run
from train.model.checkpoint import ANCHORS, META, TAXONOMY, WEIGHTS, load_checkpoint, model_id
from train.model.clap_layout import EXTRACTOR_CONFIG, MODEL_CONFIG

CARD, BUNDLE, ONNX = "README.md", "bundle", "onnx"
_CHECKPOINT = (META, WEIGHTS, TAXONOMY, ANCHORS, MODEL_CONFIG, EXTRACTOR_CONFIG)
_MEASURED = (EVALUATION, EVALUATION.replace(".json", ".md"))
_ONNX_NAMES = {"fp32": "model.onnx", "fp16": "model_fp16.onnx", "int8": "model_int8.onnx"}
"""As the hub's own exporters call them."""


def lay_out(run_path: Path, bundle_path: Path, folder: Path, repo: str) -> None:
    """Write the repository's files into a folder; one that it was written to before is renewed.

    Args:
        run_path: the checkpoint.
        bundle_path: made from it.
        folder: to write to.
        repo: OWNER/NAME on the hub, or what stands for it on the card.

    Raises:
        BirdlistenError: run or bundle can't be used or don't belong together, or the folder holds
            something else.
    """
    _check_folder(folder, run_path, bundle_path)
    subject = CardSubject(run_path, load_checkpoint(run_path), _opened(bundle_path, run_path), repo)
    card, named = model_card(subject), _named(subject.bundle)
    for part in (BUNDLE, ONNX):
        shutil.rmtree(folder / part, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*_CHECKPOINT, *_MEASURED):
        (folder / name).unlink(missing_ok=True)
        if (run_path / name).is_file():  # load_checkpoint knows which a network needs
            _place(run_path / name, folder / name)
    _copy_bundle(subject.bundle, named, folder)
    (folder / CARD).write_text(card, encoding="utf-8")


def upload(folder: Path, repo: str, private: bool = False) -> str:
    """Make a folder the newest commit of a repository.

    Args:
        folder: written by `lay_out`.
        repo: OWNER/NAME, made if it isn't there.
        private: whether a new one is.

    Returns:
        The commit's address.

    Raises:
        DatasetError: the hub refuses it, or can't be reached.
    """
    from huggingface_hub import HfApi

    stale = [f"{BUNDLE}/*", f"{ONNX}/*"]
    try:
        api = HfApi()
        api.create_repo(repo, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo,
            folder_path=folder,
            commit_message="birdlisten: model, ONNX and bundle",
            delete_patterns=stale,
        )
    except Exception as error:  # of any HTTP client below the library
        reason = (in_words(error).strip() or type(error).__name__).splitlines()[0]
        raise DatasetError(
            f"{HUB}{repo}: not uploaded ({reason[:200]}); `hf auth login` tells the hub who you are"
        ) from error
    return str(commit.commit_url)


def _check_folder(folder: Path, run_path: Path, bundle_path: Path) -> None:
    """Refuse a place whose renewal would delete run or bundle, or what is not ours."""
    for part in (folder, folder / BUNDLE, folder / ONNX):
        here = part.resolve()
        for place in (run_path.resolve(), bundle_path.resolve()):
            if here.is_relative_to(place) or place.is_relative_to(here):
                raise ConfigError(
                    f"--to {folder}: is, holds or lies in {place}, of which it is made; "
                    "name another folder"
                )
    filled = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    written = (folder / CARD, folder / ONNX, folder / BUNDLE / FILE_NAME)
    if filled and not all(path.exists() for path in written):
        raise ConfigError(f"--to {folder}: holds something else; name a new folder")


def _opened(bundle_path: Path, run_path: Path) -> Bundle:
    """The bundle, its every file checked."""
    if not (bundle_path / FILE_NAME).is_file():
        raise DatasetError(
            f"{bundle_path}: no bundle; make it (python -m export.onnx --checkpoint {run_path}; "
            "python -m gallery.build), or name it: --bundle"
        )
    bundle = load_bundle(bundle_path)
    if bundle.manifest.model_id != model_id(run_path):
        raise DatasetError(f"{bundle_path}: was made from another run than {run_path}")
    for role in bundle.manifest.roles:
        read_role(bundle_path, bundle.manifest, role)
    return bundle


def _named(bundle: Bundle) -> list[str]:
    """Files that manifest and gallery table name; they are known to be there."""
    pictures = {row.file for row in bundle.gallery.table if row.file}
    if lacking := sorted(name for name in pictures if not (bundle.path / name).is_file()):
        raise DatasetError(
            f"{bundle.path}: {lacking[0]} is missing, and {len(lacking) - 1} more of its pictures; "
            "copy the bundle again, or build its gallery: python -m gallery.build"
        )
    entries = {entry.file for entry in bundle.manifest.roles.values()}
    return sorted({FILE_NAME, *entries, *pictures})


def _copy_bundle(bundle: Bundle, named: Sequence[str], folder: Path) -> None:
    """Copy its files, and the encoders by their usual names, too."""
    manifest = bundle.manifest
    for name in named:
        _place(bundle.path / name, folder / BUNDLE / name)
    for precision in manifest.precisions:
        encoder = folder / BUNDLE / manifest.roles[f"encoder.{precision}"].file
        _place(encoder, folder / ONNX / _ONNX_NAMES[precision], linked=True)


def _place(source: Path, target: Path, linked: bool = False) -> None:
    """Copy a file, or link one that is never written to again."""
    target.unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if linked:
        try:
            os.link(source, target)
            return
        except OSError:  # a file system without hard links
            pass
    shutil.copyfile(source, target)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m export.hub", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--to", required=True, metavar="FOLDER|hf:OWNER/NAME")
    parser.add_argument("--bundle", type=Path, help="default: `bundle` in the run")
    parser.add_argument("--private", action="store_true", help="a new repository is not public")
    args = parser.parse_args(argv)

    def command() -> None:
        bundle = args.bundle or args.run / BUNDLE
        if not args.to.startswith(HUB):
            lay_out(args.run, bundle, Path(args.to), f"OWNER/{Path(args.to).resolve().name}")
            print(args.to)
            return
        name = read_name(args.to)
        if name.revision:
            raise ConfigError(f"--to {args.to}: uploads to the main branch; leave @... out")
        with tempfile.TemporaryDirectory() as folder:
            lay_out(args.run, bundle, Path(folder), name.repo)
            print(upload(Path(folder), name.repo, args.private))

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
