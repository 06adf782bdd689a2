"""The small student: a transformers ClapModel, trained from nothing on sounds and captions."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edge.contract.errors import ConfigError
from edge.contract.taxonomy import Species
from gallery.data.dataset import Dataset
from train.config import PretrainConfig
from train.distillation.losses import multi_positive
from train.engine.loop import LogScale, choose_device, fit, mixed_precision
from train.engine.schedule import LearningSchedule
from train.model.clap import load_clap
from train.model.frontend import InputSpec, LogMelSpec
from train.model.opening import open_student
from train.sound.training_set import cut_by, load_sounds

_VOCABULARY = 600
CAPTIONS = (
    "The sound of a {common}.",
    "The sound of a {common}, {scientific}.",
    "The sound of a {scientific}, family {family}.",
)
"""BioLingual's captions begin like this (Robinson et al. 2023, arXiv 2308.04978)."""


def caption(template: str, species: Species) -> str:
    """One caption of a species."""
    return template.format(
        common=species.common_name, scientific=species.scientific_name, family=species.family
    )


def pretrain_student(config: PretrainConfig, dataset: Dataset, output: Path, cache: Path) -> Path:
    """Train the audio-text model, without the held-out species, and save it with its processor.

    Returns:
        The folder, as `save_pretrained` writes it.

    Raises:
        DatasetError: there are no readable training recordings.
    """
    device = choose_device(config.device)
    model, processor = _begin(config, dataset.taxonomy.species)
    spec = LogMelSpec.from_extractor(processor.feature_extractor)
    sounds = load_sounds(dataset, spec, cache, config.held_out, cut=cut_by(config))
    model.to(device).train()
    scale = LogScale().to(device)
    captions = _captions(processor.tokenizer, sounds.species, device)
    input_spec = InputSpec(spec, round(config.window_s * spec.sample_rate_hz))
    sampler = sounds.sampler(input_spec.frames, config, device)
    hidden = model.config.audio_config.hidden_size
    hint = sounds.hint(config.hint, hidden, input_spec, cache).to(device)
    random = torch.Generator().manual_seed(config.seed)

    def loss() -> Tensor:
        batch = sampler.batch(config.audio_batch)
        template = int(torch.randint(len(captions), (), generator=random))
        with mixed_precision(device):
            features = model.audio_model(input_features=batch.log_mel.to(device)).pooler_output
            embedded = functional.normalize(model.audio_projection(features), dim=-1)
            read = model.get_text_features(**captions[template]).pooler_output
        value = multi_positive(embedded.float(), read.float(), batch.labels.to(device), scale())
        heeded: Tensor = hint(features.float(), batch.recordings, batch.starts)
        return value + config.hint_weight * heeded

    schedule = LearningSchedule(config.audio_steps, config.audio_learning_rate)
    fit(
        [model, scale, hint],
        loss=loss,
        schedule=schedule,
        title="audio-text",
        log=output / "audio_text.jsonl",
    )
    folder = output / "student"
    model.cpu().save_pretrained(folder)
    processor.save_pretrained(folder)
    sounds.write_seen(folder, config.init, config.audio_tower)
    return folder


def _begin(config: PretrainConfig, species: Sequence[Species]) -> tuple[Any, Any]:
    """The model to go on with, or a new one, and its processor."""
    if config.init:
        model, processor = load_clap(config.init)
    else:
        processor = _processor(species, config)
        model = _model(config, len(processor.tokenizer))
    if config.audio_tower:
        _give(model, config.audio_tower)
    return model, processor


def _give(model: Any, folder: str) -> None:
    """Put another tower, of the same shape, in the place of a CLAP's own."""
    weights = open_student(folder).weights
    try:
        model.audio_model.load_state_dict(weights)
    except RuntimeError as error:
        raise ConfigError(f"audio_tower: {folder} is of another shape than the CLAP's") from error


def _model(config: PretrainConfig, vocabulary: int) -> Any:
    from transformers import ClapAudioConfig, ClapConfig, ClapModel, ClapTextConfig

    audio = ClapAudioConfig(
        spec_size=128,
        window_size=4,
        depths=[2, 2, 2],
        num_attention_heads=[2, 4, 8],
        patch_embeds_hidden_size=config.tower_width,
        hidden_size=4 * config.tower_width,
        num_hidden_layers=3,
        hidden_dropout_prob=0.0,
        # Three times transformers' spread: a tower this narrow hardly learns from 0.02.
        initializer_factor=3.0,
        projection_dim=config.dim,
    )
    text = ClapTextConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=80,
        hidden_dropout_prob=0.0,
        projection_dim=config.dim,
    )
    return ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=config.dim))


def _processor(species: Iterable[Species], config: PretrainConfig) -> Any:
    from transformers import ClapFeatureExtractor, ClapProcessor

    extractor = ClapFeatureExtractor(
        frequency_min=50,
        truncation="rand_trunc",
        hop_length=config.frame_hop_samples,
        max_length_s=config.window_s,
    )
    return ClapProcessor(extractor, _tokenizer(species))  # type: ignore[no-untyped-call]


def _tokenizer(species: Iterable[Species]) -> Any:
    """A byte-level BPE tokenizer learned from the captions, in RoBERTa's format."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaTokenizer

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    learned = ByteLevelBPETokenizer()
    texts = [caption(template, bird) for template in CAPTIONS for bird in species]
    learned.train_from_iterator(texts, _VOCABULARY, 1, False, special)
    return RobertaTokenizer(tokenizer_object=learned._tokenizer, model_max_length=64)


def _captions(
    tokenizer: Any, species: Sequence[Species], device: torch.device
) -> list[dict[str, Tensor]]:
    """Tokens of every species, one set a caption template."""
    texts = ([caption(template, bird) for bird in species] for template in CAPTIONS)
    return [dict(tokenizer(text, padding=True, return_tensors="pt").to(device)) for text in texts]
