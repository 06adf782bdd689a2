"""`birdlisten doctor`: every check, with what to do; 1 if something is bad."""

import sys
from collections.abc import Iterator
from dataclasses import asdict

from edge.config import Settings
from edge.contract.text import json_line
from edge.doctor.finding import BAD, DOUBT, Finding
from edge.doctor.machine import (
    check_clock,
    check_cores,
    check_disk,
    check_heat,
    check_helpers,
    check_memory,
)
from edge.doctor.model import check_bundle, check_voice
from edge.doctor.sound import check_devices, check_permission, check_sound


def doctor(settings: Settings, seconds: float) -> int:
    """Check, and print each finding as it comes.

    Args:
        settings: of the run that is planned.
        seconds: to record for the level; 0 records nothing.
    """
    found = []
    for finding in _findings(settings, seconds):
        found.append(finding)
        if not settings.json:
            print(finding.to_text(sys.stdout.isatty()), flush=True)
    counts = {
        verdict: sum(finding.verdict == verdict for finding in found) for verdict in (BAD, DOUBT)
    }
    if settings.json:
        print(json_line([asdict(finding) for finding in found]))
    else:
        print(f"{counts[BAD]} bad, {counts[DOUBT]} doubtful, of {len(found)} checks")
    return 1 if counts[BAD] else 0


def _findings(settings: Settings, seconds: float) -> Iterator[Finding]:
    yield check_permission()
    yield check_devices(settings)
    if seconds:
        yield from check_sound(settings, seconds)
    yield from check_bundle(settings)
    yield check_voice(settings)
    yield check_disk(settings)
    yield check_clock()
    yield check_heat()
    yield check_memory()
    yield check_cores()
    yield check_helpers()
