"""The unit file of systemd: how a station is run."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge.service.announcement import FOLDER
from edge.service.announcement import NAME as ANNOUNCED

NAME = "birdlisten.service"
ENVIRONMENT_NAME = "birdlisten.env"
"""File beside the unit that holds what only root and the listener may know."""
STATE_DIRECTORY = "/var/lib/birdlisten"
"""Station that systemd makes where none is named."""
_PLAIN = re.compile(r"[\w@%+=:,./$-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\udc80-\udcff]")
"""Control characters, and bytes that are no UTF-8."""
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
{environment}Restart=always
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
    """The station: nothing else is seen from where it runs."""
    station: str | None = None
    """Where it writes, if not in systemd's state directory."""
    watchdog_s: int = 300
    environment: str | None = None
    """File of variables that are told to nobody else."""


def unit_text(config: UnitConfig) -> str:
    """The whole unit file."""
    program, *arguments = config.command
    # Variables are replaced in the arguments only (systemd.service(5)).
    command = [_quoted(program), *(_quoted(word.replace("$", "$$")) for word in arguments)]
    writable = f"ReadWritePaths={_quoted(config.station)}\n" if config.station else ""
    writable += f"# Where the page is announced, if it is.\nReadWritePaths=-{FOLDER / ANNOUNCED}\n"
    named = config.environment
    return _TEMPLATE.format(
        command=" ".join(command),
        user=config.user.replace("%", "%%"),
        folder=config.folder.replace("%", "%%"),
        environment=f"EnvironmentFile={named.replace('%', '%%')}\n" if named else "",
        watchdog_s=config.watchdog_s,
        writable=writable,
    )


def writable_folder(text: str) -> str | None:
    """The station that a unit names; None is systemd's state directory."""
    found = re.search(r'^ReadWritePaths="?(/.*?)"?$', text, re.MULTILINE)
    return re.sub(r"\\(.)", r"\1", found[1]).replace("%%", "%") if found else None


def environment_text(name: str, value: str) -> str:
    """A variable as EnvironmentFile has it (systemd.exec(5))."""
    escaped = re.sub(r'(["\\`$])', r"\\\1", value)
    return f'{name}="{escaped}"\n'


def is_representable(path: str) -> bool:
    """True if a unit can name a path: not all of its settings know quotes."""
    return not (_CONTROL.search(path) or path != path.strip() or path.endswith("\\"))


def _quoted(word: str) -> str:
    """As systemd reads a word: specifiers doubled, quotes and control characters escaped."""
    escaped = re.sub(r'([\\"])', r"\\\1", word.replace("%", "%%"))
    escaped = _CONTROL.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", escaped)
    return escaped if _PLAIN.fullmatch(word) else f'"{escaped}"'
