"""Bridges from sound to names other than text distillation, and the report that compares them.

python -m train.bridges METHOD [--config FILE] [key=value ...]
python -m train.bridges zero-shot ...
python -m train.bridges retrieve ...
python -m train.bridges localisation RUN ...
python -m train.bridges annotated RUN --data vggss:FOLDER|flickr:FOLDER ...
python -m train.bridges teacher-files ...
python -m train.bridges report ...

METHOD is pivot (VIP-ANT), agreement (temporal agreement), localise (AVC-KD) or joint (text and
image together); `python -m train.bridges METHOD --help` lists its settings.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

from edge.command.parser import Parser

_COMMANDS = {
    "pivot": "train.bridges.pivot",
    "agreement": "train.bridges.agreement",
    "localise": "train.bridges.localise",
    "localisation": "train.bridges.localisation",
    "annotated": "train.bridges.annotated",
    "teacher-files": "train.bridges.teacher_files",
    "joint": "train.bridges.joint",
    "zero-shot": "train.bridges.zero_shot",
    "retrieve": "train.bridges.retrieve",
    "report": "train.bridges.report.command",
}
"""Module of each, which has a `main(argv)`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command of a method."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = Parser(prog="python -m train.bridges", description=__doc__)
    parser.add_argument("method", choices=sorted(_COMMANDS))
    method = parser.parse_args(words[:1]).method
    return int(import_module(_COMMANDS[method]).main(words[1:]))


if __name__ == "__main__":
    sys.exit(main())
