"""Explanation of a record, or of a candidate that was not reported, in words."""

from collections.abc import Iterator

from edge.contract.text import cells, shortened, visible
from edge.records.detection import NO_PICTURE, Detection, Picture
from edge.records.picture_files import PictureFiles

_SHOWN = 12
"""Characters of an id that tell it from others: its end, for it begins with the time."""
_LEAST_SOURCE = 8
"""Columns of a shortened source."""


def explained(
    record: Detection,
    reason: str | None = None,
    review: tuple[str, str] | None = None,
    files: PictureFiles | None = None,
) -> str:
    """Explain a record in some lines.

    Args:
        record: what its record is, or would have been.
        reason: why it was not reported; None if it was.
        review: what a person said of it, and as what.
        files: of the pictures; None names them by their places.
    """
    return "\n".join(map(visible, _lines(record, reason, review, files)))


def listed(
    record: Detection,
    reason: str | None,
    review: tuple[str, str] | None,
    columns: int | None = None,
) -> str:
    """A line: id, local time, source, name, probability, and the verdict or the reason.

    Args:
        record: what its record is, or would have been.
        reason: why it was not reported; None if it was.
        review: what a person said of it, and as what.
        columns: at most; a long source is shortened first.
    """
    moment = record.local_time()
    time = f"{record.start_s:17.1f} s" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
    told = " as ".join(filter(None, review)) if review else reason or "reported"
    before = f"{record.id[-_SHOWN:]}  {time}  "
    after = visible(f"  {record.common_name}  {record.confidence:.2f}  {told}")
    source = visible(record.source)
    if columns is None:
        return f"{before}{source}{after}"
    room = max(columns - cells(before) - cells(after), _LEAST_SOURCE)
    return shortened(f"{before}{shortened(source, room)}{after}", columns)


def _lines(
    record: Detection,
    reason: str | None,
    review: tuple[str, str] | None,
    files: PictureFiles | None,
) -> Iterator[str]:
    told = "reported" if reason is None else f"not reported: {reason}"
    yield f"{record.common_name} ({record.scientific_name}), {told}"
    if review is not None:
        yield f"  {' as '.join(filter(None, review))} by a person"
    moment = record.detected_at or "undated"
    yield f"  {record.source}, {record.start_s:g} to {record.end_s:g} s, {moment}"
    by = f"{record.precision} on {record.provider}"
    yield f"  hits {record.hits} of {record.hits_needed} needed, {by}"
    sure = _sure(record.probability)
    yield f"  similarity {record.similarity:.3f}, score {record.score:.2f}, {sure}"
    yield from (_picture(picture, files) for picture in record.pictures)
    yield "  the best species of the best window:"
    for rival in record.top:
        yield f"  {rival.score:8.2f}  {_sure(rival.probability)}  {rival.common_name}"


def _picture(picture: Picture, files: PictureFiles | None) -> str:
    here = files and files.path(picture)
    shown = here or picture.file or picture.url or NO_PICTURE
    return f"  {picture.similarity:.3f}  {shown}  ({picture.author}, {picture.licence})"


def _sure(probability: float | None) -> str:
    return "not calibrated" if probability is None else f"probability {probability:.2f}"
