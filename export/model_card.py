"""The model card of a distilled run: what it is, learned from, may be used for, and measured.

In the form of the Hugging Face hub (Mitchell et al. 2019, arXiv 1810.03993): YAML, then prose.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from edge.contract.bundle import Bundle
from edge.contract.errors import DatasetError
from gallery.known import LOCAL
from train.measure.methods import DISTILLED
from train.model.checkpoint import Checkpoint
from train.model.clap_layout import is_clap

EVALUATION = "evaluation.json"
_LICENCES = {
    *("apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0"),
    *("cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0"),
    *("cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0"),
    *("cc-by-nc-sa-4.0",),
}
"""That the hub has a name for."""
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_SYNTHETIC = """> **Synthetic aviary.** Trained on sounds and pictures that a program computes: it
> shows that the chain works, and will not recognise a real bird.

"""
_CARD = Template("""$front
# $name

${warning}An audio encoder that places sounds in the embedding space of an image-text model,
$teacher, so that a sound lies near the pictures of the bird that makes it. Made by birdlisten.

## Use

On a recorder, with the pictures (`bundle/`):

```sh
pip install 'birdlisten[cpu,hub]'
birdlisten --bundle hf:$repo --device 0
```

${transformers}By ONNX (`onnx/`): input `waveform`, float32[batch, $samples] at $rate Hz; output
`embedding`, float32[batch, $dim], rows of unit length. `taxonomy.csv` and `anchors.npy` hold the
species and their texts in the same space: cosines with these are zero-shot scores.

Training goes on with a copy of this repository: `python -m train.distill student=FOLDER`.

## Learned from

$origins

## Licences

$licences

## Measured

$figures
""")
_TRANSFORMERS = Template("""By transformers, the audio side (texts are embedded by the teacher):

```python
import torch
from transformers import ClapAudioModelWithProjection, ClapFeatureExtractor

model = ClapAudioModelWithProjection.from_pretrained("$repo").eval()
extractor = ClapFeatureExtractor.from_pretrained("$repo")
heard = extractor([waveform], sampling_rate=$rate, max_length=$samples, return_tensors="pt")
embedding = torch.nn.functional.normalize(model(heard.input_features.float()).audio_embeds, dim=-1)
```

""")


@dataclass(frozen=True)
class CardSubject:
    """Subject of a card."""

    run: Path
    checkpoint: Checkpoint
    bundle: Bundle
    repo: str
    """OWNER/NAME on the hub, or what stands for it."""


def model_card(subject: CardSubject) -> str:
    """README.md of the repository.

    Raises:
        DatasetError: the run's evaluation can't be read.
    """
    manifest, checkpoint = subject.bundle.manifest, subject.checkpoint
    report = _report(subject.run)
    audio = manifest.audio
    values = {
        "repo": subject.repo,
        "samples": audio.window_samples,
        "rate": audio.sample_rate_hz,
        "dim": manifest.embedding_dim,
    }
    return _CARD.substitute(
        values,
        front=_front(subject, report),
        name=manifest.name,
        warning=_SYNTHETIC if checkpoint.synthetic else "",
        teacher=_name(manifest.teacher),
        transformers=_TRANSFORMERS.substitute(values) if is_clap(checkpoint.student) else "",
        origins="\n".join(f"- {line}" for line in _origins(subject)),
        licences="\n".join(f"- {line}" for line in _licences(subject)),
        figures=_figures(subject.run, report),
    )


def _front(subject: CardSubject, report: Mapping[str, Any] | None) -> str:
    """YAML between two lines of dashes."""
    from huggingface_hub import ModelCardData

    manifest, checkpoint = subject.bundle.manifest, subject.checkpoint
    data = ModelCardData(
        **_hub_licence(manifest.licence),
        base_model=_hub_id(checkpoint.origin),
        datasets=_datasets(checkpoint),
        library_name="birdlisten",
        pipeline_tag="feature-extraction",
        tags=[
            *("audio", "bioacoustics", "birds", "onnx", "birdlisten"),
            *(["transformers", "clap"] if is_clap(checkpoint.student) else []),
            *(["synthetic-aviary"] if checkpoint.synthetic else []),
        ],
        model_name=manifest.name,
        eval_results=list(_results(report)) if report else None,
    )
    return f"---\n{data.to_yaml()}\n---\n"


def _hub_licence(licence: str) -> dict[str, Any]:
    known = licence.lower().replace(" ", "-")
    if known in _LICENCES:
        return {"license": known}
    name = re.sub(r"[^a-z0-9.]+", "-", licence.lower()).strip("-")[:80] or "unknown"
    return {"license": "other", "license_name": name, "license_link": "README.md"}


def _datasets(checkpoint: Checkpoint) -> list[str]:
    return list(
        dict.fromkeys([*(run["dataset"] for run in checkpoint.lineage), checkpoint.dataset])
    )


def _origins(subject: CardSubject) -> Iterator[str]:
    checkpoint, manifest = subject.checkpoint, subject.bundle.manifest
    yield f"student: {_name(checkpoint.origin)}"
    seen = "sounds paired with pictures" if checkpoint.learned_from_pairs else "its texts only"
    yield f"teacher: {_name(manifest.teacher)}, {seen}; space `{manifest.space_id[:12]}`"
    for run in checkpoint.lineage:
        yield f"before: {run['dataset']} (run `{run['model_id'][:12]}`)"
    species = len(checkpoint.taxonomy)
    yield f"recordings: {checkpoint.dataset}; it knows {species} species by name"
    yield f"heard in training, in these and before: {len(checkpoint.seen_species)} species"
    if learned := manifest.provenance.get("learned_from"):
        yield f"imitates: {', '.join(map(str, learned.values()))}"
    pictures = len(subject.bundle.gallery.table)
    yield f"pictures of the gallery: {pictures}, of {len(subject.bundle.gallery.members)} species"


def _licences(subject: CardSubject) -> Iterator[str]:
    yield f"this repository: {subject.bundle.manifest.licence}"
    yield f"recordings: {', '.join(subject.checkpoint.licences) or 'unknown'}"
    counted = Counter(row.licence or "unknown" for row in subject.bundle.gallery.table)
    told = ", ".join(f"{licence} ({count})" for licence, count in counted.most_common())
    yield f"pictures: {told}; author and source of each in `bundle/gallery.table-*.csv`"


def _figures(run: Path, report: Mapping[str, Any] | None) -> str:
    if report is None:
        return "Not yet: `python -m train.evaluate`."
    table = run / EVALUATION.replace(".json", ".md")
    title = f"{report.get('dataset', '')}, split {report.get('split', '')}:\n\n"
    return title + (table.read_text(encoding="utf-8").strip() if table.is_file() else "see YAML")


def _results(report: Mapping[str, Any]) -> Iterator[Any]:
    """Rows of the distilled student, a metric each, as the hub lists them."""
    from huggingface_hub import EvalResult

    rows = [row for row in report.get("rows", ()) if row.get("method") == DISTILLED]
    for row in rows:
        for metric, figure in row.items():
            if isinstance(figure, dict) and isinstance(figure.get("mean"), int | float):
                dataset = str(report.get("dataset", "unknown"))
                yield EvalResult(
                    task_type="feature-extraction",
                    task_name=f"{row['task']}, {row['species']} species",
                    dataset_type=dataset,
                    dataset_name=dataset,
                    dataset_split=str(report.get("split", "test")),
                    metric_type=metric,
                    metric_name=f"{metric} ({row['task']}, {row['species']})",
                    metric_value=round(float(figure["mean"]), 4),
                )


def _report(run: Path) -> Mapping[str, Any] | None:
    file = run / EVALUATION
    if not file.is_file():
        return None
    try:
        report: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file}: not readable as JSON ({error}); evaluate again") from error
    return report


def _name(model: str) -> str:
    """A model's name on the hub; of a folder only its last part: paths are nobody's business."""
    if model.startswith("cnn:"):
        return model
    return _hub_id(model) or Path(model.removeprefix(LOCAL)).name


def _hub_id(model: str) -> str | None:
    known = model.removeprefix("hf-hub:")
    is_folder = known.startswith((LOCAL, "runs/", ".")) or Path(known).is_dir()
    return known if _HUB_ID.fullmatch(known) and not is_folder else None
