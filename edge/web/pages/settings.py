"""The page of settings: those that are safe to change, and the others with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge.config import Settings
from edge.contract.bundle import Bundle
from edge.contract.errors import BirdlistenError, ConfigError
from edge.records.live_file import live_states
from edge.web.adjustable import ADJUSTABLE, FIXED, Adjustable, SettingsFile, choices
from edge.web.guard import role_of
from edge.web.pages.rendering import page, root_of
from edge.web.station import station_of
from edge.web.tokens import KEEP

_SECRET = ("input", *list(FIXED.values())[-1])
_LONGEST = 2000


@dataclass(frozen=True, kw_only=True)
class SettingView:
    """A setting as it can be changed."""

    setting: Adjustable
    value: str
    """Empty: the default."""
    usual: str
    """The default in words; empty if there is none."""
    choices: tuple[tuple[str, str], ...]
    fixed: str
    """Reason that it can't be changed; empty if it can."""


@dataclass(frozen=True)
class FixedView:
    """A setting that is only told."""

    name: str
    value: str


def show_settings(request: Request) -> Response:
    """All settings."""
    return _page(request, {})


def take_settings(request: Request, form: dict[str, str]) -> Response:
    """Write what was changed; leads back to the page, which says what that was."""
    file = SettingsFile(station_of(request).path)
    try:
        if form.get("seen", "") != file.digest():
            raise ConfigError("config.yaml was changed meanwhile; look at it again")
        bundle = station_of(request).bundle
        changes = _changes(form, file, bundle)
        if changes:
            file.change(changes, bundle)
    except BirdlistenError as error:
        return _page(request, form, str(error))
    return RedirectResponse(f"{root_of(request)}settings?saved={','.join(changes)}", 303)


def _changes(form: dict[str, str], file: SettingsFile, bundle: Bundle) -> dict[str, str | None]:
    """Values that are others than they were; None is the default."""
    table, given = file.table(), file.given()
    changes: dict[str, str | None] = {}
    for setting in ADJUSTABLE:
        if setting.name not in form or setting.name in given:
            continue
        new = form[setting.name].strip()[:_LONGEST]
        if new != _written(table.get(setting.name), setting, choices(setting, bundle)):
            changes[setting.name] = new or None
    return changes


def _page(request: Request, typed: dict[str, str], problem: str = "") -> Response:
    if role_of(request) != KEEP:
        return page(request, "problem", 403, title="Settings", problem="They need the token keep.")
    file = SettingsFile(station_of(request).path)
    bundle, table, problem = _opened(request, file, problem)
    given = file.given()
    views = [_view(setting, table, given, typed, bundle=bundle) for setting in ADJUSTABLE]
    names = [setting.name for setting in ADJUSTABLE]
    saved = [name for name in request.query_params.get("saved", "").split(",") if name in names]
    return page(
        request,
        "settings",
        400 if problem else 200,
        title="Settings",
        views=views,
        fixed=[(why, [_told(n, table, given) for n in names]) for why, names in FIXED.items()],
        seen=file.digest(),
        file=str(file.path),
        problem=problem,
        saved=", ".join(view.setting.label for view in views if view.setting.name in saved),
        is_heard=any(state.is_current for state in live_states(file.path.parent)),
    )


def _opened(
    request: Request, file: SettingsFile, problem: str
) -> tuple[Bundle | None, dict[str, Any], str]:
    """Bundle and table, as far as they can be read."""
    bundle, table = None, dict[str, Any]()
    try:
        bundle, table = station_of(request).bundle, file.table()
    except BirdlistenError as error:
        problem = problem or str(error)
    return bundle, table, problem


def _view(
    setting: Adjustable,
    table: dict[str, Any],
    given: frozenset[str],
    typed: dict[str, str],
    bundle: Bundle | None,
) -> SettingView:
    known = choices(setting, bundle) if bundle else setting.choices
    value = _written(table.get(setting.name), setting, known)
    fixed = "given where the listener is started" if setting.name in given else ""
    if setting.kind == "choice" and value not in [choice for choice, _ in known]:
        fixed = fixed or "set by hand to what this page doesn't offer"
    usual = getattr(Settings, setting.name)
    return SettingView(
        setting=setting,
        value=value if fixed else typed.get(setting.name, value),
        usual="" if usual is None or setting.kind == "choice" else f"{usual:g}",
        choices=known,
        fixed=fixed,
    )


def _told(name: str, table: dict[str, Any], given: frozenset[str]) -> FixedView:
    value = table.get(name)
    if name in _SECRET:
        return FixedView(name, "not set" if value is None else "set")
    usual = getattr(Settings, name)
    shown = _text(usual if value is None else value) or "not set"
    return FixedView(
        name, f"{shown} (given where the listener is started)" if name in given else shown
    )


def _written(value: object, setting: Adjustable, known: Sequence[tuple[str, str]]) -> str:
    """A value as the form has it; the default as the empty one, where words say it."""
    text = _text(value)
    if setting.kind != "choice":
        return text
    if setting.name == "clips" and text.lower() in ("false", "0", "off"):
        return "no"
    return "" if text.lower() in setting.usual or text == dict(known).get("") else text


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
