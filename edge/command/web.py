"""`birdlisten web`: the station as a page, and as an API that other tools already speak."""

import logging
import signal
from dataclasses import dataclass, replace
from types import FrameType

from edge.command.language import names_of
from edge.command.origin import SettingsOrigin
from edge.config import Settings
from edge.contract.errors import MissingPackageError
from edge.system.memory import return_what_is_freed, settle
from edge.system.steady import SteadyWatch
from edge.system.throttle import FaultBarrier

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class WebRequest:
    """The web server that is wanted; None: as it is by default."""

    host: str | None = None
    port: int | None = None
    public_url: str | None = None
    guests: bool | None = None
    names: tuple[str, ...] | None = None
    proxies: tuple[str, ...] | None = None


def web(settings: Settings, request: WebRequest, origin: SettingsOrigin | None = None) -> int:
    """Serve the station until a signal ends it; SIGHUP, or another config.yaml, begins anew.

    Raises:
        MissingPackageError: the packages of the extra `web` are not installed.
        ConfigError: the public URL is none, or the bundle has no names in the language.
    """
    try:
        from edge.web.additions import AdditionDesk
        from edge.web.app import create_app
        from edge.web.config import WebConfig
        from edge.web.pages.rendering import compile_templates
        from edge.web.server import listen_at, serve
    except ImportError as error:
        raise MissingPackageError(
            f"the web needs {error.name}: pip install 'birdlisten[web]'"
        ) from error
    return_what_is_freed()
    given = {name: value for name, value in vars(request).items() if value is not None}
    settings = _checked(settings)
    file = origin.file() if origin else None
    watch = SteadyWatch(file) if file else None
    desk = AdditionDesk(settings.station_path, settings.bundle_path)
    hangups = Hangups()

    def is_over() -> bool:
        return hangups.take() or (watch is not None and watch.changed())

    with hangups, listen_at(WebConfig(**given)) as listening:
        compile_templates()
        settle()
        while True:
            config = WebConfig(**given, language=settings.language)
            app = create_app(desk.station, desk.bundle, config, desk)
            if not serve(app, config, listening, is_over):
                return 0
            settings = _reread(settings, origin)
            desk.station, desk.bundle = settings.station_path, settings.bundle_path


class Hangups:
    """Notes each SIGHUP, and keeps it from ending the process, while the block lasts."""

    def __init__(self) -> None:
        self._has_come = False

    def __enter__(self) -> "Hangups":
        self._before = signal.signal(signal.SIGHUP, self._note)
        return self

    def __exit__(self, *fault: object) -> None:
        signal.signal(signal.SIGHUP, self._before)

    def take(self) -> bool:
        """True if one has come since it was asked last."""
        has_come, self._has_come = self._has_come, False
        return has_come

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._has_come = True


def _reread(settings: Settings, origin: SettingsOrigin | None) -> Settings:
    """The settings as they are now; those before, if these can't be used."""
    barrier = FaultBarrier(_LOG, "web", "going on with the settings before", logging.ERROR)
    with barrier:
        return _checked(origin.read() if origin else settings)
    return settings


def _checked(settings: Settings) -> Settings:
    """Settings whose bundle is a folder, wherever it came from; else they are refused now."""
    settings = replace(settings, bundle=str(settings.bundle_path.absolute()))
    names_of(settings)
    return settings
