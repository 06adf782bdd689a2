import pytest

from edge.contract.audio_spec import AudioSpec
from edge.pipeline.pace import Pace

SPEC = AudioSpec(sample_rate_hz=1000, window_samples=10_000, hop_samples=2_500)


def settled(pace: Pace, busy_s: float, cpu_s: float = 0.0, windows: int = 100) -> int:
    for _ in range(windows):
        pace.took(busy_s, cpu_s)
    return pace.hop_samples


@pytest.mark.parametrize(
    ("busy_s", "hop"),
    [(0.1, 2500), (2.2, 2500), (2.4, 3750), (3.6, 5000), (5.0, 7500), (8.0, 10_000), (60, 10_000)],
)
def test_the_hop_is_the_narrowest_that_inference_keeps_up_with(busy_s: float, hop: int) -> None:
    assert settled(Pace(SPEC), busy_s) == hop


def test_it_narrows_again_when_there_is_time() -> None:
    pace = Pace(SPEC)
    assert settled(pace, 8.0) == 10_000
    assert settled(pace, 0.1) == 2500


def test_it_does_not_waver_where_it_just_keeps_up() -> None:
    pace = Pace(SPEC)
    settled(pace, 2.5)
    changes = pace.changes
    for n in range(1000):
        pace.took(2.3 + 0.2 * (n % 2), 0.0)
    assert pace.changes == changes


def test_one_slow_window_changes_nothing() -> None:
    pace = Pace(SPEC)
    settled(pace, 0.5)
    pace.took(5.0, 0.0)
    assert settled(pace, 0.5, windows=3) == 2500


def test_the_limit_of_a_core_widens_the_hop_too() -> None:
    assert settled(Pace(SPEC, max_cpu=0.5), 0.3, cpu_s=1.2) == 2500
    assert settled(Pace(SPEC, max_cpu=0.2), 0.3, cpu_s=0.9) == 5000


def test_a_change_is_told(caplog: pytest.LogCaptureFixture) -> None:
    settled(Pace(SPEC), 3.6)
    assert "the hop is 5.00 s now" in caplog.text
