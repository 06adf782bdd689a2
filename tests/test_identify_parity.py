"""`birdlisten identify` and `train.evaluate` rank species alike, file by file."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from edge.cli import main as birdlisten  # noqa: E402
from edge.contract.bundle import load_bundle, npy_bytes, write_bundle  # noqa: E402
from export.onnx import export  # noqa: E402
from gallery.build import build  # noqa: E402
from gallery.teacher import load_teacher  # noqa: E402
from train.checkpoint import load_checkpoint  # noqa: E402
from train.dataset import read_dataset  # noqa: E402
from train.distill import distill  # noqa: E402
from train.recordings import load_recordings  # noqa: E402
from train.retrieval import Heard, Labelled, species_scores  # noqa: E402
from train.student import embed_log_mels  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:torch.*"),
    pytest.mark.filterwarnings("ignore:.*is deprecated.*:FutureWarning:copyreg"),
]
STARTER = Path(__file__).parents[1] / "edge" / "bundles" / "starter"


@pytest.mark.parametrize("standardised", [False, True])
def test_a_bundle_ranks_as_its_checkpoint_is_evaluated(world, tmp_path, capsys, standardised):
    run = distill(world.distillation("parity", steps=20))
    checkpoint, dataset = load_checkpoint(run), read_dataset(world.data)
    export(run, tmp_path / "bundle", ["fp32"])
    build(tmp_path / "bundle", world.data, load_teacher(world.teacher))
    quiet = load_recordings(dataset.select("audio", "train", ("",)), checkpoint, tmp_path)
    bank = embed_log_mels(checkpoint.student, quiet.log_mels).numpy() if standardised else None
    bundle = load_bundle(tmp_path / "bundle")
    if bank is not None:
        contents = {"background.fp32": npy_bytes(bank.astype(np.float16))}
        write_bundle(tmp_path / "bundle", bundle.manifest, contents)

    recordings = load_recordings(
        dataset.select("audio", "test", dataset.taxonomy.ids), checkpoint, tmp_path
    )
    windows = embed_log_mels(checkpoint.student, recordings.log_mels).numpy()
    pictures = Labelled(
        bundle.gallery.rows.astype(np.float32),
        np.array([one.species_id for one in bundle.gallery.table]),
    )
    heard = Heard(windows, recordings.recording)
    expected = species_scores(heard, pictures, dataset.taxonomy.ids, bank)

    files = [str(one.path) for one in recordings.items]
    arguments = ["identify", *files, "--bundle", str(tmp_path / "bundle"), "--top", "9", "--json"]
    assert birdlisten([*arguments, "--precision", "fp32"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for record, scores in zip(said, expected.rows.T, strict=True):
        places = {one["species_id"]: one["score"] for one in record["top"]}
        found = [places[one] for one in expected.species.tolist()]
        assert np.allclose(found, scores, atol=0.02 if standardised else 2e-3)
        best = expected.species[scores.argmax()]
        assert record["top"][0]["species_id"] == best or np.ptp(np.sort(scores)[-2:]) < 0.02


def test_windows_are_cut_as_the_listener_cuts_them(world, tmp_path):
    from edge.framing import frame_waveform
    from edge.recording import read_recording

    checkpoint = load_checkpoint(distill(world.distillation("cut", steps=1)))
    items = read_dataset(world.data).select("audio", "test", ("parus_major",))
    recordings = load_recordings(items, checkpoint, tmp_path)
    cut = [len(list(frame_waveform(*read_recording(one.path), checkpoint.audio))) for one in items]
    assert np.bincount(recordings.recording).tolist() == cut
