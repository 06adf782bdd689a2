"""The page that adds a species by pictures and sounds, tells what to expect, and takes it back."""

import time
from contextlib import suppress
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from edge.contract.errors import BirdlistenError, ConfigError, StoreError, in_words
from edge.contract.text import counted, one_line
from edge.recognition.added import AddedSpecies
from edge.recognition.pictures import SUFFIXES as PICTURES
from edge.web.additions import AdditionDesk, AdditionRequest, folder_for_files
from edge.web.guard import role_of
from edge.web.pages.record import missing
from edge.web.pages.rendering import page, root_of
from edge.web.station import StationView, station_of
from edge.web.tokens import KEEP
from edge.web.uploads import MOST_BYTES, MOST_FILES, SUFFIXES, keep

_FIELDS = ("name", "common", "author", "licence")
_LONGEST = 120


def show_adding(request: Request) -> Response:
    """The form, and how the last addition goes or has ended."""
    return _page(request)


async def take_addition(request: Request) -> Response:
    """Take a species with its files; leads back to where its progress is shown."""
    given = dict[str, str]()
    try:
        with _desk(request).receiving():
            await _receive(request, given)
    except BirdlistenError as error:
        await _drain(request)
        return await run_in_threadpool(_page, request, given, str(error))
    return RedirectResponse(f"{root_of(request)}add", 303)


def undo_addition(request: Request, form: dict[str, str]) -> Response:
    """Take back what was added last of a species.

    Args:
        request: of the form.
        form: `label`, which tells what that was when the page was looked at.

    Raises:
        ConfigError: it is the last no more: it was taken back, or more was added.
        StoreError: something is being added.
    """
    species_id = request.path_params["id"]
    with _desk(request).closed():
        added = _added(station_of(request), species_id)
        if added is None:
            return missing(request)
        labels = added.labels()
        if form.get("label") != labels[-1]:
            raise ConfigError("something else was added or taken back meanwhile; look at it again")
        gone = added.take_back(labels[-1:])
        _desk(request).outcome = None
    address = f"species/{species_id}" if labels[:-1] else "add"
    return RedirectResponse(
        f"{root_of(request)}{address}?gone={gone.pictures}.{gone.sounds}", status_code=303
    )


def last_addition(station: StationView, species_id: str) -> str | None:
    """Label of what was added last of a species here; None if nothing was."""
    added = _added(station, species_id)
    return added.labels()[-1] if added else None


def told_of_undo(request: Request) -> str:
    """Words for an undo; empty without."""
    pictures, dot, sounds = request.query_params.get("gone", "").partition(".")
    if not (dot and pictures.isdecimal() and sounds.isdecimal()):
        return ""
    gone = counted(int(pictures[:6]), "picture"), counted(int(sounds[:6]), "sound")
    return f"Taken back: {' and '.join(gone)}."


def _added(station: StationView, species_id: str) -> AddedSpecies | None:
    """Additions to a species here; None if there are none."""
    with suppress(BirdlistenError):
        added = AddedSpecies(station.path, station.bundle.manifest, species_id)
        return added if added.labels() else None
    return None


async def _receive(request: Request, given: dict[str, str]) -> None:
    """Begin to add what a form holds, and note its words."""
    try:
        async with request.form(max_files=MOST_FILES + 1, max_fields=2 * len(_FIELDS)) as form:
            words = {name: one_line(str(form.get(name, ""))).strip() for name in _FIELDS}
            given |= {name: text[:_LONGEST] for name, text in words.items()}
            files = [file for file in form.getlist("files") if isinstance(file, UploadFile)]
            named = [file for file in files if file.filename]
            await run_in_threadpool(_begin, request, given, named)
    except OSError as error:
        raise StoreError(f"the files can't be kept here ({in_words(error)})") from error


async def _drain(request: Request) -> None:
    """Take what still comes: a browser that is cut off while it sends shows no answer."""
    with suppress(RuntimeError, ClientDisconnect):  # it was taken already; nobody sends any more
        async for _ in request.stream():
            pass


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
    desk, may_keep = _desk(request), role_of(request) == KEEP
    outcome = desk.outcome if may_keep else None
    species = outcome.species if outcome else None
    values: dict[str, Any] = {
        "given": given or {"name": request.query_params.get("name", "")[:_LONGEST]},
        "problem": problem,
        "running": desk.running,
        "seconds": round(time.monotonic() - desk.begun_s),
        "outcome": outcome,
        "label": species and last_addition(station_of(request), species["species_id"]),
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
