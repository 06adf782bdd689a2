"""Explanation of a record, or of a candidate that was not reported, in words."""

from collections.abc import Iterator

from edge.detection import NO_PICTURE, Detection, Picture


def explained(
    one: Detection, reason: str | None = None, review: tuple[str, str] | None = None
) -> str:
    """Explain a record in some lines.

    Args:
        one: what its record is, or would have been.
        reason: why it was not reported; None if it was.
        review: what a person said of it, and as what.
    """
    return "\n".join(_lines(one, reason, review))


def _lines(one: Detection, reason: str | None, review: tuple[str, str] | None) -> Iterator[str]:
    told = "reported" if reason is None else f"not reported: {reason}"
    yield f"{one.common_name} ({one.scientific_name}), {told}"
    if review is not None:
        yield f"  {' as '.join(filter(None, review))} by a person"
    yield f"  {one.source}, {one.start_s:g} to {one.end_s:g} s, {one.detected_at or 'undated'}"
    yield f"  hits {one.hits} of {one.hits_needed} needed, {one.precision} on {one.provider}"
    yield f"  similarity {one.similarity:.3f}, score {one.score:.2f}, {_sure(one.probability)}"
    yield from map(_picture, one.pictures)
    yield "  the best species of the best window:"
    for rival in one.top:
        yield f"  {rival.score:8.2f}  {_sure(rival.probability)}  {rival.common_name}"


def _picture(one: Picture) -> str:
    shown = one.file or one.url or NO_PICTURE
    return f"  {one.similarity:.3f}  {shown}  ({one.author}, {one.licence})"


def _sure(probability: float | None) -> str:
    return "not calibrated" if probability is None else f"probability {probability:.2f}"
