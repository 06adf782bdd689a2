import math

import pytest

torch = pytest.importorskip("torch")
from train.engine.ranks import Ranks  # noqa: E402
from train.sound.features import FLOOR_DB, crop, to_decibels, to_power  # noqa: E402
from train.sound.log_mel_store import LogMelStore  # noqa: E402
from train.sound.sampler import Augmentation, WindowSampler  # noqa: E402

PLAIN = Augmentation(gain_db=0, mix=0, background=0, mask=0)


LABELS = (0, 0, 0, 0, 1, 2)
CPU = torch.device("cpu")


def drawing(features, labels, background=(), augmentation=PLAIN, seed=0, **how):
    clips, background = LogMelStore(features, CPU), LogMelStore(background, CPU)
    return WindowSampler(clips, torch.tensor(labels), background, 10, augmentation, seed, **how)


def sampler(augmentation=PLAIN, seed=0, background=(), **how):
    features = [torch.full((40, 4), -10.0 * n).half() for n in range(1, 7)]
    return drawing(features, LABELS, background, augmentation, seed, **how)


def test_species_have_equal_shares_whatever_their_number_of_recordings():
    labels = sampler().batch(30).labels
    assert torch.bincount(labels).tolist() == [10, 10, 10]


def test_with_a_weight_shares_grow_with_the_recordings():
    features = [torch.zeros(40, 4).half()] * 6
    weighted = drawing(features, LABELS, weight=0.5)
    shares = torch.bincount(weighted.batch(4000).labels) / 4000
    assert torch.allclose(shares, torch.tensor([0.5, 0.25, 0.25]), atol=0.03)


def test_shares_and_chances_are_as_given():
    chances = torch.tensor([1.0, 0.0, 2.0, 1.0, 1.0, 1.0], dtype=torch.float64)
    shares = torch.tensor([0.5, 0.1, 0.4], dtype=torch.float64)
    features = [torch.zeros(40, 4).half()] * 6
    batch = drawing(features, LABELS, shares=shares, chances=chances).batch(8000)
    found = torch.bincount(batch.recordings, minlength=6) / 8000
    expected = torch.tensor([0.125, 0.0, 0.25, 0.125, 0.1, 0.4])
    assert found[1] == 0
    assert torch.allclose(found, expected, atol=0.02)


def test_a_batch_says_where_its_windows_were_cut():
    steps = torch.arange(40.0)[:, None].repeat(1, 4)
    features = [(steps + 100 * n).half() for n in range(3)]
    batch = drawing(features, (0, 1, 1)).batch(20)
    for window, recording, start in zip(batch.log_mel, batch.recordings, batch.starts, strict=True):
        assert window[0, 0, 0] == 100 * recording + start


def test_windows_can_begin_on_a_grid_to_the_last_that_fits():
    steps = torch.arange(40.0)[:, None].repeat(1, 4)
    batch = drawing([steps.half()], (0,), grid_frames=7.4).batch(200)
    assert set(batch.starts.tolist()) == {0, 7, 15, 22, 30}
    assert torch.equal(batch.log_mel[:, 0, 0, 0], batch.starts.float())


def test_a_window_comes_from_a_recording_of_its_label():
    log_mel, labels, *_ = sampler().batch(60)
    assert log_mel.shape == (60, 1, 10, 4)
    levels = log_mel.mean(dim=(1, 2, 3)).round().tolist()
    allowed = {0: {-10, -20, -30, -40}, 1: {-50}, 2: {-60}}
    assert all(
        level in allowed[label] for level, label in zip(levels, labels.tolist(), strict=True)
    )


def test_the_same_seed_gives_the_same_batches():
    first, same, other = (sampler(Augmentation(), seed).batch(12)[0] for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_mixing_adds_power_and_never_less_than_the_window():
    noise = [torch.full((40, 4), -50.0)]
    mixed, labels, *_ = sampler(
        Augmentation(gain_db=0, mix=0, background=1, mask=0), background=noise
    ).batch(9)
    plain = sampler().batch(9).log_mel
    assert (mixed.mean(dim=(1, 2, 3)) > plain.mean(dim=(1, 2, 3)) - 60).all()
    quietest = mixed[labels == 2]
    # -20 to -3 dB below the window adds 0.04 to 1.8 dB.
    assert ((quietest > -60) & (quietest < -58)).all()


def test_a_quiet_window_keeps_the_floor_of_the_front_end():
    deep = [torch.tensor([[FLOOR_DB, FLOOR_DB + 5, -20.0, 0.0]]).repeat(40, 1)]
    quieter = Augmentation(gain_db=40, mix=0, background=0, mask=0)
    levels = drawing(deep, (0,), augmentation=quieter).batch(50).log_mel
    assert levels.amin() == FLOOR_DB
    assert (levels[..., 3] < -20).any()


def test_gain_shifts_every_bin_alike_and_masks_reach_the_window_floor():
    shifted = sampler(Augmentation(gain_db=8, mix=0, background=0, mask=0)).batch(6).log_mel
    assert (shifted.amax(dim=(1, 2, 3)) - shifted.amin(dim=(1, 2, 3))).max() < 1e-3
    assert shifted.std() > 0


def test_crop_tiles_a_short_clip_and_fills_the_rest_with_the_floor():
    tiled = crop(torch.arange(6.0).reshape(3, 2), 0, 8)
    assert tiled[:3].equal(tiled[3:6])
    assert (tiled[6:] == FLOOR_DB).all()


def test_decibels_and_power_are_inverse():
    levels = torch.tensor([-90.0, -30.0, 0.0, 12.0])
    assert torch.allclose(to_decibels(to_power(levels)), levels, atol=1e-4)


def test_on_a_gpu_windows_are_cut_as_from_the_file():
    """Packed into one tensor, gathered; here on the processor."""
    random = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 60, (40,), generator=random).tolist()
    features = [torch.randn(length, 4, generator=random).half() for length in lengths]
    mapped, packed = (LogMelStore(features, CPU, whole) for whole in (False, True))
    recordings = torch.randint(40, (200,), generator=random)
    spare = (mapped.lengths[recordings] - 25).clamp(min=0)
    starts = (torch.rand(200, generator=random) * (spare + 1)).long()
    assert torch.equal(*(one.cut(recordings, starts, 25) for one in (mapped, packed)))


def test_ranks_share_the_batch_that_one_alone_would_draw():
    noise = [torch.full((40, 4), -50.0)]
    whole, *parts = (
        sampler(Augmentation(mask_frames=4, mask_bins=2), 3, noise, ranks=ranks)
        for ranks in (Ranks(), Ranks(0, 2), Ranks(1, 2))
    )
    for _ in range(3):
        expected, found = whole.batch(12), [part.batch(12) for part in parts]
        for one, *shares in zip(expected, *found, strict=True):
            assert torch.equal(one, torch.stack(shares, 1).flatten(0, 1))
        outliers = torch.stack([part.outliers(4) for part in parts], 1).flatten(0, 1)
        assert torch.equal(whole.outliers(4), outliers)


def test_masks_reach_the_floor_of_their_own_window():
    steps = torch.arange(40.0)[:, None].repeat(1, 4)
    augmentation = Augmentation(gain_db=0, mix=0, background=0, mask=1, mask_frames=3, mask_bins=2)
    plain, masked = (
        drawing([steps + 100 * n for n in range(3)], (0, 1, 2), augmentation=one).batch(30).log_mel
        for one in (PLAIN, augmentation)
    )
    changed = plain != masked
    assert torch.equal(masked[changed], plain.amin((2, 3), keepdim=True).expand_as(plain)[changed])
    assert changed.flatten(1).any(1).sum() > 25
    assert changed.sum() <= 30 * (3 * 4 + 2 * 10)


def varied(**change):
    """No augmentation but what is named."""
    return Augmentation(**{"gain_db": 0, "mix": 0, "background": 0, "mask": 0, **change})


def test_every_window_of_every_recording_of_a_species_can_be_drawn():
    steps = torch.arange(12.0)[:, None].repeat(1, 4)
    batch = drawing([steps, steps, steps], (0, 0, 1)).batch(300)
    drawn = set(zip(batch.recordings.tolist(), batch.starts.tolist(), strict=True))
    assert drawn == {(recording, start) for recording in range(3) for start in range(3)}


def test_a_recording_shorter_than_a_window_begins_at_its_start():
    batch = drawing([torch.zeros(5, 4), torch.zeros(10, 4)], (0, 1)).batch(40)
    assert batch.starts.tolist() == [0] * 40


def test_levels_are_shifted_both_ways_and_as_far_as_they_may_be():
    shifts = drawing([torch.zeros(10, 4)], (0,), augmentation=varied(gain_db=8)).batch(400).log_mel
    per_window = shifts[:, 0, 0, 0]
    assert torch.equal(shifts, per_window[:, None, None, None].expand_as(shifts))
    assert -8 <= per_window.min() < -7.5
    assert 7.5 < per_window.max() <= 8
    assert abs(per_window.mean()) < 0.8


@pytest.mark.parametrize("kind", ["mix", "background"])
def test_what_is_added_has_its_level_relative_to_the_window(kind):
    noise = [torch.full((40, 4), -50.0)]
    ten_below = varied(**{kind: 1, f"{kind}_db": (-10.0, -10.0)})
    window = drawing([torch.full((40, 4), -30.0)], (0,), noise, ten_below).batch(3).log_mel
    expected = torch.full_like(window, -30 + 10 * math.log10(1.1))
    assert torch.allclose(window, expected, atol=1e-3)


def test_levels_of_what_is_added_spread_over_their_range():
    noise, augmentation = [torch.zeros(40, 4)], varied(background=1, background_db=(-20.0, -2.0))
    window = drawing([torch.zeros(40, 4)], (0,), noise, augmentation).batch(400).log_mel
    added_db = 10 * torch.log10(10 ** (window[:, 0, 0, 0].double() / 10) - 1)
    assert -20.1 < added_db.min() < -19
    assert -3 < added_db.max() < -1.9


def test_as_many_windows_are_mixed_as_the_probability_says():
    noise = [torch.zeros(40, 4)]
    window = drawing([torch.zeros(40, 4)], (0,), noise, varied(background=0.4)).batch(1000).log_mel
    changed = (window.amax((1, 2, 3)) > 0).float().mean()
    assert float(changed) == pytest.approx(0.4, abs=0.06)


def test_without_backgrounds_nothing_is_added():
    plain, mixed = (sampler(how, 5).batch(12).log_mel for how in (PLAIN, varied(background=1)))
    assert torch.equal(plain, mixed)


def test_outliers_are_cut_from_the_background_alone():
    noise = [torch.full((40, 4), -50.0), torch.full((10, 4), -70.0)]
    found = sampler(varied(gain_db=3), background=noise).outliers(50)
    assert found.shape == (50, 1, 10, 4)
    levels = found[:, 0, 0, 0]
    assert ((levels + 50).abs().minimum((levels + 70).abs()) <= 3).all()
    assert levels.max() > -55
    assert levels.min() < -65


def test_there_are_no_outliers_without_background_or_of_none():
    assert sampler().outliers(5) is None
    assert sampler(background=[torch.full((40, 4), -50.0)]).outliers(0) is None


@pytest.mark.parametrize("along", ["frames", "bins"])
def test_masks_are_bands_of_every_allowed_width_in_every_place(along):
    """Windows of one level but for a row of their floor, which the band doesn't run along."""
    loud = torch.zeros(10, 12)
    (loud[:, :1] if along == "frames" else loud[:1]).fill_(-60)
    how = varied(mask=1, mask_frames=3, mask_bins=3)
    window = drawing([loud], (0,), augmentation=how).batch(500).log_mel[:, 0]
    masked = (window == -60).all(2 if along == "frames" else 1)
    widths = masked.sum(1)
    assert set(widths.tolist()) == {1, 2, 3}
    edges = masked[:, 1:] != masked[:, :-1]
    runs = (edges.sum(1) + masked[:, 0] + masked[:, -1]) // 2
    assert (runs == 1).all()
    assert masked.any(0).all()


def test_a_mask_wider_than_a_window_covers_it():
    loud = torch.arange(40.0).reshape(10, 4)
    window = drawing([loud], (0,), augmentation=varied(mask=1, mask_frames=500)).batch(60).log_mel
    assert (window == 0).all((1, 2, 3)).float().mean() > 0.9


def test_as_many_windows_are_masked_as_the_probability_says():
    loud = torch.arange(40.0).reshape(10, 4)
    how = varied(mask=0.15, mask_frames=10)
    window = drawing([loud], (0,), augmentation=how).batch(1000).log_mel
    changed = (window != loud).flatten(1).any(1).float().mean()
    assert float(changed) == pytest.approx(0.15, abs=0.05)


def test_weighted_or_not_a_batch_is_as_large_as_asked_for():
    for size in (1, 2, 3, 4, 7):
        assert len(sampler().batch(size).labels) == size
        assert len(sampler(weight=0.5).batch(size).labels) == size


def test_windows_that_are_mixed_are_cut_anywhere():
    steps = torch.arange(40.0)[:, None].repeat(1, 4)
    batch = drawing([steps], (0,), augmentation=varied(mix=0.25)).batch(400)
    plain = torch.stack([steps[start : start + 10] for start in batch.starts])
    mixed = (batch.log_mel[:, 0] - plain).amax((1, 2)) > 0.01
    starts = batch.starts[mixed]
    assert 60 < len(starts) < 140
    assert starts.min() < 3
    assert starts.max() > 27


def test_any_background_is_added_where_some_are():
    low, high = torch.full((2, 40, 4), -90.0)
    low[:, 0], high[:, 3] = 0, 0
    how = varied(background=0.3, background_db=(0.0, 0.0))
    window = drawing([torch.zeros(40, 4)], (0,), [low, high], how).batch(400).log_mel[:, 0, 0]
    assert 30 < (window[:, 0] > 1).sum() < 90
    assert 30 < (window[:, 3] > 1).sum() < 90


def test_windows_that_are_masked_are_shifted_both_ways():
    loud = torch.zeros(10, 12)
    loud[:, 0] = -60
    how = varied(gain_db=8, mask=0.15, mask_frames=3)
    window = drawing([loud], (0,), augmentation=how).batch(400).log_mel[:, 0]
    masked = (window == window.amin((1, 2), keepdim=True)).all(2).any(1)
    shifts = window.amax((1, 2))[masked]
    assert 30 < len(shifts) < 100
    assert shifts.min() < -5
    assert shifts.max() > 5


def test_outliers_are_shifted_alike_wherever_they_are_cut():
    steps = 100 * torch.arange(40.0)[:, None].repeat(1, 4)
    first = sampler(varied(gain_db=8), background=[steps]).outliers(300)[:, 0, 0, 0]
    starts = (first / 100).round()
    assert set(starts.tolist()) == set(range(31))
    both = torch.stack([starts, first - 100 * starts])
    assert abs(torch.corrcoef(both)[0, 1]) < 0.2
    assert both[1].min() < -7
    assert both[1].max() > 7
