"""Distillation of a ready-made network into an audio tower: the backbone a student starts from.

It learns what a network that heard far more recordings makes of every sound: its embedding
(FitNets' hint), its belief in the names that the data set has, too, and the maps between its
layers. It sees no text and no label.
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from gallery.data.dataset import Dataset
from train.config import PretrainConfig, terms_of
from train.engine.loop import choose_device, fit, mixed_precision
from train.engine.ranks import ALONE, Ranks
from train.engine.resume import KEPT, Snapshots, check_kept
from train.engine.schedule import LearningSchedule
from train.engine.terms import digest
from train.model.opening import CNN, open_student
from train.model.start import LabelLayer
from train.model.towers import CnnTower, averaged
from train.pretraining.map_distillation import make_map_loss
from train.sound.ahead import Ahead
from train.sound.hint_loss import HintLoss, with_none
from train.sound.sampler import Batch
from train.sound.taught import TaughtSounds, load_taught
from train.sound.training_set import cut_by, load_sounds

BACKBONE = "imitator"
"""Folder of the backbone: its former name, under which pretrained ones lie."""
_NAMES_RATE = 4.0
"""The layer of names learns so many times as fast as the tower, of which it needs the most."""
_UNHEARD = -5.0
"""Logit that a name begins with: of all that sounds, a species is hardly any."""


class BackboneTraining(nn.Module):
    """A tower that learns, and the layers that only its learning needs.

    Args:
        tower: learns in place.
        taught: what the network has heard.
        regression: of its embedding.
        labels: int64[labels], places of the names that the tower shall tell.
        told: the layer that has told names so far, or None.
        config: `hint_weight`, `belief_weight`, `map_weight`.

    Raises:
        ConfigError: the tower can't have the network's maps, or there are none to learn.
    """

    def __init__(
        self,
        tower: nn.Module,
        taught: TaughtSounds,
        regression: HintLoss,
        labels: Tensor,
        told: LabelLayer | None,
        config: PretrainConfig,
    ) -> None:
        super().__init__()
        self._config, self._first_mixture, self._labels = config, taught.recordings, labels
        self.tower, self.regression = tower, regression
        self._ids = tuple(taught.labels[place] for place in labels.tolist())
        self._names = nn.Linear(regression.features, len(labels))
        nn.init.zeros_(self._names.weight)
        nn.init.constant_(self._names.bias, _UNHEARD / _NAMES_RATE)
        if told is not None:
            self._take_over(told)
        self._maps = make_map_loss(tower, taught.maps) if config.map_weight else None

    @torch.no_grad()
    def _take_over(self, told: LabelLayer) -> None:
        """Tell the names that were told before as they were told then."""
        place = {name: n for n, name in enumerate(told.labels)}
        for n, name in enumerate(self._ids):
            if name in place:
                self._names.weight[n] = told.weight[place[name]] / _NAMES_RATE
                self._names.bias[n] = told.bias[place[name]] / _NAMES_RATE

    def forward(self, batch: Batch) -> Tensor:
        """The loss of a batch."""
        with mixed_precision(batch.log_mel.device, bool(self.tower.depthwise)):
            features, maps = self._heard(batch.log_mel)
        features, config = features.float(), self._config
        error: Tensor = self.regression(features, batch.recordings, batch.starts)
        belief = self.regression.belief(batch.recordings, batch.starts, self._labels)
        found = with_none(_NAMES_RATE * self._names(features)).log_softmax(dim=1)
        divergence = functional.kl_div(found, belief, reduction="batchmean")
        value: Tensor = config.hint_weight * error + config.belief_weight * divergence
        if self._maps is None:
            return value
        places = batch.recordings - self._first_mixture
        mapped = (places >= 0) & (places < self._maps.mixtures)
        if not mapped.any():
            return value
        own = [found[mapped.to(found.device)].float() for found in maps]
        return torch.add(value, self._maps(own, places[mapped]), alpha=config.map_weight)

    @property
    def classifier(self) -> LabelLayer | None:
        """The layer that tells the names, as the network's own does; None if there are none."""
        weight, bias = (_NAMES_RATE * part.detach() for part in self._names.parameters())
        return LabelLayer(self._ids, weight, bias) if self._ids else None

    def _heard(self, log_mel: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Features, and the maps that they are made of if those are learned."""
        if self._maps is None:
            return self.tower(log_mel), []
        assert isinstance(self.tower, CnnTower)
        maps = self.tower.maps(log_mel, self._maps.count)
        return averaged(maps[-1]), maps


def pretrain_backbone(
    config: PretrainConfig, dataset: Dataset, output: Path, cache: Path, ranks: Ranks = ALONE
) -> Path:
    """Train a tower, a CNN or `init`'s, on the recordings and on mixtures of them, and save it.

    Args:
        config: everything about it.
        dataset: what is heard.
        output: folder that the backbone's is made in.
        cache: where what is made on the way is kept.
        ranks: among which the batches are shared; the first one writes.

    Returns:
        The folder; `student=FOLDER` begins a distillation with it, `audio_tower=FOLDER` a CLAP.

    Raises:
        ConfigError: there is no hint to imitate, no such CNN, or the ranks can't share a batch.
        DatasetError: there are no readable training recordings.
    """
    ranks.check("audio_batch", config.audio_batch)
    if config.snapshot_every:
        check_kept(output / KEPT, terms_of(config), ranks)
    name = config.init or CNN + config.cnn
    start = open_student(name, config.frontend, config.local_features)
    sounds = load_sounds(dataset, start.spec, cache, config.held_out, cut=cut_by(config))
    taught = load_taught(
        config,
        dataset,
        sounds=sounds,
        spec=start.spec,
        cache=cache,
        maps=config.map_weight > 0,
    )
    input_spec = start.input_spec(config.window_s)
    device = choose_device(config.device)
    sampler = taught.sampler(input_spec, config.seed, device, ranks)
    student = start.student(1)
    learning = BackboneTraining(
        tower=student.tower,
        taught=taught,
        regression=taught.loss(
            student.hidden, input_spec, learned=start.hint, direct=start.has_local_features
        ),
        labels=taught.shared(sounds.seen_species)[1],
        told=start.classifier,
        config=config,
    ).to(device)
    learning.train()
    ranks.share(learning)
    batches = Ahead(lambda: sampler.batch(config.audio_batch), [sampler.generator])
    content = {**sounds.digests, "hint": taught.digest, "init": digest(student.shapes)}
    ranks.check_alike(content)
    snapshots = Snapshots(
        file=output / KEPT,
        every=config.snapshot_every,
        terms=terms_of(config, content),
        generators=batches.generators,
        ranks=ranks,
    )
    fit(
        [learning],
        loss=lambda: learning(batches()),
        schedule=LearningSchedule(
            steps=config.audio_steps,
            learning_rate=config.audio_learning_rate,
            weight_decay=config.audio_weight_decay,
            ema=config.audio_ema,
        ),
        title="imitate",
        log=output / "imitate.jsonl",
        snapshots=snapshots if config.snapshot_every else None,
        ranks=ranks,
    )
    folder = output / BACKBONE
    if not ranks.first:
        return folder
    learning.cpu()
    weights, hint = learning.tower.state_dict(), learning.regression.state_dict()
    begun = replace(start, weights=weights, hint=hint, classifier=learning.classifier)
    begun.save(folder)
    sounds.write_seen(folder, config.init)
    snapshots.done()
    return folder
