"""Commands refuse data that they can't use before a model, or torch, is loaded."""

import subprocess
import sys

import pytest

from tests.support import ROOT

CODE = """
import sys
sys.modules.update(dict.fromkeys(("torch", "transformers", "open_clip", "onnx")))
from {command} import main
sys.exit(main({arguments}))
"""
BIRDS = "needs recordings of birds in split"


@pytest.mark.parametrize(
    ("command", "arguments", "told"),
    [
        (
            "gallery.build",
            ["BUNDLE", "--pictures", "folders:SOUNDS"],
            "no pictures here; it has audio",
        ),
        ("gallery.build", ["BUNDLE", "--pictures", "folders:NOWHERE"], "NOWHERE: no such folder"),
        (
            "gallery.build",
            ["BUNDLE", "--pictures", "folders:PICTURES", "--split", "test"],
            "no pictures in split 'test' here; it has image: 1 in train",
        ),
        (
            "gallery.calibrate",
            ["BUNDLE", "--recordings", "folders:PICTURES"],
            f"calibration {BIRDS} validation; it has image: 1 in train",
        ),
        (
            "gallery.calibrate",
            ["BUNDLE", "--recordings", "folders:SOUNDS", "--split", "train"],
            "calibration needs background (recordings without a bird) in split validation",
        ),
        (
            "export.onnx",
            ["--checkpoint", "NOWHERE", "--recordings", "folders:PICTURES"],
            f"{BIRDS} validation or train; it has image",
        ),
        (
            "export.parity",
            ["BUNDLE", "--recordings", "folders:SOUNDS"],
            f"{BIRDS} test; it has audio: 1 in train",
        ),
        ("export.parity", ["BUNDLE", "--recordings", "ssw6:SOUNDS"], "did you mean 'ssw60'?"),
    ],
)
def test_what_a_command_cannot_use_is_refused_at_once(
    bundle_copy, tmp_path, command, arguments, told
):
    for folder, name in (("PICTURES", "a.jpg"), ("SOUNDS", "a.wav")):
        (tmp_path / folder / "Parus_major").mkdir(parents=True)
        (tmp_path / folder / "Parus_major" / name).write_bytes(b"opened by nobody")
    known = {name: str(tmp_path / name) for name in ("PICTURES", "SOUNDS", "NOWHERE")}
    for name, path in {**known, "BUNDLE": str(bundle_copy.path)}.items():
        arguments = [argument.replace(name, path) for argument in arguments]
    code = CODE.format(command=command, arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert told.replace("NOWHERE", known["NOWHERE"]) in done.stderr
    assert len(done.stderr.splitlines()) == 1
