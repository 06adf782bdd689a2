"""`birdlisten web`: the station as a page, and as an API that other tools already speak."""

from dataclasses import dataclass

from edge.command.language import names_of
from edge.config import Settings
from edge.contract.errors import MissingPackageError
from edge.system.memory import return_what_is_freed


@dataclass(frozen=True, kw_only=True)
class WebRequest:
    """The web server that is wanted; None: as it is by default."""

    host: str | None = None
    port: int | None = None
    public_url: str | None = None
    guests: bool | None = None
    names: tuple[str, ...] | None = None
    proxies: tuple[str, ...] | None = None


def web(settings: Settings, request: WebRequest) -> int:
    """Serve the station until a signal ends it.

    Raises:
        MissingPackageError: the packages of the extra `web` are not installed.
        ConfigError: the public URL is none, or the bundle has no names in the language.
    """
    try:
        from edge.web.app import create_app
        from edge.web.config import WebConfig
        from edge.web.server import serve
    except ImportError as error:
        raise MissingPackageError(
            f"the web needs {error.name}: pip install 'birdlisten[web]'"
        ) from error
    given = {name: value for name, value in vars(request).items() if value is not None}
    names_of(settings)  # an unknown language is refused now, not with the first page
    return_what_is_freed()
    config = WebConfig(**given, language=settings.language)
    serve(create_app(settings.station_path, settings.bundle_path, config), config)
    return 0
