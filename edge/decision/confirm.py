"""Confirmation: a species is reported when it passes in enough overlapping windows. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from edge.contract.audio import AudioSpec
from edge.contract.caution import DEFAULT_CAUTION, hits_needed

T = TypeVar("T")


@dataclass(frozen=True)
class Hit(Generic[T]):
    """A species passing in one window."""

    start_sample: int
    confidence: float
    evidence: T


@dataclass(frozen=True)
class Confirmed(Generic[T]):
    """A species confirmed in a run of windows."""

    species: int
    start_sample: int
    """Of the run's first window."""
    end_sample: int
    """Of its last."""
    hits: int
    hits_needed: int
    best: Hit[T]

    def middle_sample(self, spec: AudioSpec) -> int:
        """Start of the hop in the middle of the first window."""
        return self.start_sample + _margin(spec)

    def onset_sample(self, spec: AudioSpec) -> int:
        """Onset of the species, as far as windows can tell.

        A window passes when the song is in its middle, so each speaks for the hop there, and the
        source's first one for all before it.
        """
        return self.middle_sample(spec) if self.start_sample else 0

    def offset_sample(self, spec: AudioSpec, newest_sample: int | None = None) -> int:
        """End of it; the source's last window speaks for all after its middle.

        Args:
            spec: window and hop in use.
            newest_sample: end of the source, if it has ended.
        """
        return self.end_sample - (0 if self.end_sample == newest_sample else _margin(spec))


def _margin(spec: AudioSpec) -> int:
    return (spec.window_samples - spec.hop_samples) // 2


@dataclass
class _Run(Generic[T]):
    hits: list[Hit[T]] = field(default_factory=list)
    confirmed: Confirmed[T] | None = None

    @property
    def best(self) -> Hit[T]:
        return max(self.hits, key=lambda hit: hit.confidence)


class Confirmer(Generic[T]):
    """Ask for hits in a share of the windows that hold one instant, computed from the real hop.

    A run of windows ends when a species has not passed for a whole window length. A source
    that yields fewer windows than hits are needed needs a hit in each of them (`finish`).

    Args:
        spec: rate, window and hop in use.
        caution: how large the share is (`edge.contract.caution.SHARES`).
        cautions: of species that have another one.
    """

    def __init__(
        self,
        spec: AudioSpec,
        caution: int = DEFAULT_CAUTION,
        cautions: Mapping[int, int] | None = None,
    ) -> None:
        self._window_samples, self._caution = spec.window_samples, caution
        self._cautions = cautions or {}
        self.hop(spec)
        self._runs: dict[int, _Run[T]] = {}
        self._failed: list[Confirmed[T]] = []
        self._near: dict[int, int] = {}
        self._windows_seen = 0

    def hop(self, spec: AudioSpec) -> None:
        """Count with another hop from now on, as when inference is too slow for the wanted one."""
        self._hop_samples = spec.hop_samples
        self.hits_needed = hits_needed(spec.overlap, self._caution)
        others = self._cautions.items()
        self._others = {species: hits_needed(spec.overlap, caution) for species, caution in others}

    def update(
        self, start_sample: int, passed: dict[int, Hit[T]], near: Iterable[int] = ()
    ) -> list[Confirmed[T]]:
        """Take the species that passed in the next window.

        Args:
            start_sample: of the window.
            passed: hits by species.
            near: species that came near to passing. They are no hits, but a record begins and ends
                with them where they adjoin its hits.

        Returns:
            The species confirmed by this window, in order.
        """
        self._windows_seen += 1
        self._near = {
            species: self._near.get(species, start_sample) for species in {*passed, *near}
        }
        for species in [s for s, run in self._runs.items() if self._over(run, start_sample)]:
            self._end(species, self._runs.pop(species), self._needed(species))
        found = (self._hit(species, hit, self._needed(species)) for species, hit in passed.items())
        confirmed = [run for run in found if run is not None]
        self._prolong(start_sample + self._window_samples)
        return confirmed

    def finish(self) -> list[Confirmed[T]]:
        """The source has ended: confirm what passed in every window that it could yield."""
        seen, runs = self._windows_seen, self._runs
        self._runs, self._windows_seen = {}, 0
        found = []
        for species, run in runs.items():
            needed = min(self._needed(species), seen)
            if run.confirmed is None and len(run.hits) >= needed:
                found.append(self._confirm(species, run, needed))
            self._end(species, run, needed)
        return found

    def take_failed(self) -> list[Confirmed[T]]:
        """The runs that have ended since, with too few hits."""
        failed, self._failed = self._failed, []
        return failed

    def extents(self, species: Iterable[int]) -> list[Confirmed[T]]:
        """The confirmed runs of some species that are still going on, with their present ends."""
        runs = (self._runs[number] for number in species if number in self._runs)
        return [run.confirmed for run in runs if run.confirmed is not None]

    def _prolong(self, end_sample: int) -> None:
        """Let records last that a species was near to since their last hit."""
        for species, since in self._near.items():
            run = self._runs.get(species)
            if run and run.confirmed and since <= run.hits[-1].start_sample:
                run.confirmed = replace(run.confirmed, end_sample=end_sample)

    def _needed(self, species: int) -> int:
        return self._others.get(species, self.hits_needed)

    def _end(self, species: int, run: "_Run[T]", needed: int) -> None:
        if run.confirmed is None:
            self._failed.append(self._confirm(species, run, needed))

    def _over(self, run: "_Run[T]", start_sample: int) -> bool:
        return start_sample >= run.hits[-1].start_sample + self._window_samples

    def _hit(self, species: int, hit: Hit[T], needed: int) -> Confirmed[T] | None:
        run = self._runs.setdefault(species, _Run())
        run.hits.append(hit)
        if run.confirmed is None:
            oldest = hit.start_sample - self._window_samples
            run.hits = [held for held in run.hits if held.start_sample > oldest]
            return self._confirm(species, run, needed) if len(run.hits) >= needed else None
        # Only the ends of a long run are kept: memory stays bounded.
        run.hits = [run.best, hit]
        end = hit.start_sample + self._window_samples
        run.confirmed = replace(run.confirmed, end_sample=end, hits=run.confirmed.hits + 1)
        return None

    def _confirm(self, species: int, run: "_Run[T]", needed: int) -> Confirmed[T]:
        first, last = run.hits[0].start_sample, run.hits[-1].start_sample
        since = self._near.get(species, first)
        earliest = first - self._window_samples + self._hop_samples
        start, end = min(max(since, earliest), first), last + self._window_samples
        run.confirmed = Confirmed(
            species=species,
            start_sample=start,
            end_sample=end,
            hits=len(run.hits),
            hits_needed=needed,
            best=run.best,
        )
        return run.confirmed
