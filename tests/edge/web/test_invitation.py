"""A phone finds the page by its camera."""

import io
import socket

import pytest

pytest.importorskip("segno")

from edge.web.config import WebConfig
from edge.web.invitation import invite


def drawn(config: WebConfig) -> list[str]:
    terminal = io.StringIO()
    invite(config, 8080, terminal)
    return terminal.getvalue().splitlines()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_what_only_this_machine_reaches_is_no_invitation(host: str) -> None:
    assert drawn(WebConfig(host=host)) == []


@pytest.mark.parametrize(
    ("config", "address"),
    [
        (WebConfig(host="192.168.1.7"), "http://192.168.1.7:8080/"),
        (WebConfig(host="fd00::7"), "http://[fd00::7]:8080/"),
        (WebConfig(public_url="https://x.org/birds"), "https://x.org/birds"),
    ],
)
def test_the_address_is_drawn_and_written(config: WebConfig, address: str) -> None:
    *code, told = drawn(config)
    assert told == address
    assert 10 < len(code) < 30, "it fits a terminal"
    assert len({len(line) for line in code}) == 1, "it is square"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_everywhere_is_named_by_an_address_of_this_machine(host: str) -> None:
    told = drawn(WebConfig(host=host))[-1]
    assert "0.0.0.0" not in told
    assert "[::]" not in told
    assert told.endswith(":8080/")


def test_a_machine_without_a_network_goes_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(self: socket.socket, address: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", nowhere)
    assert drawn(WebConfig(host="0.0.0.0"))[-1] == f"http://{socket.gethostname()}:8080/"
