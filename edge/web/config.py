"""Settings of the web server: where it listens, and whom it lets in."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from edge.contract.errors import ConfigError
from edge.system.address import is_loopback

LOCAL = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class WebConfig:
    """Address, names and limits of the web server.

    Raises:
        ConfigError: the public URL is none.
    """

    host: str = LOCAL
    port: int = 8080
    """0: one that is free."""
    public_url: str | None = None
    """As others reach it, through a proxy: `https://birds.example.org/garden`."""
    guests: bool = False
    """Whoever has no token may look."""
    names: tuple[str, ...] = ()
    """Further names that it is reached by."""
    language: str | None = None
    """Of the species' names; None: as they were kept."""
    proxies: tuple[str, ...] = (LOCAL, "::1")
    """Addresses of proxies, whose word about the client counts."""
    streams: int = 32
    """Connections for events at a time."""
    requests_per_s: float = 50.0
    """Of one address, on average."""
    burst: int = 500
    """Requests of one address at once."""
    heartbeat_s: float = 15.0
    poll_s: float = 0.5
    """Between two looks for new records, while somebody waits for them."""

    def __post_init__(self) -> None:
        if self.public_url is not None:
            parts = urlsplit(self.public_url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ConfigError(
                    f"public-url: {self.public_url!r}, expected such as https://example.org/birds"
                )

    @property
    def is_private(self) -> bool:
        """Only this machine reaches it: nobody needs a token."""
        return self.public_url is None and is_loopback(self.host)

    @property
    def prefix(self) -> str:
        """Path of the public URL, without a slash at its end."""
        return urlsplit(self.public_url or "").path.rstrip("/")
