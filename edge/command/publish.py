"""`birdlisten publish`: a station's records told to brokers, web services and monitors."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edge.command.language import names_of
from edge.command.records import RecordsRequest, selection_of
from edge.command.stop import Stop, stopping
from edge.config import Settings
from edge.contract.errors import ConfigError
from edge.contract.tables import read_text
from edge.publish.broker import read_broker
from edge.publish.courier import Courier
from edge.publish.crew import Crew
from edge.publish.delivery import Receiver
from edge.publish.metrics import StationMetrics, serve
from edge.publish.mqtt import MqttPublisher
from edge.publish.notification import Notifications, Occasions
from edge.publish.post import read_url
from edge.publish.services import Service, read_services
from edge.publish.template import DEFAULT_BODY, DEFAULT_TITLE, Surroundings, check_template
from edge.publish.triggers import Rules, read_triggers
from edge.publish.webhook import Webhook
from edge.publish.weekly import read_weekly

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PublishRequest:
    """Records that are told again."""

    since: str | None = None
    """A date or a moment; local time unless it has an offset."""


def publish(settings: Settings, request: PublishRequest) -> int:
    """Tell what a station's listener writes, until a signal ends it.

    Raises:
        ConfigError: nobody to tell it to, a setting can't be used, or the bundle has no names in
            the language.
        MissingPackageError: the package that a receiver needs is not installed.
        KeyboardInterrupt: a Ctrl-C has ended it.
    """
    station, since_ms = settings.station_path, _since_ms(request)
    names, told = names_of(settings), receivers(settings)
    couriers = [Courier(station, receiver, since_ms, names) for receiver in told]
    shown = [courier.receiver.shown for courier in couriers]
    if settings.metrics is not None:
        by_species, ours = settings.metrics_species, version("birdlisten")
        serve(settings.metrics, StationMetrics(station, couriers, ours, by_species))
        shown.append(f"metrics at {settings.metrics}")
    if not shown:
        raise ConfigError("publish: to whom? name one: --mqtt, --webhook, --apprise or --metrics")
    with stopping() as stop:
        crew = Crew(couriers)
        crew.start()
        _LOG.info("%s: %s", station, ", ".join(shown))
        _wait(stop)
        crew.stop()
    if stop.interrupted:
        raise KeyboardInterrupt
    return 0


def receivers(settings: Settings) -> Iterator[Receiver[Any]]:
    """Those that the settings name.

    Raises:
        ConfigError: a setting can't be used.
        MissingPackageError: a package is not installed.
    """
    ours = version("birdlisten")
    if settings.mqtt is not None:
        broker = read_broker(
            settings.mqtt,
            settings.mqtt_password,
            ca=settings.mqtt_ca,
            name=settings.mqtt_name,
            cert=settings.mqtt_cert,
        )
        site = (settings.latitude, settings.longitude)
        yield MqttPublisher(broker, settings.mqtt_discovery, site, ours)
    if settings.webhook is not None:
        occasions = _occasions(settings, "webhook_when", settings.webhook_most)
        yield Notifications(Webhook(settings.webhook, ours), occasions)
    if settings.apprise is not None:
        occasions = _occasions(settings, "apprise_when", settings.apprise_most)
        for service in _services(settings, Path(settings.apprise)):
            yield Notifications(service, occasions)


def _occasions(settings: Settings, when: str, most: int) -> Occasions:
    rules = Rules(
        when=read_triggers(getattr(settings, when), when),
        rare_most=settings.rare_most,
        rare_days=settings.rare_days,
        back_days=settings.back_days,
    )
    return Occasions(rules=rules, weekly=read_weekly(settings.weekly), most=most)


def _services(settings: Settings, file: Path) -> Iterator[Service]:
    template = settings.apprise_body
    body = DEFAULT_BODY if template is None else read_text(Path(template))
    check_template(body, f"apprise_body: {template}")
    if settings.public_url is not None:
        read_url(settings.public_url, "public_url")
    around = Surroundings(
        public_url=settings.public_url or "",
        latitude=_text(settings.latitude),
        longitude=_text(settings.longitude),
        cutoff=_text(settings.threshold),
        sens=_text(settings.caution),
        overlap=_text(settings.hop),
    )
    return read_services(file, DEFAULT_TITLE, body, around)


def _text(number: float | None) -> str:
    return "" if number is None else f"{number:g}"


def _since_ms(request: PublishRequest) -> int | None:
    return selection_of(RecordsRequest(since=request.since)).since_ms


def _wait(stop: Stop) -> None:
    while True:
        stop.event.wait()
        if not stop.take_reload():
            return
        _LOG.warning("settings are read at the start; restart it for new ones")
