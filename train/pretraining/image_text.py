"""The small teacher: an open_clip model, trained from nothing on pictures and sentences."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torchvision.transforms import v2
from tqdm import tqdm

from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species
from gallery.data.dataset import Dataset, Item
from gallery.records import read_pictures
from gallery.templates import TEMPLATES, sentence
from train.config import PretrainConfig
from train.config.pretraining import HEAD_WIDTH
from train.distillation.losses import multi_positive
from train.engine.loop import LogScale, choose_device, fit, mixed_precision
from train.engine.schedule import LearningSchedule

TEXT_TOWER = {"context_length": 64, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
_CNN = {
    "timm_model_name": "resnet10t",
    "timm_model_pretrained": False,
    "timm_pool": "avg",
    "timm_proj": "linear",
}
_STATISTICS = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}


def pretrain_teacher(config: PretrainConfig, dataset: Dataset, output: Path) -> Path:
    """Train the image-text model on all species and save it as an open_clip folder.

    Returns:
        The folder: open_clip_config.json and open_clip_model.safetensors.

    Raises:
        DatasetError: there are no training pictures.
    """
    import open_clip

    device = choose_device(config.device)
    pictures, labels = _load_pictures(dataset, config.image_size)
    model_config = _model_config(config)
    model = open_clip.CLIP(**model_config).to(device).train()
    tokens = tokenize(dataset.taxonomy.species).to(device)
    scale = LogScale().to(device)
    augment = _augmentation(config)
    random = torch.Generator().manual_seed(config.seed)
    zoom = ZoomOut(pictures, config.image_zoom_out, random)

    def loss() -> Tensor:
        chosen = torch.randint(len(pictures), (config.image_batch,), generator=random)
        template = int(torch.randint(len(tokens), (), generator=random))
        batch = torch.stack([augment(pixels) for pixels in zoom(chosen)]).to(device)
        # A ViT this narrow takes half as long again in bfloat16 on a processor.
        with mixed_precision(device, depthwise=config.image_layers > 0):
            images = model.encode_image(batch, normalize=True)
            texts = model.encode_text(tokens[template], normalize=True)
        return multi_positive(images.float(), texts.float(), labels[chosen].to(device), scale())

    schedule = LearningSchedule(
        config.image_steps, config.image_learning_rate, config.image_weight_decay
    )
    fit(
        [model, scale],
        loss=loss,
        schedule=schedule,
        title="image-text",
        log=output / "image_text.jsonl",
    )
    return save_open_clip(model.cpu(), model_config, output / "teacher")


class ZoomOut:
    """Pictures laid into the blurred landscape of another, so that what they show is smaller.

    Args:
        pictures: uint8[3, height, width] each.
        most: times as wide as the picture that the landscape may be; 1 leaves them as they are.
        random: what places and sizes are drawn with.
    """

    def __init__(self, pictures: Sequence[Tensor], most: float, random: torch.Generator) -> None:
        self._pictures, self._most, self._random = pictures, most, random

    def __call__(self, chosen: Tensor) -> Iterator[Tensor]:
        """Pictures by their places: uint8[3, height, width], of the sizes that they had."""
        for place in chosen.tolist():
            pixels = self._pictures[place]
            yield self._laid(pixels) if self._most > 1 else pixels

    def _laid(self, pixels: Tensor) -> Tensor:
        other, size, left, top = torch.rand(4, generator=self._random).tolist()
        height, width = pixels.shape[1:]
        landscape = self._pictures[int(other * len(self._pictures))]
        blurred = v2.functional.resize(landscape, [4, 4], antialias=True)
        whole: Tensor = v2.functional.resize(blurred, [height, width])
        times = self._most**size
        small = v2.functional.resize(pixels, [round(height / times), round(width / times)])
        y, x = int(top * (height - small.shape[1])), int(left * (width - small.shape[2]))
        whole[:, y : y + small.shape[1], x : x + small.shape[2]] = small
        return whole


def save_open_clip(
    model: Any,
    model_config: dict[str, Any],
    folder: Path,
    statistics: Mapping[str, tuple[float, ...]] = _STATISTICS,
) -> Path:
    """Write a model as a folder that open_clip loads by `local-dir:`.

    Args:
        model: an open_clip CLIP.
        model_config: what it was made with.
        folder: made if it isn't there.
        statistics: `mean` and `std` of a picture's channels, on 0..1.
    """
    folder.mkdir(parents=True, exist_ok=True)
    preprocess = {**statistics, "interpolation": "bicubic", "resize_mode": "shortest"}
    content = {"model_cfg": model_config, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(content, indent=2), encoding="utf-8")
    weights = {name: weight.contiguous() for name, weight in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    return folder


def _model_config(config: PretrainConfig) -> dict[str, Any]:
    vision = {"image_size": config.image_size, **(_vit(config) if config.image_layers else _CNN)}
    return {"embed_dim": config.dim, "vision_cfg": vision, "text_cfg": text_tower(config)}


def text_tower(config: PretrainConfig) -> dict[str, int]:
    """Configuration of the teacher's text tower, as open_clip has it."""
    heads = config.text_width // HEAD_WIDTH
    return {**TEXT_TOWER, "width": config.text_width, "heads": heads, "layers": config.text_layers}


def _vit(config: PretrainConfig) -> dict[str, Any]:
    return {
        "layers": config.image_layers,
        "width": config.image_width,
        "head_width": HEAD_WIDTH,
        "patch_size": config.image_patch,
    }


def _load_pictures(dataset: Dataset, size: int) -> tuple[list[Tensor], Tensor]:
    items = dataset.select("image", "train", dataset.taxonomy.ids)
    if not items:
        raise DatasetError(f"{dataset.path}: holds no training pictures for the teacher")
    opened = read_pictures(tqdm(items, "pictures", disable=None))
    kept, pictures = zip(*((item, _pixels(image, size)) for item, image in opened), strict=True)
    return list(pictures), _labels(kept, dataset.taxonomy.ids)


def _labels(items: Sequence[Item], ids: Sequence[str]) -> Tensor:
    return torch.tensor([ids.index(item.species_id) for item in items])


def _pixels(image: Image.Image, size: int) -> Tensor:
    small = v2.functional.resize(image, [size * 5 // 4], antialias=True)
    pixels: Tensor = v2.functional.pil_to_tensor(small)
    return pixels


def _augmentation(config: PretrainConfig) -> Any:
    size, scale = config.image_size, (config.image_crop, 1.0)
    return v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=scale, ratio=(0.85, 1.18), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(brightness=0.3, contrast=0.2, saturation=0.2),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(**_STATISTICS),
        ]
    )


def tokenize(species: Sequence[Species]) -> Tensor:
    """Every sentence of every species: int64[templates, species, context]."""
    import open_clip

    tokens = open_clip.SimpleTokenizer(context_length=TEXT_TOWER["context_length"])
    return torch.stack([tokens([sentence(name, bird) for bird in species]) for name in TEMPLATES])
