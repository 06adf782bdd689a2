"""`birdlisten identify` and `train.evaluate` rank species alike, file by file."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from edge.cli import main as birdlisten  # noqa: E402
from edge.config import PACKAGED_BUNDLE  # noqa: E402
from edge.contract.bundle import load_bundle, npy_bytes, write_bundle  # noqa: E402
from edge.source.framing import frame_waveform  # noqa: E402
from edge.source.recording import read_recording  # noqa: E402
from export.methods import Variants  # noqa: E402
from export.onnx import export  # noqa: E402
from gallery.build import build  # noqa: E402
from gallery.data.dataset import Item, read_dataset  # noqa: E402
from gallery.teacher import load_teacher  # noqa: E402
from tests.support import ROOT  # noqa: E402
from train.distill import distill  # noqa: E402
from train.measure.recordings import embed, load_recordings  # noqa: E402
from train.measure.retrieval import LabelledEmbeddings, PooledEmbeddings, species_scores  # noqa: E402
from train.model.checkpoint import load_checkpoint  # noqa: E402
from train.model.student import embed_log_mels  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:torch.*"),
    pytest.mark.filterwarnings("ignore:.*is deprecated.*:FutureWarning:copyreg"),
]
STUDENT, REAL = ROOT / "runs" / "starter" / "student", ROOT / "data" / "birds"


@pytest.fixture(scope="module")
def run(world, computed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.distill.CACHE", computed)
        return distill(world.distillation("parity", steps=20))


@pytest.mark.parametrize("standardised", [False, True])
def test_a_bundle_ranks_as_its_checkpoint_is_evaluated(world, run, tmp_path, capsys, standardised):
    checkpoint, dataset = load_checkpoint(run), read_dataset(world.data)
    export(run, tmp_path / "bundle", Variants(["fp32"]))
    build(tmp_path / "bundle", world.data, lambda: load_teacher(world.teacher))
    background = load_recordings(
        dataset.select("audio", "train", ("",)), checkpoint.input_spec, tmp_path
    )
    bank = embed_log_mels(checkpoint.student, background.log_mels).numpy() if standardised else None
    bundle = load_bundle(tmp_path / "bundle")
    if bank is not None:
        contents = {"background.fp32": npy_bytes(bank.astype(np.float16))}
        write_bundle(tmp_path / "bundle", bundle.manifest, contents)

    recordings = load_recordings(
        dataset.select("audio", "test", dataset.taxonomy.ids), checkpoint.input_spec, tmp_path
    )
    windows = embed_log_mels(checkpoint.student, recordings.log_mels).numpy()
    pictures = LabelledEmbeddings(
        bundle.gallery.rows.astype(np.float32),
        np.array([one.species_id for one in bundle.gallery.table]),
    )
    embedded = PooledEmbeddings(windows, recordings.recording)
    expected = species_scores(embedded, pictures, dataset.taxonomy.ids, bank)

    files = [str(item.path) for item in recordings.items]
    arguments = ["identify", *files, "--bundle", str(tmp_path / "bundle"), "--top", "9", "--json"]
    assert birdlisten([*arguments, "--precision", "fp32"]) == 0
    check_ranks(capsys.readouterr().out, expected, 0.02 if standardised else 2e-3)


def check_ranks(said: str, expected: LabelledEmbeddings, tolerance: float) -> None:
    """The same score for every species, so the same ranks but for ties."""
    records = [json.loads(line) for line in said.splitlines()]
    for record, scores in zip(records, expected.rows.T, strict=True):
        places = {one["species_id"]: one["score"] for one in record["top"]}
        found = [places[one] for one in expected.species.tolist()]
        assert np.allclose(found, scores, atol=tolerance)
        best = expected.species[scores.argmax()]
        tied = np.ptp(np.sort(scores)[-2:]) < tolerance
        assert record["top"][0]["species_id"] == best or tied


def test_the_starter_ranks_as_its_checkpoint_is_evaluated(tmp_path, capsys):
    """Where the archive of real birds and the starter's own training are."""
    if not STUDENT.is_dir() or not (REAL / "manifest.csv").is_file():
        pytest.skip("neither the archive nor the starter's checkpoint is here")
    checkpoint, dataset = load_checkpoint(STUDENT), read_dataset(REAL)
    bundle = load_bundle(PACKAGED_BUNDLE)
    core = bundle.species_ids("core")
    recordings = load_recordings(
        dataset.select("audio", "train", core)[::5], checkpoint.input_spec, tmp_path
    )

    def methods(log_mels: torch.Tensor) -> dict[str, np.ndarray]:
        return {"distilled": embed_log_mels(checkpoint.student, log_mels).numpy()}

    embedded, _ = embed(recordings, None, methods)["distilled"]
    bank = bundle.background("fp32")
    assert bank is not None
    pictures = LabelledEmbeddings(
        bundle.gallery.rows.astype(np.float32),
        np.array([one.species_id for one in bundle.gallery.table]),
    )
    expected = species_scores(embedded, pictures, core, bank.astype(np.float32))
    files = [str(item.path) for item in recordings.items]
    arguments = ["identify", *files, "--bundle", str(PACKAGED_BUNDLE), "--top", "29", "--json"]
    assert birdlisten([*arguments, "--precision", "fp32"]) == 0
    check_ranks(capsys.readouterr().out, expected, 0.02)


def test_what_the_gate_skips_is_not_evaluated_unless_there_is_nothing_else(run, tmp_path):
    soundfile = pytest.importorskip("soundfile")
    checkpoint = load_checkpoint(run)
    noise = np.random.default_rng(0).normal(0, 0.1, 5 * 48_000)
    counts = []
    for name, waveform in (("half", np.append(noise, 0 * noise)), ("mute", 0 * noise)):
        soundfile.write(tmp_path / f"{name}.wav", waveform, 48_000)
        item = Item(tmp_path / f"{name}.wav", "audio", "", "test", "CC0", "nobody")
        counts.append(len(load_recordings([item], checkpoint.input_spec, tmp_path).recording))
    whole = len(list(frame_waveform(np.append(noise, 0 * noise), 48_000, checkpoint.audio)))
    mute = len(list(frame_waveform(0 * noise, 48_000, checkpoint.audio)))
    assert counts[0] < whole
    assert counts[1] == mute


def test_windows_are_cut_as_the_listener_cuts_them(world, run, tmp_path):
    checkpoint = load_checkpoint(run)
    items = read_dataset(world.data).select("audio", "test", ("parus_major",))
    recordings = load_recordings(items, checkpoint.input_spec, tmp_path)
    cut = [
        len(list(frame_waveform(*read_recording(item.path), checkpoint.audio))) for item in items
    ]
    assert np.bincount(recordings.recording).tolist() == cut
