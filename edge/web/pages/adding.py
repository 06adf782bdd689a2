"""The page that adds a species by pictures and sounds, tells what to expect, and takes it back."""

import time
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge.contract.errors import BirdlistenError
from edge.contract.text import counted
from edge.recognition.added import AddedSpecies
from edge.recognition.pictures import SUFFIXES as PICTURES
from edge.web.additions import AdditionDesk, AdditionRequest, folder_for_files
from edge.web.pages.record import missing
from edge.web.pages.rendering import page, root_of
from edge.web.station import StationView, station_of
from edge.web.uploads import MOST_BYTES, MOST_FILES, SUFFIXES, keep

_FIELDS = ("name", "common", "author", "licence")
_LONGEST = 120


def show_adding(request: Request) -> Response:
    """The form, and how the last addition goes or has ended."""
    return _page(request)


async def take_addition(request: Request) -> Response:
    """Take a species with its files; leads back to where its progress is shown."""
    async with request.form(max_files=MOST_FILES + 1, max_fields=2 * len(_FIELDS)) as form:
        given = {name: str(form.get(name, "")).strip()[:_LONGEST] for name in _FIELDS}
        files = [file for file in form.getlist("files") if isinstance(file, UploadFile)]
        named = [file for file in files if file.filename]
        try:
            await run_in_threadpool(_begin, request, given, named)
        except BirdlistenError as error:
            return await run_in_threadpool(_page, request, given, str(error))
    return RedirectResponse(f"{root_of(request)}add", 303)


def undo_addition(request: Request) -> Response:
    """Take back what was added last of a species."""
    species_id = request.path_params["id"]
    added = added_species(station_of(request), species_id)
    if added is None:
        return missing(request)
    gone = added.take_back(last=True)
    _desk(request).outcome = None
    address = f"species/{species_id}" if added.labels() else "add"
    return RedirectResponse(
        f"{root_of(request)}{address}?gone={gone.pictures}.{gone.sounds}", status_code=303
    )


def added_species(station: StationView, species_id: str) -> AddedSpecies | None:
    """Additions to a species here; None if there are none."""
    try:
        added = AddedSpecies(station.path, station.bundle.manifest, species_id)
        return added if added.labels() else None
    except BirdlistenError:
        return None


def told_of_undo(request: Request) -> str:
    """Words for an undo; empty without."""
    pictures, dot, sounds = request.query_params.get("gone", "").partition(".")
    if not (dot and pictures.isdecimal() and sounds.isdecimal()):
        return ""
    gone = counted(int(pictures[:6]), "picture"), counted(int(sounds[:6]), "sound")
    return f"Taken back: {' and '.join(gone)}."


def _begin(request: Request, given: dict[str, str], files: list[UploadFile]) -> None:
    desk, folder = _desk(request), folder_for_files()
    try:
        desk.begin(AdditionRequest(**given), keep(files, folder), folder)
    except BaseException:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        raise


def _page(request: Request, given: dict[str, str] | None = None, problem: str = "") -> Response:
    desk = _desk(request)
    values: dict[str, Any] = {
        "given": given or {"name": request.query_params.get("name", "")[:_LONGEST]},
        "problem": problem,
        "running": desk.running,
        "seconds": round(time.monotonic() - desk.begun_s),
        "outcome": desk.outcome,
        "undone": told_of_undo(request),
        "accept": ",".join(SUFFIXES),
        "picture_suffixes": ", ".join(PICTURES),
        "most_bytes": MOST_BYTES,
        "most_files": MOST_FILES,
    }
    return page(request, "add", 400 if problem else 200, title="Add a species", **values)


def _desk(request: Request) -> AdditionDesk:
    desk: AdditionDesk = request.app.state.additions
    return desk
