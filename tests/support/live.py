"""Live states of tests."""

import os
import time
from typing import Any

import numpy as np

from edge.records.live_state import Guess, HeardNow, LiveSpectrogram, LiveState, boot_id


def live_state(**change: Any) -> LiveState:
    spectrogram = LiveSpectrogram(
        columns=np.arange(12, dtype=np.uint8).reshape(4, 3),
        bands_hz=(500.0, 1000.0, 2000.0),
        column_s=0.05,
        first_column=40,
        ended_ms=1_790_000_000_000,
        floor_dbfs=-120.0,
        step_db=0.5,
    )
    values: dict[str, Any] = {
        "station": "field",
        "source": "pulse",
        "doing": "listening",
        "process": os.getpid(),
        "boot": boot_id(),
        "sequence": 7,
        "every_s": 0.5,
        "written_ms": 1_790_000_000_100,
        "written_ns": time.monotonic_ns(),
        "begun_ms": 1_780_000_000_000,
        "bundle": "aviary",
        "model_id": "a" * 64,
        "precision": "fp32",
        "provider": "CPUExecutionProvider",
        "calibrated": True,
        "windows": 120,
        "skipped": {"silence": 20, "noise": 3},
        "clipped": 1,
        "detections": 4,
        "species": 2,
        "silence": None,
        "best": Guess(
            species_id="erithacus_rubecula",
            scientific_name="Erithacus rubecula",
            common_name="European Robin",
            confidence=0.41,
        ),
        "heard": (
            HeardNow(
                species_id="cuculus_canorus",
                scientific_name="Cuculus canorus",
                common_name="Common Cuckoo",
                confidence=0.93,
                hits=1,
                hits_needed=2,
                since_ms=1_789_999_999_000,
            ),
        ),
        "window_ms": 1_789_999_999_900,
        "window_s": 2.5,
        "hop_s": 0.625,
        "level_dbfs": -41.5,
        "dropped_s": 0.0,
        "gaps": 0,
        "disk_free": 10**9,
        "clock_synchronised": True,
        "spectrogram": spectrogram,
    }
    return LiveState(**{**values, **change})
