"""Finding of one check."""

from dataclasses import dataclass

from edge.contract.text import visible

GOOD, DOUBT, BAD = "good", "doubt", "bad"
_MARKS = {GOOD: "\033[32m✓\033[0m", DOUBT: "\033[33m!\033[0m", BAD: "\033[31m✗\033[0m"}
_PLAIN = {GOOD: "ok", DOUBT: "!", BAD: "X"}


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's."""

    check: str
    verdict: str
    """`good`, `doubt` (it works, but could be better) or `bad`."""
    found: str
    advice: str = ""
    """What to do; empty if all is well."""

    def to_text(self, colour: bool = False) -> str:
        """For a person."""
        mark = _MARKS[self.verdict] if colour else f"{_PLAIN[self.verdict]:2}"
        advice = f"\n{'':17}-> {visible(self.advice)}" if self.advice else ""
        return f"{mark} {self.check:13} {visible(self.found)}{advice}"


def judged(check: str, good: bool, found: str, advice: str, otherwise: str = BAD) -> Finding:
    """Good, or else what to do."""
    return Finding(check, GOOD if good else otherwise, found, "" if good else advice)
