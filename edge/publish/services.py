"""Services that Apprise reaches (extra `notify`): each line of an apprise.txt by itself."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.contract.errors import ConfigError, MissingPackageError
from edge.contract.tables import read_lines
from edge.publish.delivery import Undelivered
from edge.publish.notification import News
from edge.publish.template import Surroundings, filled, values_of
from edge.publish.weekly import WeeklyReport

_PATIENCE_S = 86_400.0
"""A service says neither why it refuses nor whether it would again: after a day it goes on."""


class Service:
    """A service behind a URL of Apprise.

    Args:
        plugin: of Apprise, for that URL.
        title: template of a message's title.
        body: template of what it says.
        around: what the templates say beside the record.
    """

    patience_s = _PATIENCE_S

    def __init__(self, plugin: Any, title: str, body: str, around: Surroundings) -> None:
        self._plugin, self._title, self._body, self._around = plugin, title, body, around
        self.name = f"apprise-{hashlib.sha256(plugin.url().encode()).hexdigest()[:8]}"
        self.shown = f"{plugin.url(privacy=True).partition(':')[0]} ({self.name})"

    def send(self, news: News) -> None:
        """Let Apprise send it.

        Raises:
            Undelivered: the service has not taken it.
        """
        import apprise

        if isinstance(news, WeeklyReport):
            title, body = news.title, news.text
        else:
            values = values_of(news, self._around)
            title, body = filled(self._title, values), filled(self._body, values)
        way = apprise.Apprise()
        way.add(self._plugin)
        if not way.notify(title=title, body=body):
            raise Undelivered("the service has not taken it")


def read_services(file: Path, title: str, body: str, around: Surroundings) -> Iterator[Service]:
    """The services of an apprise.txt: a URL a line, also behind tags and `=`.

    Raises:
        MissingPackageError: Apprise is not installed.
        ConfigError: a line is none of a service, or there is none.
    """
    try:
        import apprise
    except ImportError as error:
        raise MissingPackageError(
            "apprise: needs apprise: pip install 'birdlisten[notify]' (or pip install apprise)"
        ) from error
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it tells whole URLs
    lines = [line for line in read_lines(file) if not line.startswith(";")]
    if not lines:
        raise ConfigError(f"{file}: expected URLs of services, a line each; it holds none")
    for number, line in enumerate(lines, 1):
        config = apprise.AppriseConfig()
        config.add_config(line, format="text")
        found = apprise.Apprise()
        found.add(config)
        plugins = list(found)
        if not plugins:
            raise ConfigError(f"{file}: URL {number} is none that Apprise knows; see its wiki")
        for plugin in plugins:
            yield Service(plugin, title, body, around)
