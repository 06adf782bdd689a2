"""Log-mels of a corpus, computed before a training: on this machine, or on a Ray cluster.

python -m train.data cache DATA [--ray ADDRESS] [--workers N] [--config FILE] [key=value ...]

What `train.distill data=DATA` with the same settings would compute first, and finds in runs/cache
then. With --ray the recordings, and this checkout, lie where every machine finds them by the same
path; ADDRESS is `auto`, `local` or ray://HOST:10001. An interrupted build goes on where it was.
"""

from collections.abc import Sequence

from edge.command.parser import Parser
from edge.contract.errors import DatasetError
from gallery.command import run
from gallery.data.corpora import open_dataset
from gallery.data.dataset import Item
from train.config import DistillConfig, add_config_flags, load_config
from train.model.opening import open_student
from train.runs import CACHE
from train.sound.cache import item_key, load_each
from train.sound.decoded import decoded
from train.sound.features import LogMels, log_mel_folder
from train.sound.ray_cache import fill_by_ray
from train.sound.shards import KeptArrays, Shards


def build(config: DistillConfig, ray: str = "", workers: int | None = None) -> KeptArrays:
    """Compute and keep the log-mels that a distillation needs.

    Args:
        config: its settings.
        ray: address of a cluster; empty: here.
        workers: of the cluster; None: a core each.

    Raises:
        DatasetError: there is no recording, or none is readable.
        ConfigError: no cluster answers there.
    """
    items = recorded(config)
    spec = open_student(config.student, config.frontend).spec
    folder, compute = log_mel_folder(CACHE, spec), LogMels(spec)
    if ray:
        fill_by_ray(items, folder, compute, address=ray, count=workers)
        kept = Shards(folder).arrays(map(item_key, items))
    else:
        kept = load_each(items, folder, compute)
    if not kept.present.any():
        raise DatasetError(f"{config.data}: none of {len(items)} recordings is readable")
    return kept


def recorded(config: DistillConfig) -> Sequence[Item]:
    """Recordings that a distillation decodes; sections of those too long.

    Raises:
        DatasetError: there are none.
    """
    items = decoded(config, open_dataset(config.data, config.taxon))
    if not items:
        raise DatasetError(f"{config.data}: no recordings in split 'train'")
    return items


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    parser = Parser(prog="python -m train.data cache", description=__doc__)
    parser.add_argument("data", metavar="DATA", help="a folder, or KIND:FOLDER")
    parser.add_argument("--ray", default="", metavar="ADDRESS", help="of a Ray cluster")
    parser.add_argument("--workers", type=int, help="of the cluster; default: one a core")
    add_config_flags(parser, DistillConfig)
    args = parser.parse_intermixed_args(argv)

    def command() -> None:
        config = load_config(DistillConfig, args.config, [f"data={args.data}", *args.overrides])
        kept = build(config, args.ray, args.workers)
        print(f"{int(kept.present.sum())} of {len(kept)} recordings are kept in {CACHE}")

    return run(command)
