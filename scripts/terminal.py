"""The README's picture of a terminal: the demo as it prints, beside the picture that matched.

python scripts/terminal.py [--output edge/terminal.svg]
"""

import argparse
import base64
import html
import json
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_BUNDLE = _ROOT / "edge" / "bundles" / "aviary"
_LINES = 6
_CHARACTER, _LINE, _MARGIN, _PICTURE = 7.25, 22, 18, 132
"""Pixels: width of a character, height of a line, margin, side of the picture."""
_PAGE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img"
 aria-label="{label}"><style>text {{ font: 12px ui-monospace, Menlo, Consolas, monospace;
 fill: #d8dee9; white-space: pre }} .dim {{ fill: #7b8794 }} .name {{ fill: #a3be8c }}</style>
<rect width="100%" height="100%" rx="8" fill="#1f252d"/>
{texts}
<image x="{x:.0f}" y="{y}" width="{side}" height="{side}" href="data:image/jpeg;base64,{picture}"/>
</svg>
"""


def main() -> int:
    """Run the demo and draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=_ROOT / "edge" / "terminal.svg")
    args = parser.parse_args()
    command = [sys.executable, "-m", "edge", "demo", "--json"]
    said = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True)
    records = [json.loads(line) for line in said.stdout.splitlines()][:_LINES]
    args.output.write_text(_drawn(records), encoding="utf-8")
    print(args.output)
    return 0


def _drawn(records: list[dict]) -> str:
    lines = [_line(record) for record in records]
    width = 2 * _MARGIN + _CHARACTER * max(len("".join(parts)) for parts in lines)
    height = 2 * _MARGIN + _LINE * (len(lines) + 1) + _PICTURE
    texts = [f'<text class="dim" x="{_MARGIN}" y="{_MARGIN + 12}">$ ./scripts/listen demo</text>']
    for number, (moment, name, rest) in enumerate(lines, start=1):
        texts.append(
            f'<text x="{_MARGIN}" y="{_MARGIN + 12 + number * _LINE}">{html.escape(moment)}'
            f'<tspan class="name">{html.escape(name)}</tspan>{html.escape(rest)}</text>'
        )
    picture = _BUNDLE / records[-1]["pictures"][0]["file"]
    return _PAGE.format(
        width=width,
        height=height,
        label="birdlisten names birds as they sing, and shows the picture that matches",
        texts="\n".join(texts),
        x=width - _MARGIN - _PICTURE,
        y=height - _MARGIN - _PICTURE,
        side=_PICTURE,
        picture=base64.b64encode(picture.read_bytes()).decode(),
    )


def _line(record: dict) -> tuple[str, str, str]:
    seconds = int(record["start_s"])
    moment = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}  "
    name = f"{record['common_name']} ({record['scientific_name']})"
    return moment, name, f"  {record['probability']:.2f}  {record['pictures'][0]['file']}"


if __name__ == "__main__":
    sys.exit(main())
