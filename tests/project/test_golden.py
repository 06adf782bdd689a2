"""A golden run: what the chain says of known sound, held while its code is moved about.

A recording that is missing is written and the test fails once: look at it, then commit it.
Numbers are compared with a tolerance, because another processor rounds otherwise.
"""

import json
import math
from pathlib import Path

import pytest

from edge.config import DEMO_BUNDLE, PACKAGED_BUNDLE

GOLDEN = Path(__file__).parent / "golden"
CHORUS = DEMO_BUNDLE / "chorus.flac"
MASKED = ("id", "station", "time_zone", "clock_synchronised", "source", "provider", "bundle")
"""Fields of a record that differ from machine to machine."""

_RELATIVE = 5e-4
"""Of large numbers: after twenty steps a variance of thousands differs by a tenth."""
_WITHOUT_A_SAY = "key.bias"
"""It adds the same to every key's score, which the softmax takes out: rounding alone moves it."""


def check(name, said, tolerance):
    """Compare with what was said when the recording was made."""
    path = GOLDEN / f"{name}.json"
    if not path.is_file():
        path.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
        pytest.fail(f"{path} was not there and is written now: look at it, then commit it")
    differs = list(differences(json.loads(path.read_text(encoding="utf-8")), said, tolerance))
    assert differs == []


def differences(golden, said, tolerance, place=""):
    """Places at which two JSON values differ, numbers by more than the tolerance."""
    if isinstance(golden, float) and isinstance(said, float):
        if not math.isclose(golden, said, rel_tol=_RELATIVE, abs_tol=tolerance):
            yield f"{place}: {said} for {golden}"
    elif type(golden) is not type(said) or (
        isinstance(golden, dict | list) and len(golden) != len(said)
    ):
        yield f"{place}: {said!r} for {golden!r}"
    elif isinstance(golden, dict):
        for key, value in golden.items():
            yield from differences(value, said.get(key), tolerance, f"{place}.{key}")
    elif isinstance(golden, list):
        for number, (left, right) in enumerate(zip(golden, said, strict=True)):
            yield from differences(left, right, tolerance, f"{place}[{number}]")
    elif golden != said:
        yield f"{place}: {said!r} for {golden!r}"


def masked(records):
    """Records without what differs from machine to machine, places of their pictures included."""
    for picture in (picture for record in records for picture in record.get("pictures", ())):
        del picture["path"]
    return [
        {key: value for key, value in record.items() if key not in MASKED} for record in records
    ]


@pytest.mark.parametrize("bundle", [DEMO_BUNDLE, PACKAGED_BUNDLE], ids=["aviary", "starter"])
def test_the_chorus_is_identified_as_before(birdlisten, bundle):
    flags = ("--bundle", bundle, "--precision", "fp32", "--top", 9, "--json")
    ended = birdlisten("identify", CHORUS, *flags)
    check(f"identify-{bundle.name}", masked(ended.records()), 2e-3)


@pytest.mark.parametrize("bundle", [DEMO_BUNDLE, PACKAGED_BUNDLE], ids=["aviary", "starter"])
def test_the_chorus_is_listened_to_as_before(birdlisten, bundle, tmp_path):
    flags = ("--bundle", bundle, "--precision", "fp32", "--station", tmp_path, "--json")
    ended = birdlisten("listen", "--input", CHORUS, *flags, "--threshold", 0.3)
    summary = [line for line in ended.err.splitlines() if "windows heard" in line]
    check(f"listen-{bundle.name}", [*masked(ended.records()), *summary], 2e-3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*")
@pytest.mark.filterwarnings("ignore::FutureWarning:torch.*")
@pytest.mark.filterwarnings("ignore:.*is deprecated.*:FutureWarning:copyreg")
def test_a_tiny_distillation_and_its_export_come_out_as_before(world, tmp_path):
    pytest.importorskip("torch")
    from export.comparison import check_bundle
    from export.methods import Variants
    from export.onnx import export
    from export.recordings import read_recorded
    from gallery.build import build
    from gallery.teacher import load_teacher
    from train.distill import distill
    from train.model.checkpoint import META, load_checkpoint

    run = distill(world.distillation("golden", steps=20))
    weights = load_checkpoint(run).student.state_dict()
    check("checkpoint-keys", sorted(json.loads((run / META).read_text(encoding="utf-8"))), 0)
    norms = {
        key: float(value.float().norm())
        for key, value in weights.items()
        if not key.endswith(_WITHOUT_A_SAY)
    }
    check("distilled-norms", norms, 0.05)

    export(run, tmp_path / "bundle", Variants(["fp32", "fp16", "int8"]))
    build(tmp_path / "bundle", world.data, lambda: load_teacher(world.teacher))
    recorded = read_recorded(world.data, "test", 48_000)
    parities = check_bundle(tmp_path / "bundle", run, recorded)
    cosines = {
        precision: {"signals": parity.signals, "recordings": list(parity.recordings)}
        for precision, (parity, _) in parities.items()
    }
    check("exported-cosines", cosines, 5e-3)
