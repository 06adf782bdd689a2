"""What the listener does not need: proven by taking it away."""

import subprocess
import sys

from tests.support import ROOT

ABSENT = (
    *("torch", "torchaudio", "torchvision", "transformers", "open_clip"),
    *("onnx", "timm", "PIL", "scipy", "librosa"),
)
IMPORT_ALL = f"""
import importlib, pkgutil, sys
for name in {ABSENT}:
    sys.modules[name] = None
import edge
for module in pkgutil.walk_packages(edge.__path__, "edge."):
    if module.name != "edge.__main__":
        importlib.import_module(module.name)
        print(module.name)
"""
IMPORT_CAPTURE = """
import sys
import edge.source.capture, edge.source.pcm
print(sorted({"numpy", "onnxruntime", "soundfile"} & sys.modules.keys()))
"""
IMPORT_PAGE = """
import sys
import edge.command.web, edge.web.app, edge.web.server
print(sorted({"edge.pipeline.effect", "onnxruntime", "segno", "PIL"} & sys.modules.keys()))
"""
IMPORT_RECORDS = """
import sys
import edge.cli, edge.command.records, edge.command.today
print(sorted({"numpy", "onnxruntime", "soundfile", "yaml"} & sys.modules.keys()))
"""


def run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_imports_without_the_training_packages() -> None:
    expected = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "edge").rglob("*.py")
        if path.stem not in ("__init__", "__main__")
    }
    assert expected <= set(run(IMPORT_ALL).split())


def test_the_capture_child_needs_neither_numpy_nor_onnxruntime() -> None:
    assert run(IMPORT_CAPTURE).strip() == "[]"


def test_a_page_that_is_only_looked_at_needs_no_pipeline() -> None:
    assert run(IMPORT_PAGE).strip() == "[]"


def test_who_only_looks_back_does_not_wait_for_numpy() -> None:
    assert run(IMPORT_RECORDS).strip() == "[]"
