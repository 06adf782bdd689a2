"""Train the small models that stand where BioCLIP-2 and BioLingual stand.

python -m train.pretrain [--only teacher|student|backbone] [--config FILE] [key=value ...]

The backbone, an audio tower pretrained by feature distillation from a bird-sound network (the
hint), is only made when asked for. Its training can be shared:
    torchrun --nproc-per-node N -m train.pretrain --only backbone ...
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from edge.command.parser import Parser
from edge.contract.errors import ConfigError
from gallery.command import run
from gallery.data.corpora import open_dataset
from train.config import PretrainConfig, add_config_flags, load_config
from train.engine.loop import seed_everything
from train.engine.ranks import ALONE, Ranks, joined
from train.pretraining.audio_text import pretrain_student
from train.pretraining.feature_distillation import BACKBONE, pretrain_backbone
from train.pretraining.image_text import pretrain_teacher
from train.pretraining.locked_tower import pretrain_over_tower
from train.runs import CACHE, synthetic_name

PARTS = ("teacher", "student")


def pretrain(
    config: PretrainConfig, parts: Sequence[str] = PARTS, ranks: Ranks = ALONE
) -> list[Path]:
    """Train some of the models.

    Args:
        config: everything about it.
        parts: which models.
        ranks: among which the backbone's batches are shared; the first one writes.

    Returns:
        The folders written, teacher first.

    Raises:
        BirdlistenError: the data set can't be used.
    """
    dataset = open_dataset(config.data, config.taxon)
    output = synthetic_name(Path(config.output), dataset)
    output.mkdir(parents=True, exist_ok=True)
    written = []
    if "teacher" in parts:
        seed_everything(config.seed)
        teach = pretrain_over_tower if config.image_tower else pretrain_teacher
        written.append(teach(config, dataset, output))
    if "student" in parts:
        seed_everything(config.seed)
        written.append(pretrain_student(config, dataset, output, CACHE))
    if "backbone" in parts:
        seed_everything(config.seed)
        written.append(pretrain_backbone(config, dataset, output, CACHE, ranks=ranks))
    return written


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.pretrain", description=__doc__)
    parser.add_argument(
        "--only",
        choices=(*PARTS, "backbone"),
        type=lambda part: "backbone" if part == BACKBONE else part,
        help="default: teacher, then student",
    )
    add_config_flags(parser)
    args = parser.parse_args(argv)

    def command() -> None:
        config = load_config(PretrainConfig, args.config, args.overrides)
        with joined() as ranks:
            if ranks.world > 1 and args.only != "backbone":
                raise ConfigError("torchrun: only one training can be shared; add --only backbone")
            folders = pretrain(config, [args.only] if args.only else PARTS, ranks)
        if ranks.first:
            print(*folders, sep="\n")

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
