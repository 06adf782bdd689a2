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


def test_a_batch_says_where_its_windows_were_cut():
    steps = torch.arange(40.0)[:, None].repeat(1, 4)
    features = [(steps + 100 * n).half() for n in range(3)]
    batch = drawing(features, (0, 1, 1)).batch(20)
    for window, recording, start in zip(batch.log_mel, batch.recordings, batch.starts, strict=True):
        assert window[0, 0, 0] == 100 * recording + start


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
