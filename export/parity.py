"""Parity of exported encoders with the checkpoint they were made from, on every target.

python -m export.parity BUNDLE [--checkpoint DIR] [--recordings DATA] [--split test] [--json]

Every precision is compared with torch in FP32, through `edge.recognition.encoder` as deployed: the
log-mel and the embedding, on signals that break front ends and on recordings. An FP16 graph is also
run as a GPU would, rounding every half, for a processor computes halves in float and hides what
overflows.
DATA is a folder or KIND:FOLDER of a published corpus, such as ssw60:FOLDER, as train takes it.
With recordings of species in the gallery, the best species and mAP are compared, too.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edge.command.parser import Parser
from edge.contract.bundle import load_bundle
from edge.contract.errors import DatasetError
from export.recordings import LabelledRecording, read_recorded
from gallery.calibration.recordings import check_recorded
from gallery.command import run

if TYPE_CHECKING:  # torch loads for seconds, and a wrong argument is to be refused before
    from export.agreement import Agreement
    from export.fidelity import Parity


def _recorded(path: Path, data: str, split: str) -> Sequence[LabelledRecording]:
    check_recorded(data, (split,), birds=True, purpose="the comparison")
    bundle = load_bundle(path)
    return read_recorded(data, split, bundle.manifest.audio.sample_rate_hz, bundle.taxonomy)


def _row(precision: str, parity: "Parity", agreed: dict[str, "Agreement"]) -> str:
    least = min(parity.signals, key=lambda name: parity.signals[name])
    recorded = "{:.6f} | {:.6f}".format(*parity.recordings) if parity.recordings else "- | -"
    sets = (
        f"{name} {figures.top1:.2%}, {figures.mAP_loss:+.2f}" for name, figures in agreed.items()
    )
    return (
        f"| {precision} | {parity.signals[least]:.6f} ({least}) | {recorded} | {parity.error:.1e} "
        f"| {max(parity.log_mel_db.values()):.1e} | {'; '.join(sets) or '-'} |"
    )


_HEAD = """| precision | least cosine on signals | mean on recordings | least | largest error \
| log-mel, dB | by species set: same best species, points of mAP lost |
|---|---|---|---|---|---|---|"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; exit status 1 if a variant is outside its limits."""
    parser = Parser(prog="python -m export.parity", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="default: the folder that holds the bundle")
    parser.add_argument("--recordings", metavar="DATA", help="to listen to; see above")
    parser.add_argument("--split", default="test", help="of the recordings (default test)")
    parser.add_argument("--json", action="store_true", help="every figure, as one JSON object")
    args = parser.parse_args(argv)

    def command() -> None:
        recorded = _recorded(args.bundle, args.recordings, args.split) if args.recordings else ()
        from export.comparison import check_bundle
        from export.fidelity import LIMITS

        found = check_bundle(args.bundle, args.checkpoint or args.bundle.parent, recorded)
        if args.json:
            plain = {
                precision: {
                    **asdict(parity),
                    "sets": {k: asdict(figures) for k, figures in sets.items()},
                }
                for precision, (parity, sets) in found.items()
            }
            print(json.dumps(plain, indent=1))
        else:
            print(_HEAD, *(_row(k, *row) for k, row in found.items()), sep="\n")
        wrong = [
            f"{k}: {p}" for k, (parity, _) in found.items() for p in parity.problems(LIMITS[k])
        ]
        if wrong:
            raise DatasetError("\n".join(wrong))

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
