"""A small disk of its own, for what happens when it is full."""

import shutil
import subprocess
from pathlib import Path


class SmallDisk:
    """A file system in memory.

    Args:
        path: where it is mounted.
        size: of it, in bytes.
    """

    def __init__(self, path: Path, size: int = 12_000_000) -> None:
        self.path, self.size = path, size
        self._filler = path / "filler"

    def mount(self) -> bool:
        """False where that may not be done."""
        self.path.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={self.size}", "birdlisten-test"]
        return not subprocess.run([*mount, str(self.path)], capture_output=True).returncode

    def unmount(self) -> None:
        """Also while files are open."""
        subprocess.run(["umount", "-l", str(self.path)], check=True)

    def protect(self) -> None:
        """Let nobody write any more, like a card with its lock set."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.path)], check=True)

    def grow(self, size: int) -> None:
        """Be a larger one, with nothing of ours on it."""
        self._filler.unlink(missing_ok=True)
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.path)], check=True)

    def leave(self, free: int) -> None:
        """Fill it until so many bytes are free, or empty it until they are."""
        self._filler.unlink(missing_ok=True)
        with self._filler.open("wb", buffering=0) as file:
            try:
                file.write(bytes(max(0, shutil.disk_usage(self.path).free - free)))
                while free < 4096:
                    file.write(bytes(4096))
            except OSError:
                pass
