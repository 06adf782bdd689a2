"""The unit file of systemd: how a station is run."""

from collections.abc import Sequence
from dataclasses import dataclass

NAME = "birdlisten.service"
_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("'", "\\'"), ("%", "%%"), ("$", "$$"))
_TEMPLATE = """\
[Unit]
Description=birdlisten hears birds and shows their pictures
After=sound.target network-online.target
Wants=network-online.target
# It is never given up on, however often it fails.
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
User={user}
SupplementaryGroups=audio
StateDirectory=birdlisten
WorkingDirectory={folder}
Restart=always
RestartSec=2
# Fed only while audio comes in and inference goes on.
WatchdogSec={watchdog_s}
# A slow card may take long to check a big database, or to write the last clips.
TimeoutStartSec=infinity
TimeoutStopSec=30
KillMode=mixed
Nice=5

NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
LockPersonality=yes
CapabilityBoundingSet=
SystemCallArchitectures=native
SystemCallFilter=@system-service
# The clock is asked whether it is synchronised.
SystemCallFilter=adjtimex clock_adjtime
SystemCallErrorNumber=EPERM
UMask=0022
{writable}
[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class UnitConfig:
    """Settings of a unit that differ from station to station."""

    command: Sequence[str]
    """The listener with its arguments."""
    user: str
    folder: str
    """What relative paths are seen from."""
    station: str | None = None
    """Where it writes, if not in systemd's state directory."""
    watchdog_s: int = 300


def unit_text(config: UnitConfig) -> str:
    """The whole unit file."""
    command = " ".join(_quoted(word) for word in config.command)
    writable = f"ReadWritePaths={_quoted(config.station)}\n" if config.station else ""
    return _TEMPLATE.format(
        command=command,
        user=config.user,
        folder=config.folder.replace("%", "%%"),
        watchdog_s=config.watchdog_s,
        writable=writable,
    )


def _quoted(argument: str) -> str:
    """As systemd reads a word: its own specifiers and variables doubled (systemd.service(5))."""
    escaped = argument
    for special, written in _ESCAPES:
        escaped = escaped.replace(special, written)
    return f'"{escaped}"' if not argument or any(map(str.isspace, argument)) else escaped
