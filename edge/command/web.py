"""`birdlisten web`: the station as a page, and as an API that other tools already speak."""

import logging
from dataclasses import dataclass

from edge.command.language import names_of
from edge.command.origin import SettingsOrigin
from edge.config import Settings
from edge.contract.errors import MissingPackageError
from edge.system.memory import return_what_is_freed
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
        from edge.web.server import serve
    except ImportError as error:
        raise MissingPackageError(
            f"the web needs {error.name}: pip install 'birdlisten[web]'"
        ) from error
    return_what_is_freed()
    given = {name: value for name, value in vars(request).items() if value is not None}
    desk = AdditionDesk(settings.station_path, settings.bundle_path)
    names_of(settings)  # an unknown language is refused now, not with the first page
    file = origin.file() if origin else None
    watch = SteadyWatch(file) if file else None
    while True:
        config = WebConfig(**given, language=settings.language)
        app = create_app(settings.station_path, settings.bundle_path, config, desk)
        if not serve(app, config, watch):
            return 0
        settings = _reread(settings, origin)


def _reread(settings: Settings, origin: SettingsOrigin | None) -> Settings:
    """The settings as they are now; those before, if these can't be used."""
    barrier = FaultBarrier(_LOG, "web", "going on with the settings before", logging.ERROR)
    with barrier:
        new = origin.read() if origin else settings
        names_of(new)
        return new
    return settings
