"""Embed pictures of the species once: the gallery of a bundle.

python -m gallery.build BUNDLE --pictures DATA [--replace] [--teacher NAME] [--split train]
                               [--limit N] [--no-bytes] [--ray ADDRESS]

BUNDLE comes from `python -m export.onnx`; DATA is a folder, or KIND:FOLDER of a published corpus
as train takes it, such as inat21:FOLDER, cub:FOLDER or ssw60:FOLDER:images_inat. Pictures are added
to those that it has; one that it has already is left out. What was embedded before, also by a build
that was killed, is not embedded again: rows are kept in the user's cache (birdlisten/pictures).
With --ray (extra `scale`) the cluster at ADDRESS opens and embeds them, `local` for this machine;
the pictures lie where all of its machines find them by the same path, and the rows are the same.
With --replace its gallery is these pictures and no other. The teacher must be the one the encoder
was distilled from: the embedding spaces are compared by hash.
"""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge.analysis.ray_cluster import check_reachable
from edge.command.parser import Parser, positive
from edge.contract.arrays import Float16s
from edge.contract.bundle import load_bundle
from edge.contract.editing import PICTURES, editing, joined, put_gallery
from edge.contract.errors import BundleError
from edge.contract.gallery import Gallery
from edge.contract.manifest import Manifest, load_manifest
from edge.contract.roles import read_role
from edge.contract.taxonomy import Taxonomy
from edge.recognition.picture_cache import PictureRow
from edge.recognition.picture_intake import NEAR, SAME, PictureIntake
from edge.recognition.picture_rows import looks_in
from gallery.command import run
from gallery.embedding import embedded, open_cache
from gallery.known import check_folder
from gallery.ray_embedding import embedded_by_ray
from gallery.records import PictureRecord, read_records
from gallery.thumbnails import Links, Thumbnails

if TYPE_CHECKING:  # it loads for seconds, and a wrong argument is to be refused before
    from gallery.teacher import Teacher

_SAME = 0.99999
"""Cosine from which two pictures of a species are the same one, but for rounding."""


@dataclass(frozen=True)
class Built:
    """Result of a build."""

    manifest: Manifest
    added: int
    known: int
    """Pictures that the bundle had already."""
    removed: int
    near: int
    """Added pictures that are nearly the same as another of their species."""

    def __str__(self) -> str:
        told = [f"{self.added} pictures added"]
        told += [f"{self.known} were there already"] if self.known else []
        told += [f"{self.removed} removed"] if self.removed else []
        more = "near duplicates among them: birdlisten gallery check names all"
        told += [f"{self.near} {more}"] if self.near else []
        return ", ".join(told)


@dataclass(frozen=True, kw_only=True)
class PictureChoice:
    """PictureChoice of the pictures, and what is shipped of them."""

    split: str | None = None
    """Only this split of the pictures."""
    limit: int | None = None
    """Pictures a species at most."""
    thumbnails: bool = True
    """False ships no picture, only where each can be found."""
    replace: bool = False
    """Keep none of the pictures that the bundle has."""
    ray: str | None = None
    """Address of a cluster that embeds; None: this process does."""


def build(
    bundle: Path,
    pictures: str | Path,
    load: Callable[[], "Teacher"],
    choice: PictureChoice | None = None,
) -> Built:
    """Embed pictures and write rows, table and thumbnails into a bundle.

    Args:
        bundle: holds a manifest and a taxonomy.
        pictures: see `gallery.records.read_records`.
        load: loads the teacher, once the pictures are known to be of use; it must be the one the
            bundle's encoder was distilled from.
        choice: which pictures.

    Raises:
        BundleError: another embedding space, or no bundle.
        DatasetError: no picture is readable, or none is of a species of the bundle.
    """
    choice = choice or PictureChoice()
    manifest = load_manifest(bundle)
    records = _chosen(bundle, manifest, pictures, choice)
    teacher = load()
    if teacher.space_id != manifest.space_id:
        raise BundleError(
            f"{bundle}: its encoder hears in space {manifest.space_id:.12}, the teacher "
            f"{teacher.name} sees in {teacher.space_id:.12}; name the right one: --teacher"
        )
    with editing(bundle):  # it may have been edited while the teacher was loaded
        manifest = load_manifest(bundle)
        return _built(bundle, manifest, records=records, teacher=teacher, choice=choice)


def _built(
    bundle: Path,
    manifest: Manifest,
    *,
    records: Sequence[PictureRecord],
    teacher: "Teacher",
    choice: PictureChoice,
) -> Built:
    had = _gallery(bundle, manifest)
    before = _empty(manifest) if choice.replace else had
    taken = {row.picture for row in before.table}
    table = Thumbnails(bundle / ".pictures-new", taken) if choice.thumbnails else Links()
    looks = partial(looks_in, bundle, before)
    intake, rows, fates = PictureIntake(before, looks, _SAME), list[Float16s](), Counter[str]()
    for record, picture in _embedded(records, teacher, table, choice.ray):
        fate = intake.take(record.species_id, picture)
        fates[fate] += 1
        if fate != SAME:
            table.add(record, picture.key)
            rows.append(picture.row)
    new = np.array(rows, np.float16).reshape(-1, manifest.embedding_dim)
    gallery = joined(before, new, table.rows)
    shown = bundle / PICTURES
    if choice.replace:
        written = put_gallery(bundle, manifest, gallery)
        table.replace(shown)
    else:
        table.join(shown)
        written = put_gallery(bundle, manifest, gallery)
    return Built(
        manifest=written,
        added=len(new),
        known=fates[SAME],
        removed=len(had.table) if choice.replace else 0,
        near=fates[NEAR],
    )


def _embedded(
    records: Sequence[PictureRecord],
    teacher: "Teacher",
    table: Thumbnails | Links,
    cluster: str | None,
) -> list[tuple[PictureRecord, PictureRow]]:
    cache = open_cache(teacher)
    if cluster is None:
        return embedded(records, teacher, cache, table.note)
    return embedded_by_ray(records, teacher, cache, table.keep, address=cluster)


def _chosen(
    bundle: Path, manifest: Manifest, pictures: str | Path, choice: PictureChoice
) -> list[PictureRecord]:
    read_role(bundle, manifest, "taxonomy")
    taxonomy = Taxonomy.load(bundle / manifest.roles["taxonomy"].file)
    return _limited(read_records(pictures, taxonomy, choice.split), choice.limit)


def _gallery(bundle: Path, manifest: Manifest) -> Gallery:
    return load_bundle(bundle).gallery if "gallery.rows" in manifest.roles else _empty(manifest)


def _empty(manifest: Manifest) -> Gallery:
    return Gallery(np.empty((0, manifest.embedding_dim), np.float16), ())


def _limited(records: list[PictureRecord], limit: int | None) -> list[PictureRecord]:
    taken: Counter[str] = Counter()
    kept = []
    for record in records:
        if limit is None or taken[record.species_id] < limit:
            kept.append(record)
            taken[record.species_id] += 1
    return kept


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m gallery.build", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--pictures", metavar="DATA", default="data/aviary", help="see above")
    parser.add_argument("--replace", action="store_true", help="keep none that the bundle has")
    parser.add_argument("--teacher", help="default: the one the manifest names")
    parser.add_argument("--split", help="only this split of the pictures")
    parser.add_argument("--limit", type=positive, help="pictures a species at most")
    parser.add_argument("--no-bytes", action="store_true", help="ship links, not thumbnails")
    parser.add_argument("--ray", metavar="ADDRESS", help="a cluster embeds (extra `scale`)")
    args = parser.parse_args(argv)
    choice = PictureChoice(
        split=args.split,
        limit=args.limit,
        thumbnails=not args.no_bytes,
        replace=args.replace,
        ray=args.ray,
    )

    def load() -> "Teacher":
        name = args.teacher or load_manifest(args.bundle).teacher
        check_folder(name)
        from gallery.teacher import load_teacher

        return load_teacher(name)

    def command() -> None:
        if args.ray:
            check_reachable(args.ray)
        built = build(args.bundle, args.pictures, load, choice)
        print(args.bundle / built.manifest.roles["gallery.rows"].file)
        print(built, file=sys.stderr)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
