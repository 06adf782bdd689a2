"""The frozen image-text model in whose space everything meets: any open_clip model."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError

from edge.contract.arrays import Embeddings
from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species
from gallery.known import KNOWN, LOCAL, check_folder, check_known
from gallery.records import P, read_pictures
from gallery.templates import TEMPLATES, sentence

_LOG = logging.getLogger(__name__)
_BATCH = 64
_WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
_REPLAY = {"visual.continual_proj"}
"""Of LAION pictures that BioCLIP-2's training replays; open_clip has no place for it."""


@dataclass(frozen=True)
class Teacher:
    """An open_clip model, frozen, with its own preprocessing."""

    name: str
    """open_clip's name: `hf-hub:imageomics/bioclip-2` or `local-dir:PATH`."""
    model: Any
    preprocess: Callable[[Image.Image], torch.Tensor]
    tokenize: Callable[[list[str]], torch.Tensor]
    space_id: str
    """sha256 over image and text weights and the preprocessing."""

    def embed_images(self, images: Iterable[Image.Image]) -> Embeddings:
        """Embed RGB pictures as they come: float32[n, dim], unit rows."""
        waiting, rows = iter(images), []
        with ThreadPoolExecutor() as pool:
            while chunk := list(islice(waiting, _BATCH)):
                rows.append(self.embed_batch(list(pool.map(self.prepare, chunk))))
        return np.concatenate(rows)

    def prepare(self, image: Image.Image) -> torch.Tensor:
        """A picture in RGB as the tower is fed it, float32[3, size, size]."""
        return self.preprocess(image)

    @torch.inference_mode()
    def embed_batch(self, planes: Sequence[torch.Tensor]) -> Embeddings:
        """Embed prepared pictures at once: float32[n, dim], unit rows."""
        with self._half():
            batch = torch.stack(list(planes)).to(self._device)
            rows: torch.Tensor = self.model.encode_image(batch, normalize=True).float().cpu()
        found: Embeddings = rows.numpy()
        return found

    def embed_pictures(self, records: Iterable[P]) -> tuple[list[P], Embeddings]:
        """Open and embed files: those that are readable, and their rows.

        Raises:
            DatasetError: not one is readable.
        """
        opened: list[P] = []

        def images() -> Iterator[Image.Image]:
            for record, image in read_pictures(records):
                opened.append(record)
                yield image

        rows = self.embed_images(images())
        return opened, rows

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed sentences: float32[n, dim], unit rows."""
        chunks = (self.tokenize(list(texts[n : n + _BATCH])) for n in range(0, len(texts), _BATCH))
        rows = [self.model.encode_text(chunk.to(self._device), normalize=True) for chunk in chunks]
        return torch.cat(rows).float().cpu().numpy()

    @property
    def _device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device

    @property
    def dim(self) -> int:
        """Dimension of the space."""
        size = self.model.visual.image_size
        height, width = size if isinstance(size, tuple) else (size, size)
        with torch.inference_mode():
            return int(self.model.encode_image(self._blank(height, width)).shape[1])

    @property
    def arithmetic(self) -> str:
        """Arithmetic of the pictures' rows here: `fp32`, or half of that on a GPU."""
        if self._device.type != "cuda":
            return "fp32"
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"

    def _blank(self, height: int, width: int) -> torch.Tensor:
        return torch.zeros(1, 3, height, width, device=self._device)

    def _half(self) -> torch.autocast:
        """Half precision for pictures, on a GPU: bfloat16, whose range no large tower leaves."""
        kind = torch.bfloat16 if self.arithmetic == "bf16" else torch.float16
        return torch.autocast("cuda", kind, enabled=self.arithmetic != "fp32")

    def anchors(self, species: Sequence[Species]) -> Embeddings:
        """Text anchors, float32[templates, species, dim] in the order of `TEMPLATES`."""
        return np.stack(
            [self.embed_texts([sentence(name, bird) for bird in species]) for name in TEMPLATES]
        )


def load_teacher(name: str) -> Teacher:
    """Load an open_clip model and freeze it.

    Args:
        name: `hf-hub:...`, or `local-dir:PATH` of a folder with open_clip_config.json.

    Raises:
        DatasetError: the folder isn't there, or isn't an open_clip model.
    """
    import open_clip

    import gallery.towers  # noqa: F401

    check_folder(name)
    try:
        model, preprocess = _create(name)
        tokenizer = open_clip.get_tokenizer(name)
    except (OSError, RuntimeError, ValueError, KeyError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise DatasetError(f"{name}: not an open_clip model ({reason})") from error
    if name in KNOWN:
        check_known(name, facts(model))
    model.eval().requires_grad_(False)
    space = space_id(model)
    if torch.cuda.is_available():
        model.cuda()
    return Teacher(
        name=name, model=model, preprocess=preprocess, tokenize=tokenizer, space_id=space
    )


def mean_anchors(anchors: Embeddings) -> Embeddings:
    """Average anchors over the templates: [templates, species, dim] -> [species, dim], unit."""
    mean = anchors.mean(axis=0)
    unit: Embeddings = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return unit


def space_id(model: Any) -> str:
    """sha256 over a model's weights (sorted by name) and its image preprocessing."""
    digest = hashlib.sha256(repr(sorted(vars(_preprocess_config(model)).items())).encode())
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name} {weight.dtype} {list(weight.shape)}".encode())
        digest.update(weight.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _preprocess_config(model: Any) -> Any:
    from open_clip.transform import PreprocessCfg

    return PreprocessCfg(**model.visual.preprocess_cfg)


def _create(name: str) -> tuple[Any, Callable[[Image.Image], torch.Tensor]]:
    import open_clip

    folder = name.removeprefix(LOCAL)
    if folder == name:
        # Without `require_pretrained` missing weights are drawn at random, with a mere warning.
        model, _, preprocess = open_clip.create_model_and_transforms(name, require_pretrained=True)
    else:
        with _unalarmed():
            model, _, preprocess = open_clip.create_model_and_transforms(name, load_weights=False)
        _load_folder(model, Path(folder))
    return model, preprocess


@contextmanager
def _unalarmed() -> Iterator[None]:
    """open_clip warns that the weights are random, which they are for a moment."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _load_folder(model: Any, folder: Path) -> None:
    """Load weights strictly, but for the projector of the replayed pictures."""
    from open_clip.factory import load_checkpoint

    files = [file for name in _WEIGHTS if (file := folder / name).is_file()]
    if not files:
        raise FileNotFoundError(f"expected {' or '.join(_WEIGHTS)}")
    keys = load_checkpoint(model, str(files[0]), strict=False)
    strange = set(keys.unexpected_keys) - _REPLAY
    if keys.missing_keys or strange:
        raise KeyError(f"missing {keys.missing_keys[:3]}, unexpected {sorted(strange)[:3]}")


def facts(model: Any) -> dict[str, Any]:
    """Facts that a known open_clip model is checked for."""
    config, side = _preprocess_config(model), model.visual.image_size
    size = side if isinstance(side, tuple) else (side, side)
    with torch.inference_mode():
        dim = model.encode_image(torch.zeros(1, 3, *size)).shape[1]
    return {
        "dim": dim,
        "size": size,
        "mean": tuple(config.mean),
        "std": tuple(config.std),
    }
