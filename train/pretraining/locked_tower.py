"""The teacher over a ready-made image tower: projection and text tower learn, the tower does not.

LiT (Zhai et al. 2022, arXiv 2111.07991): a locked tower sees each picture once; training runs on
its features.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from edge.contract.errors import DatasetError
from gallery.data.dataset import Dataset
from gallery.records import read_pictures
from train.config import PretrainConfig
from train.distillation.losses import multi_positive
from train.engine.loop import LogScale, choose_device, fit
from train.engine.schedule import LearningSchedule
from train.pretraining.image_text import save_open_clip, text_tower, tokenize

_SIZE = 224
_STATISTICS = {"mean": (128 / 255,) * 3, "std": (128 / 255,) * 3}
_DROPOUT = 0.3
"""Of the tower's features: a projection of 1280 columns sees some hundred pictures."""
_NAMES_AT_ONCE = 64
"""Names of a step that are pulled apart, beside those that have pictures."""


def pretrain_over_tower(config: PretrainConfig, dataset: Dataset, output: Path) -> Path:
    """Train projection and text tower over the iNaturalist MobileNetV2; save an open_clip folder.

    Args:
        config: `image_tower` is the folder with the tower's model.safetensors.
        dataset: its training pictures.
        output: gets `teacher/`.

    Raises:
        DatasetError: no tower there, or no training pictures.
    """
    import open_clip

    import gallery.towers  # noqa: F401

    device = choose_device(config.device)
    model_config = _model_config(config)
    model = open_clip.CLIP(**model_config)
    _load_tower(model.visual.trunk, Path(config.image_tower))
    model.lock_image_tower()
    features, labels = _features(model, dataset)
    species = sorted(set(labels.tolist()))
    names = tokenize(dataset.taxonomy.species).to(device)
    tokens = names[:, species]
    places = torch.searchsorted(torch.tensor(species), labels)
    share = torch.bincount(places)[places].float().rsqrt()
    model.to(device).train()
    model.visual.trunk.eval()
    scale = LogScale().to(device)
    random = torch.Generator().manual_seed(config.seed)

    def loss() -> Tensor:
        chosen = torch.multinomial(share, config.image_batch, replacement=True, generator=random)
        view = torch.randint(features.shape[1], (config.image_batch,), generator=random)
        template = int(torch.randint(len(tokens), (), generator=random))
        seen = functional.dropout(features[chosen, view].to(device), _DROPOUT)
        images = functional.normalize(model.visual.head(seen), dim=-1)
        texts = model.encode_text(tokens[template], normalize=True)
        value = multi_positive(images, texts, places[chosen].to(device), scale())
        if not config.text_spread:
            return value
        some = torch.randperm(names.shape[1], generator=random)[:_NAMES_AT_ONCE]
        others = model.encode_text(names[template, some], normalize=True)
        return torch.add(value, uniformity(torch.cat([texts, others])), alpha=config.text_spread)

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
    return save_open_clip(model.cpu(), model_config, output / "teacher", _STATISTICS)


def uniformity(rows: Tensor) -> Tensor:
    """Cost of rows that crowd on the sphere, 0 where all are alike (Wang & Isola 2020, eq. 2).

    Of names that no picture shows nothing else says where they belong, and what projects by
    beliefs in names (ConSE) can tell only those apart that lie apart.

    Args:
        rows: float32[n, dim], unit length.
    """
    return functional.pdist(rows).square().mul(-2).exp().mean().log()


def _model_config(config: PretrainConfig) -> dict[str, Any]:
    vision = {
        "image_size": _SIZE,
        "timm_model_name": "birdlisten_inat_mobilenetv2",
        "timm_model_pretrained": False,
        "timm_pool": "",
        "timm_proj": "linear",
    }
    return {"embed_dim": config.dim, "vision_cfg": vision, "text_cfg": text_tower(config)}


def _load_tower(trunk: torch.nn.Module, folder: Path) -> None:
    try:
        weights = load_file(folder / "model.safetensors")
        weights = {
            name: tensor for name, tensor in weights.items() if not name.startswith("classifier")
        }
        trunk.load_state_dict(weights)
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise DatasetError(f"image_tower: {folder}: not the MobileNetV2 ({reason})") from error


@torch.inference_mode()
def _features(model: Any, dataset: Dataset) -> tuple[Tensor, Tensor]:
    """float32[pictures, 2, features], as they are and mirrored, and their species."""
    from open_clip.transform import PreprocessCfg, image_transform_v2

    ids = dataset.taxonomy.ids
    items = dataset.select("image", "train", ids)
    if not items:
        raise DatasetError(f"{dataset.path}: holds no training pictures for the teacher")
    transform = image_transform_v2(PreprocessCfg(size=_SIZE, **_STATISTICS), is_train=False)
    model.visual.trunk.eval()
    rows, labels = [], []
    for item, image in read_pictures(tqdm(items, "pictures", disable=None)):
        pixels = transform(image)
        rows.append(model.visual.trunk(torch.stack([pixels, pixels.flip(2)])))
        labels.append(ids.index(item.species_id))
    return torch.stack(rows), torch.tensor(labels)
