import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.contract.errors import AudioError
from edge.source.block import Block
from edge.source.recording import read_blocks, read_recording
from edge.source.suffixes import SUFFIXES
from edge.source.tree import find_recordings

FORMATS = [
    ("wav", "PCM_U8"),
    ("wav", "PCM_16"),
    ("wav", "PCM_24"),
    ("wav", "PCM_32"),
    ("wav", "FLOAT"),
    ("wav", "DOUBLE"),
    ("flac", "PCM_16"),
    ("flac", "PCM_24"),
    ("ogg", "VORBIS"),
    ("mp3", "MPEG_LAYER_III"),
]


@pytest.mark.parametrize(("suffix", "subtype"), FORMATS)
@pytest.mark.parametrize(("rate_hz", "channels"), [(8_000, 1), (44_100, 2), (48_000, 1)])
def test_every_format_keeps_pitch_level_and_length(
    tmp_path: Path, tone, pitch, suffix: str, subtype: str, rate_hz: int, channels: int
) -> None:
    path = tmp_path / f"a.{suffix}"
    samples = np.repeat(tone(1000, 2.3, rate_hz)[:, None], channels, axis=1)
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    heard, found_hz = read_recording(path)
    assert found_hz == rate_hz
    assert heard.dtype == np.float32
    assert heard.ndim == 1
    assert len(heard) == len(samples)
    assert pitch(heard, rate_hz) == pytest.approx(1000, abs=1)
    level = np.sqrt(2 * np.square(heard[4000:-4000]).mean())
    assert level == pytest.approx(0.3, rel=0.02)


@pytest.mark.parametrize(("suffix", "subtype"), FORMATS)
def test_reading_in_blocks_equals_reading_at_once(
    tmp_path: Path, suffix: str, subtype: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    noise = 0.1 * np.random.default_rng(0).normal(size=200_000)
    soundfile.write(path, noise, 48_000, subtype=subtype)
    at_once, _ = soundfile.read(path, dtype="float32")
    in_blocks, _ = read_recording(path)
    assert len(in_blocks) == len(at_once)
    assert np.abs(in_blocks - at_once).max() < 1e-6


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 32_000, 96_000, 192_000])
def test_any_rate_is_read_as_it_is(tmp_path: Path, tone, pitch, rate_hz: int) -> None:
    soundfile.write(tmp_path / "a.flac", tone(1000, 1.0, rate_hz), rate_hz)
    heard, found_hz = read_recording(tmp_path / "a.flac")
    assert (found_hz, len(heard)) == (rate_hz, rate_hz)
    assert pitch(heard, rate_hz) == pytest.approx(1000, abs=2)


def test_channels_are_averaged(tmp_path: Path, tone) -> None:
    one = tone(1000, 1.0)
    soundfile.write(tmp_path / "a.wav", np.stack([one, -one, one, one], axis=1), 48_000, "FLOAT")
    assert np.abs(read_recording(tmp_path / "a.wav")[0] - one / 2).max() < 1e-6


@pytest.mark.parametrize("seconds", [0.1, 0.9999, 1.0, 1.0001, 3.7])
def test_blocks_follow_each_other_without_gap(tmp_path: Path, tone, seconds: float) -> None:
    samples = tone(700, seconds)
    soundfile.write(tmp_path / "a.wav", samples, 48_000, "FLOAT")
    blocks = list(read_blocks(tmp_path / "a.wav"))
    assert blocks[0].first_sample == 0
    assert all(a.end_sample == b.first_sample for a, b in itertools.pairwise(blocks))
    assert (np.concatenate([block.samples for block in blocks]) == samples).all()


def refused(path: Path) -> str:
    with pytest.raises(AudioError) as caught:
        list(read_blocks(path))
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "empty"),
        (b"The quick brown fox\n" * 100, "not readable as audio"),
        (b"RIFF", "not readable"),
        (b"fLaC" + bytes(200), "not readable"),
        (b"fLaC", "not readable"),
        (b"OggS" + bytes(200), "not readable"),
        (bytes(4096), "not readable"),
    ],
)
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_what_is_no_audio_is_refused(
    tmp_path: Path, suffix: str, content: bytes, named: str
) -> None:
    (tmp_path / f"a.{suffix}").write_bytes(content)
    assert named in refused(tmp_path / f"a.{suffix}")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "absent.wav")


def test_a_directory_is_no_recording(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path)


@pytest.mark.parametrize("samples", [0, 1, 4799])
def test_a_recording_too_short_to_hear_a_bird_in_is_refused(tmp_path: Path, samples: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(samples, np.float32), 48_000)
    assert "too short" in refused(tmp_path / "a.wav")


@pytest.mark.parametrize("rate_hz", [1, 50, 999])
def test_a_rate_too_low_for_birds_is_refused(tmp_path: Path, rate_hz: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(4000, np.float32), rate_hz)
    assert f"{rate_hz} samples a second" in refused(tmp_path / "a.wav")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, -3e38])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_samples_that_are_no_sound_are_silence_and_told_once(
    tmp_path: Path, tone, caplog, bad: float, subtype: str
) -> None:
    samples = tone(1000, 3.0)
    samples[[5, 100_000, 100_001]] = bad
    soundfile.write(tmp_path / "a.wav", samples, 48_000, subtype)
    heard, _ = read_recording(tmp_path / "a.wav")
    sound = np.abs(samples) <= 1
    assert (heard[sound] == samples[sound]).all()
    assert (heard[~sound] == 0).all()
    (told,) = caplog.messages
    assert "a.wav: 3 samples are NaN" in told


def test_a_channel_without_numbers_leaves_the_other(tmp_path: Path, tone) -> None:
    one = tone(1000, 1.0)
    broken = np.stack([one, np.full_like(one, np.nan)], axis=1)
    soundfile.write(tmp_path / "a.wav", broken, 48_000, "FLOAT")
    assert np.abs(read_recording(tmp_path / "a.wav")[0] - one).max() < 1e-6


@pytest.mark.parametrize("gain_db", [20, 40, 90, 186])
def test_floats_beyond_full_scale_are_turned_down_as_a_whole(
    tmp_path: Path, tone, caplog, gain_db: int
) -> None:
    caplog.set_level("INFO")
    samples = np.append(tone(1000, 2.0, level=1.0), tone(3000, 2.0, level=0.1))
    soundfile.write(tmp_path / "a.wav", samples * 10 ** (gain_db / 20), 48_000, "FLOAT")
    heard, _ = read_recording(tmp_path / "a.wav")
    assert 0.25 < np.abs(heard).max() <= 2
    assert heard / np.abs(heard).max() == pytest.approx(samples / samples.max(), abs=1e-4)
    assert "turned down by" in caplog.text


def test_sound_that_is_clipped_at_full_scale_is_left_as_it_is(tmp_path: Path, tone) -> None:
    samples = np.clip(tone(1000, 1.0, level=5.0), -1, 1)
    soundfile.write(tmp_path / "a.wav", samples, 48_000, "FLOAT")
    assert (read_recording(tmp_path / "a.wav")[0] == samples).all()


@pytest.mark.parametrize("suffix", ["flac", "mp3"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_file_never_passes_for_the_whole(
    tmp_path: Path, tone, suffix: str, share: float
) -> None:
    whole, cut = tmp_path / f"whole.{suffix}", tmp_path / f"cut.{suffix}"
    soundfile.write(whole, tone(1000, 4.0), 48_000)
    content = whole.read_bytes()
    cut.write_bytes(content[: round(share * len(content))])
    assert "copy it again" in refused(cut)


@pytest.mark.parametrize("promised", [0, 1000, 3 * 48_000, 6 * 48_000, 2**36 - 1])
def test_the_decoder_says_where_a_flac_ends_and_not_its_header(
    tmp_path: Path, tone, promised: int
) -> None:
    """Recorders and segmenters write none, or a wrong one."""
    soundfile.write(tmp_path / "a.flac", tone(1000, 3.0), 48_000)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    kept = int.from_bytes(content[18:26], "big") >> 36 << 36
    content[18:26] = (kept | promised).to_bytes(8, "big")  # STREAMINFO: 36 bits of total samples
    (tmp_path / "a.flac").write_bytes(content)
    assert len(read_recording(tmp_path / "a.flac")[0]) == 3 * 48_000


@pytest.mark.parametrize("suffix", ["flac", "mp3"])
def test_what_was_heard_before_a_truncation_is_real_sound(
    tmp_path: Path, tone, suffix: str
) -> None:
    """The level rises throughout, so samples made up after the cut would show."""
    rising = np.linspace(0.01, 0.3, 4 * 48_000).astype(np.float32) * tone(1000, 4.0, level=1.0)
    soundfile.write(tmp_path / f"whole.{suffix}", rising, 48_000)
    content = (tmp_path / f"whole.{suffix}").read_bytes()
    (tmp_path / f"cut.{suffix}").write_bytes(content[: len(content) // 2])
    heard: list[Block] = []

    def hear() -> None:
        for block in read_blocks(tmp_path / f"cut.{suffix}"):
            heard.append(block)

    with pytest.raises(AudioError):
        hear()
    assert heard
    for block in heard:
        true = rising[block.first_sample : block.end_sample]
        assert np.abs(block.samples - true).max() < 0.05


def test_a_damaged_flac_is_refused(tmp_path: Path, tone) -> None:
    soundfile.write(tmp_path / "a.flac", tone(1000, 4.0), 48_000)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    (tmp_path / "a.flac").write_bytes(content)
    assert "damaged" in refused(tmp_path / "a.flac")


def test_a_folder_is_searched_to_its_depth_in_order(tmp_path: Path) -> None:
    (tmp_path / "b" / "deep").mkdir(parents=True)
    wanted = [tmp_path / "a.WAV", tmp_path / "b" / "deep" / "c.flac", tmp_path / "b" / "x.Mp3"]
    for path in [*wanted, tmp_path / "notes.txt", tmp_path / "b" / "wav"]:
        path.write_bytes(b"x")
    (tmp_path / "folder.wav").mkdir()
    assert find_recordings(tmp_path) == wanted


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_announced_suffix_is_found(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(b"x")
    assert len(find_recordings(tmp_path)) == 1


def test_a_folder_without_recordings_says_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"x")
    with pytest.raises(AudioError, match=r"\.wav, \.flac"):
        find_recordings(tmp_path)
