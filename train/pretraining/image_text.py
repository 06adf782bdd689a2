"""The small teacher: an open_clip model, trained from nothing on pictures and sentences."""

import json
from collections.abc import Mapping, Sequence
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
from train.distillation.losses import multi_positive
from train.engine.loop import LogScale, choose_device, fit, mixed_precision
from train.engine.schedule import LearningSchedule

TEXT_TOWER = {"context_length": 64, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
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
    augment = _augmentation(config.image_size)
    random = torch.Generator().manual_seed(config.seed)

    def loss() -> Tensor:
        chosen = torch.randint(len(pictures), (config.image_batch,), generator=random)
        template = int(torch.randint(len(tokens), (), generator=random))
        batch = torch.stack([augment(pictures[n]) for n in chosen]).to(device)
        with mixed_precision(device):
            images = model.encode_image(batch, normalize=True)
            texts = model.encode_text(tokens[template], normalize=True)
        return multi_positive(images.float(), texts.float(), labels[chosen].to(device), scale())

    schedule = LearningSchedule(config.image_steps, config.image_learning_rate)
    fit(
        [model, scale],
        loss=loss,
        schedule=schedule,
        title="image-text",
        log=output / "image_text.jsonl",
    )
    return save_open_clip(model.cpu(), model_config, output / "teacher")


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
    vision = {
        "image_size": config.image_size,
        "timm_model_name": "resnet10t",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "linear",
    }
    return {"embed_dim": config.dim, "vision_cfg": vision, "text_cfg": TEXT_TOWER}


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


def _augmentation(size: int) -> Any:
    return v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=(0.6, 1.0), ratio=(0.85, 1.18), antialias=True),
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
