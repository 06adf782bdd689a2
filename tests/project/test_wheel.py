import os
import subprocess
import sys
import venv
import zipfile

import pytest

from tests.support import ROOT

DEMO = """
import runpy, sys
sys.argv = ["birdlisten", "demo", "--json"]
try:
    runpy.run_module("edge", run_name="__main__")
except SystemExit as end:
    assert end.code == 0, end.code
heavy = {"torch", "transformers", "open_clip", "onnx", "PIL", "scipy", "librosa"}
sys.exit(f"imported: {heavy & set(sys.modules)}" if heavy & set(sys.modules) else 0)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_listener_its_bundles_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"edge"}
    assert "edge/bundles/aviary/manifest.json" in names
    assert "edge/bundles/aviary/chorus.flac" in names
    assert "edge/bundles/starter/manifest.json" in names
    assert "edge/contract/README.md" in names
    assert {"edge/web/openapi.yaml", "edge/web/static/robots.txt"} <= set(names)
    assert any(name.endswith(("licenses/LICENSE", "licenses/NOTICE")) for name in names)


def test_neither_onnxruntime_is_in_the_base_install(wheel):
    archive = zipfile.ZipFile(wheel)
    metadata = next(name for name in archive.namelist() if name.endswith("METADATA"))
    needs = [
        line.removeprefix("Requires-Dist: ")
        for line in archive.read(metadata).decode().splitlines()
        if line.startswith("Requires-Dist: ")
    ]
    base = {need.split(">")[0] for need in needs if "extra ==" not in need}
    assert base == {"astral", "numpy", "pyyaml", "sounddevice", "soundfile", "soxr"}


@pytest.fixture(scope="module")
def clean_python(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", f"{wheel}[cpu]"]
    subprocess.run(install, check=True, timeout=600, env=_bare_environment())
    return python


def test_installed_in_a_clean_venv_it_plays_the_demo_from_the_root(clean_python):
    done = subprocess.run(
        [clean_python, "-c", DEMO],
        cwd="/",
        env=_bare_environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"scientific_name"') >= 5
    assert "singers found" in done.stderr


def test_without_onnxruntime_the_error_names_the_pip_command(clean_python):
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from edge.cli import main; sys.exit(main(['demo']))"
    )
    done = subprocess.run(
        [clean_python, "-c", code], cwd="/", capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "pip install onnxruntime" in done.stderr
    assert "Traceback" not in done.stderr


def _bare_environment():
    ours = ("PYTHONPATH", "BIRDLISTEN_")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)}
