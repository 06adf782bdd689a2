"""`birdlisten demo`: a bundle's own dawn chorus through the same pipeline, with its truth."""

import logging
import sys
from dataclasses import replace
from pathlib import Path

from edge.analysis.analyst import Analyst
from edge.analysis.recording_file import RecordingFile
from edge.command.opening import keep_none, open_listener, open_recognizer
from edge.command.picture_show import drawer, picture_files
from edge.config import DEMO_BUNDLE, PACKAGED_BUNDLE, Settings
from edge.contract.bundle import load_bundle
from edge.contract.errors import BundleError
from edge.contract.tables import read_table
from edge.records.detection import Detection, Record
from edge.records.sink import RecordSink
from edge.system.outlet import Outlet

_LOG = logging.getLogger(__name__)


def demo(settings: Settings) -> int:
    """Listen to chorus.flac and, if chorus.csv is there, say who was found.

    Plays the aviary unless another bundle is chosen: the packaged one has no chorus.
    """
    if settings.bundle == str(PACKAGED_BUNDLE):
        settings = replace(settings, bundle=str(DEMO_BUNDLE), language=None)
    chorus = _chorus(settings.bundle_path)
    recognizer = open_recognizer(settings)
    _LOG.info("A dawn chorus of the %s:", recognizer.bundle.manifest.name)
    listener = open_listener(settings, recognizer)
    found: set[str] = set()

    with Outlet(sys.stdout, patient=True) as outlet:
        sink = RecordSink(
            keep_none,
            outlet.write,
            as_json=settings.json,
            files=picture_files(settings),
            draw=drawer(settings),
        )

        def show(record: Record) -> None:
            if isinstance(record, Detection):
                found.add(record.scientific_name)
                sink([record])

        analyst = Analyst(settings, listener)
        fault = analyst.analyse(RecordingFile(chorus, str(chorus), None, None), show).fault
    _LOG.info("%s", listener.tally)
    _compare(chorus.with_suffix(".csv"), found)
    if fault:
        _LOG.error("%s", fault)
    return 1 if fault else 0


def _chorus(bundle: Path) -> Path:
    chorus = bundle / "chorus.flac"
    if not chorus.is_file():
        load_bundle(bundle)
        raise BundleError(f"{bundle}: has no chorus.flac to play; try --bundle {DEMO_BUNDLE}")
    return chorus


def _compare(truth: Path, found: set[str]) -> None:
    if not truth.is_file():
        return
    singing = {row["scientific_name"] for row in read_table(truth, ("scientific_name",))}
    _LOG.info("%d of %d singers found", len(found & singing), len(singing))
    for name, species in (("missed", singing - found), ("not singing", found - singing)):
        if species:
            _LOG.info("%s: %s", name, ", ".join(sorted(species)))
