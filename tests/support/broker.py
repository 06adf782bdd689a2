"""A real MQTT broker, a subscriber that is never late, and a gate between broker and publisher."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

MOSQUITTO = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def until(true: Callable[[], object], within_s: float = 120.0) -> None:
    """Wait for something to come true."""
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


class Mosquitto:
    """A broker that is killed and started again on the same port.

    Args:
        folder: of its configuration and what it keeps.
        lines: more of the configuration.
    """

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        own = (f"listener {self.port} 127.0.0.1", "persistence false", "user root")
        anonymous = () if "allow_anonymous false" in lines else ("allow_anonymous true",)
        self._config.write_text("\n".join([*own, *anonymous, *lines]) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Mosquitto":
        command = [str(MOSQUITTO), "-c", str(self._config)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        until(self._answers)
        return self

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


class Gate:
    """Forwards connections to a port while it is open; shut, it refuses."""

    def __init__(self, port: int) -> None:
        self._target, self.is_open = port, False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        self.is_open = False
        for connection in self._sockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._sockets.clear()

    def close(self) -> None:
        self.shut()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
                if not self.is_open:
                    near.close()
                    continue
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:
                near.close()
                continue
            self._sockets += [near, far]
            for ends in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=ends, daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class Subscriber:
    """Everything that is published, in order; connected anew with `attach`."""

    def __init__(self, port: int, topic: str = "#") -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self._port, self._topic = port, topic
        self._client: Any = None

    def attach(self) -> "Subscriber":
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.detach()
        subscribed = threading.Event()
        client = Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        client.on_message = lambda _, data, message: self.messages.append(
            (message.topic, message.payload, message.retain)
        )
        client.on_connect = lambda client, *_: client.subscribe(self._topic, qos=1)
        client.on_subscribe = lambda *_: subscribed.set()
        client.connect("127.0.0.1", self._port)
        client.loop_start()
        assert subscribed.wait(10)
        self._client = client
        return self

    def detach(self) -> None:
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    def on(self, topic: str) -> list[bytes]:
        return [payload for name, payload, _ in self.messages if name == topic]

    def detections(self, topic: str = "birdnet") -> list[dict[str, Any]]:
        return [json.loads(payload) for payload in self.on(topic)]

    def ids(self, topic: str = "birdnet") -> list[str]:
        """In the order in which each came first."""
        return list(dict.fromkeys(found["id"] for found in self.detections(topic)))
