"""The teacher's text tower in a bundle, so that kept sound can be searched by any words.

python -m export.text_tower BUNDLE [--teacher NAME]

ONNX with FP16 weights, and CLIP's vocabulary beside it. Both are compared with open_clip before
they are written: the numbers of a text must be the same, and its row have a cosine of 0.9999.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from edge.command.parser import Parser
from edge.contract.bundle import write_bundle
from edge.contract.editing import editing
from edge.contract.errors import BundleError, DatasetError
from edge.contract.manifest import TEXT_ENCODER, TOKENIZER, Manifest, load_manifest
from edge.contract.taxonomy import Taxonomy
from edge.recognition.runtime import RuntimeOptions, open_session
from edge.recognition.tokenizer import Tokenizer
from export.graph import traced
from export.half import to_half_weights
from gallery.command import run
from gallery.teacher import Teacher, load_teacher
from gallery.templates import TEMPLATES, sentence

_LEAST_COSINE = 0.9999
_COMPARED = 200
"""Species whose sentences are compared."""
_DRAWN = (
    "a bird",
    "Two  \u201cfine\u201d caf\u00e9s &amp; a \ufb01nch's nest!",
    "",
    "x" * 400,
    "\U0001f426 \u5317\u4eac 12",
)
"""Texts that no species is called."""


class UnitTexts(nn.Module):
    """A text tower that gives unit rows."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        """int64[batch, length] -> float32[batch, dim]."""
        features: Tensor = self.model.encode_text(tokens)
        unit: Tensor = features / features.norm(dim=-1, keepdim=True)
        return unit


def add_text_tower(bundle: Path, teacher: Teacher) -> Manifest:
    """Write the text tower and its vocabulary into a bundle.

    Args:
        bundle: a finished one.
        teacher: of the bundle's space.

    Raises:
        BundleError: another space.
        DatasetError: another kind of tokenizer, or the graph is not the same tower.
    """
    manifest = load_manifest(bundle)
    if teacher.space_id != manifest.space_id:
        raise BundleError(
            f"{bundle}: its encoder hears in space {manifest.space_id:.12}, the teacher "
            f"{teacher.name} writes in {teacher.space_id:.12}; name the right one: --teacher"
        )
    vocabulary, texts = _vocabulary(teacher), _texts(bundle, manifest)
    fed = _fed(teacher, Tokenizer(vocabulary), texts)
    graph = to_half_weights(_graph(teacher, fed[:2]), spared=())
    least = _least_cosine(teacher, graph, fed)
    if not least >= _LEAST_COSINE:  # NaN is not, either
        raise DatasetError(
            f"the text tower's graph has a cosine of {least:.6f} with open_clip's on a text, "
            f"expected {_LEAST_COSINE}; nothing was written"
        )
    told = {"teacher": teacher.name, "least_cosine_on_texts": round(least, 6)}
    written = replace(manifest, provenance={**manifest.provenance, "text_tower": told})
    contents = {TEXT_ENCODER: graph.SerializeToString(), TOKENIZER: vocabulary}
    return write_bundle(bundle, written, contents)


def _vocabulary(teacher: Teacher) -> bytes:
    """The file that open_clip's own tokenizer was made of.

    Raises:
        DatasetError: the teacher has another one.
    """
    from open_clip.tokenizer import SimpleTokenizer, default_bpe

    if not isinstance(teacher.tokenize, SimpleTokenizer):
        raise DatasetError(
            f"{teacher.name}: has the tokenizer {type(teacher.tokenize).__name__}, and a recorder "
            "knows CLIP's (SimpleTokenizer) only"
        )
    return Path(default_bpe()).read_bytes()


def _fed(teacher: Teacher, tokenizer: Tokenizer, texts: Sequence[str]) -> Tensor:
    """Numbers of texts, int64[n, length], which both tokenizers agree on.

    Raises:
        DatasetError: they don't.
    """
    expected = teacher.tokenize(list(texts))
    found = torch.tensor([tokenizer.framed(text, expected.shape[1]) for text in texts])
    if strange := (found != expected).any(dim=1).nonzero().flatten().tolist():
        raise DatasetError(
            f"{teacher.name}: its tokenizer makes other numbers of {texts[strange[0]][:80]!r} "
            "than a recorder does; its text tower can't be used there"
        )
    return expected


def _texts(bundle: Path, manifest: Manifest) -> list[str]:
    """Sentences of species by turns of all templates, and texts that are none."""
    birds = Taxonomy.load(bundle / manifest.roles["taxonomy"].file).species
    chosen = birds[:: max(len(birds) // _COMPARED, 1)]
    names = list(TEMPLATES)
    return [*(sentence(names[n % len(names)], bird) for n, bird in enumerate(chosen)), *_DRAWN]


def _graph(teacher: Teacher, example: Tensor) -> onnx.ModelProto:
    return traced(UnitTexts(teacher.model).cpu(), example, "tokens")


@torch.inference_mode()
def _least_cosine(teacher: Teacher, graph: onnx.ModelProto, fed: Tensor) -> float:
    session = open_session(graph.SerializeToString(), RuntimeOptions("cpu", threads=0))
    found = session.run(None, {"tokens": fed.numpy()})[0]
    expected = teacher.model.encode_text(fed, normalize=True).float().numpy()
    return float(np.min((found * expected).sum(axis=1)))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m export.text_tower", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--teacher", help="default: the one the manifest names")
    args = parser.parse_args(argv)

    def command() -> None:
        teacher = load_teacher(args.teacher or load_manifest(args.bundle).teacher)
        with editing(args.bundle):
            written = add_text_tower(args.bundle, teacher)
        print(args.bundle / written.roles[TEXT_ENCODER].file)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
