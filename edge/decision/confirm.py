"""Confirmation: a species is reported when it passes in enough overlapping windows. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from edge.contract.audio_spec import AudioSpec
from edge.contract.caution import DEFAULT_CAUTION, hits_needed
from edge.decision.timeline import Span, Timeline

T = TypeVar("T")
MOST_WINDOWS = 8
"""Hits that are kept of a run, for what a person says of all of it; what is heard for minutes is
the same sound, and a card is small."""


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
    """From here on it was there, as far as windows can tell."""
    end_sample: int
    """And up to here."""
    hits: int
    """Windows in which it passed; those that repeat another don't count."""
    hits_needed: int
    best: Hit[T]
    middle_sample: int
    """Start of the hop in the middle of its first window."""
    windows: tuple[Hit[T], ...] = ()
    """Its hits, in order, as many as may be kept; those of a long run are its first."""


@dataclass(frozen=True)
class _Heard(Generic[T]):
    hit: Hit[T]
    span: Span
    repeats: bool


@dataclass
class _Run(Generic[T]):
    """Hits of a species that lie less than a window apart."""

    heard: list[_Heard[T]] = field(default_factory=list)
    confirmed: Confirmed[T] | None = None
    _last_distinct: Span | None = None

    @property
    def newest(self) -> Span:
        return self.heard[-1].span

    @property
    def best(self) -> _Heard[T]:
        return max(self.heard, key=lambda heard: heard.hit.confidence)

    @property
    def hops(self) -> list[int]:
        """Of the hits that count."""
        return [heard.span.hop_samples for heard in self.heard if not heard.repeats]

    def add(self, hit: Hit[T], span: Span) -> bool:
        """Take a hit; True if it counts."""
        repeats = span.repeats(self._last_distinct)
        self.heard.append(_Heard(hit, span, repeats))
        if not repeats:
            self._last_distinct = span
        return not repeats


class Confirmer(Generic[T]):
    """Ask for hits in a share of the windows that hold one instant, computed from the real hop.

    Where the hop changes within a run of windows, it is the mean of those that its hits were cut
    with. A run ends when a species has not passed for a whole window length. A source that yields
    fewer windows than hits are needed needs a hit in each of them (`finish`).

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
        self._window_samples, self._hop_samples = spec.window_samples, spec.hop_samples
        self._caution, self._cautions = caution, cautions or {}
        self._runs: dict[int, _Run[T]] = {}
        self._failed: list[Confirmed[T]] = []
        self._near: dict[int, Span] = {}
        self._timeline = Timeline(self._window_samples)

    def hop(self, spec: AudioSpec) -> None:
        """Windows come with another hop from now on, as when inference is too slow."""
        self._hop_samples = spec.hop_samples

    def update(
        self,
        start_sample: int,
        passed: Mapping[int, Hit[T]],
        near: Iterable[int] = (),
        end_sample: int | None = None,
    ) -> list[Confirmed[T]]:
        """Take the species that passed in the next window.

        Args:
            start_sample: of the window.
            passed: hits by species.
            near: species that came near to passing. They are no hits, but a record begins and ends
                with them where they adjoin its hits.
            end_sample: of the sound in the window; None: it is full.

        Returns:
            The species confirmed by this window, in order.
        """
        if start_sample >= self._timeline.heard_to:
            self._near = {}
        full = start_sample + self._window_samples
        end = full if end_sample is None else end_sample
        span = self._timeline.add(start_sample, end, self._hop_samples)
        self._end_runs(span)
        self._near = {species: self._near.get(species, span) for species in {*passed, *near}}
        found = [self._hit(species, hit, span) for species, hit in passed.items()]
        self._prolong(span)
        return [run for run in found if run is not None]

    def finish(self) -> list[Confirmed[T]]:
        """The source has ended: confirm what passed in every window that it could yield."""
        found: list[Confirmed[T]] = []
        for species, run in self._runs.items():
            if run.confirmed is None:
                needed = min(self._needed(species, run), self._timeline.distinct)
                ended = self._to_the_end(self._summary(species, run, needed))
                (found if ended.hits >= needed else self._failed).append(ended)
        self._runs, self._near = {}, {}
        self._timeline = Timeline(self._window_samples)
        return found

    def lasting(self) -> list[Confirmed[T]]:
        """The confirmed runs that last to the newest window, if the source ends with it."""
        confirmed = (run.confirmed for run in self._runs.values() if run.confirmed is not None)
        return [
            self._to_the_end(run) for run in confirmed if run.end_sample == self._timeline.spoken_to
        ]

    def take_failed(self) -> list[Confirmed[T]]:
        """The runs that have ended since, with too few hits."""
        failed, self._failed = self._failed, []
        return failed

    def extents(self, species: Iterable[int]) -> list[Confirmed[T]]:
        """The confirmed runs of some species that are still going on, with their present ends."""
        runs = (self._runs[number] for number in species if number in self._runs)
        return [run.confirmed for run in runs if run.confirmed is not None]

    def open_runs(self) -> list[tuple[Confirmed[T], bool]]:
        """The runs that may still get hits, as they are now; True of those confirmed."""
        return [
            (run.confirmed, True)
            if run.confirmed
            else (self._summary(species, run, self._needed(species, run)), False)
            for species, run in self._runs.items()
        ]

    def _end_runs(self, span: Span) -> None:
        """End the runs without a hit that overlaps this window."""
        over = [s for s, run in self._runs.items() if span.window_start >= run.newest.window_end]
        for species in over:
            run = self._runs.pop(species)
            if run.confirmed is None:
                self._failed.append(self._summary(species, run, self._needed(species, run)))
            else:
                # What its record lasts to is not where the next one begins.
                self._near.pop(species, None)

    def _prolong(self, span: Span) -> None:
        """Let records last that a species was near to since their last hit."""
        for species, since in self._near.items():
            run = self._runs.get(species)
            if run and run.confirmed and since.window_start <= run.newest.window_start:
                run.confirmed = replace(run.confirmed, end_sample=span.end_sample)

    def _to_the_end(self, run: Confirmed[T]) -> Confirmed[T]:
        """The source's last window speaks for all after its middle."""
        last = run.end_sample == self._timeline.spoken_to
        return replace(run, end_sample=self._timeline.heard_to) if last else run

    def _needed(self, species: int, run: _Run[T]) -> int:
        hops = run.hops
        overlap = -(-self._window_samples * len(hops) // sum(hops))
        return hits_needed(overlap, self._cautions.get(species, self._caution))

    def _hit(self, species: int, hit: Hit[T], span: Span) -> Confirmed[T] | None:
        run = self._runs.setdefault(species, _Run())
        counts = run.add(hit, span)
        if run.confirmed is None:
            return self._try(species, run, span)
        # Only the ends of a long run are kept: memory stays bounded.
        run.heard = [run.best, run.heard[-1]]
        hits, windows = run.confirmed.hits + counts, run.confirmed.windows
        if counts and len(windows) < MOST_WINDOWS:
            windows = (*windows, hit)
        run.confirmed = replace(
            run.confirmed, end_sample=span.end_sample, hits=hits, windows=windows
        )
        return None

    def _try(self, species: int, run: _Run[T], span: Span) -> Confirmed[T] | None:
        """Confirm a run if it has enough hits within a window length."""
        oldest = span.window_start - self._window_samples
        run.heard = [heard for heard in run.heard if heard.span.window_start > oldest]
        needed = self._needed(species, run)
        if len(run.hops) >= needed:
            run.confirmed = self._summary(species, run, needed)
        return run.confirmed

    def _summary(self, species: int, run: _Run[T], needed: int) -> Confirmed[T]:
        first = self._first(species, run.heard[0].span)
        return Confirmed(
            species=species,
            start_sample=first.start_sample,
            end_sample=run.newest.end_sample,
            hits=len(run.hops),
            hits_needed=needed,
            best=run.best.hit,
            middle_sample=first.middle_sample,
            windows=tuple(heard.hit for heard in run.heard if not heard.repeats)[-MOST_WINDOWS:],
        )

    def _first(self, species: int, hit: Span) -> Span:
        """Span that a run begins with: of what was near before its first hit, and overlaps it."""
        near = self._near.get(species, hit)
        if near.window_start >= hit.window_start:
            return hit
        earliest = hit.earlier(self._window_samples - hit.hop_samples)
        return max(near, earliest, key=lambda span: span.start_sample)
