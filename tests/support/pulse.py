"""A sound server of our own: a real capture path without hardware, for tests and benchmarks."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path


class Pulse:
    """A PulseAudio of our own with one null sink, `field`, whose monitor is the microphone."""

    def __init__(self) -> None:
        # A short path: a socket's may have 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="bl", dir="/tmp"))
        self.environment = {
            "XDG_RUNTIME_DIR": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder),
            "PULSE_RUNTIME_PATH": str(self.folder),
            "PULSE_SERVER": f"unix:{self.folder}/native",
            "PULSE_SOURCE": "field.monitor",
        }
        self._started: list[subprocess.Popen[bytes]] = []
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._daemon = self._spawn(
            *("pulseaudio", "-n", "--exit-idle-time=-1", "--daemonize=no"),
            *("-L", "module-native-protocol-unix"),
            *("-L", "module-null-sink sink_name=field rate=48000"),
        )
        deadline = time.monotonic() + 15
        while subprocess.run(["pactl", "info"], env=self._env(), capture_output=True).returncode:
            assert time.monotonic() < deadline, "PulseAudio did not start"
            time.sleep(0.1)

    def play(self, path: Path) -> "subprocess.Popen[bytes]":
        return self._spawn("paplay", "--device=field", str(path))

    def keep_awake(self) -> None:
        """Record beside: a null sink that rested takes two seconds to deliver its first block."""
        self._spawn("parec", "--device=field.monitor", "--latency-msec=50")

    def control(self, *arguments: str) -> None:
        subprocess.run(["pactl", *arguments], env=self._env(), check=True, capture_output=True)

    def unplug(self) -> None:
        self.control("unload-module", "module-null-sink")

    def plug_in(self) -> None:
        self.control("load-module", "module-null-sink", "sink_name=field", "rate=48000")

    def crash(self) -> None:
        """Kill the server; `start` begins another."""
        assert self._daemon
        self._daemon.kill()
        self._daemon.wait()
        for left in ("native", "pid"):
            (self.folder / left).unlink(missing_ok=True)

    def stop(self) -> None:
        for process in reversed(self._started):
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _env(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def _spawn(self, *command: str) -> "subprocess.Popen[bytes]":
        silent = subprocess.DEVNULL
        process = subprocess.Popen(command, env=self._env(), stdout=silent, stderr=silent)
        self._started.append(process)
        return process


def capture_children(parent: int) -> list[int]:
    """Process ids of the running capture children of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, owner = stat.read_text().rpartition(")")[2].split()[:2]
            command = stat.with_name("cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if state != "Z" and b"edge.source.capture" in command and (int(owner) == parent):
            found.append(int(stat.parent.name))
    return found
