"""Mutants that the tests notice: single changes in eleven core modules, each against its own tests.

python scripts/bench/mutation.py [MODULE ...] [--count 14] [--seed 0]

Changed are a comparison at its bound (< and <=, == and !=), a sign (+ and -), `1 -` to `1 +`, a
number by 1, min and max, and and or: drawn evenly over the kinds that occur. Left alone are text,
annotations, all within a `raise`, and tuned constants: what a module or a class assigns, defaults
of a dataclass's fields among it. Tests that hear a whole chorus, start processes or take many
seconds are deselected: others notice as much. Taking too long is noticing. Survivors that no test
can or should notice are in mutation_survivors.csv with the reason, by their line without comments.
"""

import argparse
import ast
import csv
import importlib
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[2]
KNOWN = Path(__file__).with_name("mutation_survivors.csv")
# Module: its tests, and those of them that are left out, as pytest's -k has it.
TESTS = {
    "edge/decision/confirm.py": (
        "tests/edge/test_confirm.py tests/edge/test_confirm_sequences.py "
        "tests/edge/test_decision.py",
        "not listener_follows and not usage_errors",
    ),
    "edge/decision/timeline.py": ("tests/edge/test_timeline.py", ""),
    "edge/recognition/search.py": ("tests/edge/test_search.py", ""),
    "edge/dsp/gate.py": ("tests/edge/test_gate.py", ""),
    "gallery/calibration/threshold.py": (
        "tests/gallery/test_calibrate.py",
        "not one_false_match_an_hour and not platt_stays and not many_pairs",
    ),
    "train/distillation/losses.py": ("tests/train/test_losses.py", ""),
    "edge/source/framing.py": ("tests/edge/source/test_framing.py", ""),
    "edge/source/ring.py": ("tests/edge/source/test_ring.py", ""),
    "edge/records/store.py": ("tests/edge/test_store.py", "not listening and not killed"),
    "train/sound/sampler.py": ("tests/train/test_sampler.py", ""),
    "edge/dsp/onset.py": ("tests/edge/test_onset.py", "not never_overlap and not hardly_ever"),
}
PAIRS = {
    "bound": ("Lt LtE", "Gt GtE", "Eq NotEq"),
    "sign": ("Add Sub",),
    "logic": ("And Or",),
    "extreme": ("min max", "minimum maximum", "amin amax"),
}
OTHER = {"USub": ("sign", "UAdd")}
for kind, pairs in PAIRS.items():
    for left, right in map(str.split, pairs):
        OTHER |= {left: (kind, right), right: (kind, left)}


class Mutant(NamedTuple):
    """A part of a node that is changed."""

    kind: str
    node: Any
    part: str
    value: Any

    def applied(self, tree: ast.AST) -> str:
        """The source with the change."""
        before = getattr(self.node, self.part)
        setattr(self.node, self.part, self.value)
        changed = ast.unparse(tree)
        setattr(self.node, self.part, before)
        return changed


def mutants(node: Any, holder: Any = None) -> Iterator[Mutant]:
    """Every mutant of a node and of what it holds, but for what is left alone."""
    tuned = isinstance(node, ast.Assign | ast.AnnAssign)
    if isinstance(node, ast.Raise) or (tuned and isinstance(holder, ast.Module | ast.ClassDef)):
        return
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield Mutant("constant", node, "value", node.value + 1)
    for n, op in enumerate(getattr(node, "ops", ())):
        if kind := OTHER.get(type(op).__name__):
            changed = [*node.ops[:n], getattr(ast, kind[1])(), *node.ops[n + 1 :]]
            yield Mutant(kind[0], node, "ops", changed)
    for part in {"op", "id", "attr"} & set(node._fields):
        held = getattr(node, part)
        kind, new = OTHER.get(held if isinstance(held, str) else type(held).__name__, ("", ""))
        if new:
            whole = kind == "sign" and ast.unparse(node).startswith("1 - ")
            value = new if isinstance(held, str) else getattr(ast, new)()
            yield Mutant("complement" if whole else kind, node, part, value)
    for part, held in ast.iter_fields(node):
        for child in held if isinstance(held, list) else [held]:
            if isinstance(child, ast.AST) and part not in ("annotation", "returns"):
                yield from mutants(child, node)


def drawn(every: list[Mutant], count: int, chance: random.Random) -> list[Mutant]:
    """Some mutants, of each kind in turn."""
    kinds: dict[str, list[Mutant]] = {}
    for mutant in chance.sample(every, len(every)):
        kinds.setdefault(mutant.kind, []).append(mutant)
    turns = [(n, kind) for kind, held in kinds.items() for n in range(len(held))]
    return [kinds[kind][n] for n, kind in sorted(turns)[:count]]


def session(tests: str, deselected: str) -> None:
    """Run tests of the tree that the process is in, silently, as a process group of its own."""
    os.setsid()
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    os.environ["PYTHONPATH"] = str(Path.cwd())
    sys.path.insert(0, str(Path.cwd()))
    os._exit(pytest.main(["-xqpno:cacheprovider", "-k", deselected, *tests.split()]))


def passes(module: str, limit_s: float = 600) -> bool:
    """True if the module's tests pass in time."""
    Path(cache_from_source(module)).unlink(missing_ok=True)
    # The fork finds imported what takes longest to import, and nothing of the tree.
    running = multiprocessing.get_context("fork").Process(target=session, args=TESTS[module])
    running.start()
    running.join(limit_s)
    if running.exitcode is None:
        os.killpg(running.pid, signal.SIGKILL)
        running.join()
    return running.exitcode == 0


def survivors(module: str, chosen: list[Mutant], tree: ast.AST, progress: tqdm) -> Iterator[Mutant]:
    """Apply each mutant to the tree that the process is in; those that nothing notices."""
    source, begun = Path(module).read_text(encoding="utf-8"), time.monotonic()
    if not passes(module):
        raise SystemExit(f"{module}: its own tests fail as it is")
    limit_s = 10 + 4 * (time.monotonic() - begun)
    progress.set_description(Path(module).name)
    for mutant in chosen:
        Path(module).write_text(mutant.applied(tree), encoding="utf-8")
        if passes(module, limit_s):
            yield mutant
        progress.update()
    Path(module).write_text(source, encoding="utf-8")


def main() -> None:
    """Print the share that is noticed, and what is not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="all ten, unless given")
    parser.add_argument("--count", type=int, default=14, help="mutants a module, at most")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    modules = args.modules or list(TESTS)
    with KNOWN.open(encoding="utf-8", newline="") as file:
        known = {(row["file"], row["line"], row["mutant"]): row for row in csv.DictReader(file)}
    trees = {module: ast.parse((ROOT / module).read_text(encoding="utf-8")) for module in modules}
    draws = {
        module: drawn([*mutants(tree)], args.count, random.Random(f"{args.seed} {module}"))
        for module, tree in trees.items()
    }
    for heavy in ("numpy", "soxr", "torch"):
        importlib.import_module(heavy)
    table, lived, total = [], [], sum(map(len, draws.values()))
    with tempfile.TemporaryDirectory() as folder, tqdm(total=total, unit="mutant") as progress:
        for room in ("edge", "gallery", "train", "export", "tests"):
            shutil.copytree(
                ROOT / room, Path(folder, room), ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(ROOT / "pyproject.toml", folder)
        os.chdir(folder)
        for module, chosen in draws.items():
            tree, left = trees[module], list(survivors(module, chosen, trees[module], progress))
            table.append((module, len(chosen), len(chosen) - len(left)))
            for mutant in left:
                texts = (ast.unparse(tree).splitlines(), mutant.applied(tree).splitlines())
                lines = next(pair for pair in zip(*texts, strict=True) if len({*pair}) > 1)
                before, after = (line.strip() for line in lines)
                row = known.get((module, before, after))
                reason = f" ({row['reason']})" if row else ""
                lived.append(f"{module}:{mutant.node.lineno}: {before} -> {after}{reason}")
        os.chdir(ROOT)
    table.append(("all", total, sum(noticed for *_, noticed in table)))
    print("| module | mutants | noticed | score |\n| --- | ---: | ---: | ---: |")
    for module, count, noticed in table:
        print(f"| {module} | {count} | {noticed} | {noticed / max(count, 1):.2f} |")
    print("", *lived, sep="\n")


if __name__ == "__main__":
    main()
