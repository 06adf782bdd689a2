"""Connection to a broker (extra `mqtt`): what is sent over it is acknowledged, or it is no more."""

import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

from edge.contract.errors import ConfigError, MissingPackageError, in_words
from edge.publish.broker import Broker
from edge.publish.delivery import Undelivered
from edge.publish.discovery import Message

if TYPE_CHECKING:
    from paho.mqtt.client import Client

_KEEPALIVE_S = 30
_PATIENCE_S = 10.0
"""For an answer; a broker that gives none is asked anew over another connection."""
_LOOK_S = 0.2


def check_installed() -> None:
    """Check that there is a client.

    Raises:
        MissingPackageError: paho-mqtt is not installed.
    """
    try:
        import paho.mqtt.client  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            "mqtt: needs paho-mqtt: pip install 'birdlisten[mqtt]' (or pip install paho-mqtt)"
        ) from error


class MqttLink:
    """One connection. Of one that has ended nothing is used again: another is made.

    Args:
        broker: to connect to.
        will: what the broker says once the connection breaks.

    Raises:
        Undelivered: no broker is there, or it refuses.
        ConfigError: the certificates can't be used.
    """

    def __init__(self, broker: Broker, will: Message) -> None:
        self._shown = broker.shown
        self._answer = threading.Event()
        self._gone = threading.Event()
        self._refusal = ""
        self._client = self._made(broker, will)
        try:
            self._client.connect(broker.host, broker.port, _KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise Undelivered(in_words(error)) from error
        self._client.loop_start()
        if not self._answer.wait(_PATIENCE_S) or self._refusal or self._gone.is_set():
            self._client.loop_stop()
            raise Undelivered(self._refusal or "no answer to the sign-on")

    @property
    def is_alive(self) -> bool:
        """False once the connection has ended."""
        return not self._gone.is_set()

    def send(self, message: Message, patience_s: float = _PATIENCE_S) -> None:
        """Publish a message, and wait until the broker has it.

        Raises:
            Undelivered: it hasn't said so.
        """
        info = self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)
        until = time.monotonic() + patience_s
        try:
            while not info.is_published():
                if self._gone.is_set() or time.monotonic() > until:
                    raise Undelivered("the broker has not acknowledged")
                info.wait_for_publish(_LOOK_S)
        except (RuntimeError, ValueError) as error:
            if isinstance(error, Undelivered):
                raise
            raise Undelivered(str(error)) from error

    def close(self) -> None:
        """End the connection."""
        self._client.disconnect()
        self._client.loop_stop()

    def _made(self, broker: Broker, will: Message) -> "Client":
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        # The broker drops an older connection of the same id: then its will can't come late.
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"birdlisten-{broker.node}-{broker.topic}",
            clean_session=True,
            reconnect_on_failure=False,
        )
        client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.tls:
            client.tls_set_context(_context(broker))
        client.on_connect, client.on_disconnect = self._connected, self._ended
        client.on_connect_fail = self._failed
        return client

    def _connected(self, client: Any, data: Any, flags: Any, code: Any, properties: Any) -> None:
        if code.is_failure:
            self._refusal = f"the broker refuses: {code}"
        self._answer.set()

    def _ended(self, client: Any, data: Any, flags: Any, code: Any, properties: Any) -> None:
        self._gone.set()
        self._answer.set()

    def _failed(self, client: Any, data: Any) -> None:
        self._gone.set()
        self._answer.set()


def _context(broker: Broker) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=broker.ca)
    except (OSError, ValueError) as error:
        raise ConfigError(f"mqtt_ca: {broker.ca}: no certificates ({error})") from error
    try:
        if broker.cert is not None:
            # A key with a password would be asked for on the terminal.
            context.load_cert_chain(broker.cert, password=lambda: b"")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"mqtt_cert: {broker.cert}: expected a certificate and its key, without a password, "
            f"in one PEM file ({error})"
        ) from error
    return context
