"""The setting that `birdlisten bench` found best on this board: bench.json in the station."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.contract.atomic import write_atomic
from edge.recognition.runtime import runtime_version
from edge.system.machine import processor

FILE_NAME = "bench.json"


@dataclass(frozen=True)
class BenchChoice:
    """Choice of the bench: precision and threads of `auto` here, for one encoder."""

    precision: str
    threads: int


def machine() -> str:
    """Key of a choice: another board, or another onnxruntime, is measured anew."""
    return f"{processor()}, {os.cpu_count()} cores, onnxruntime {runtime_version()}"


def read_choice(station: Path, model_id: str) -> BenchChoice | None:
    """The choice for an encoder on this machine; None if it was never measured."""
    found = _read(station / FILE_NAME).get(machine(), {})
    try:
        return BenchChoice(**found[model_id])
    except (KeyError, TypeError):
        return None


def write_choice(station: Path, model_id: str, choice: BenchChoice) -> Path:
    """Keep a choice beside those for other encoders and machines."""
    file = station / FILE_NAME
    known = _read(file)
    known[machine()] = {**known.get(machine(), {}), model_id: asdict(choice)}
    station.mkdir(parents=True, exist_ok=True)
    write_atomic(file, (json.dumps(known, indent=2) + "\n").encode())
    return file


def _read(file: Path) -> dict[str, Any]:
    """Empty if there is none, or a damaged one: it only costs another `birdlisten bench`."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    sound = isinstance(content, dict) and all(isinstance(value, dict) for value in content.values())
    return content if sound else {}
