"""Frames at given moments and sound of real files, whole and broken."""

import sys

import numpy as np
import pytest

pytest.importorskip("av")
from edge.contract.errors import AudioError, MissingPackageError, PictureError
from tests.support.films import RATE_HZ, make_film, tone, turn
from train.bridges import video
from train.bridges.video import (
    frame_times,
    read_frames,
    read_sound,
    video_length_s,
)

GREYS = (20, 60, 100, 140, 180, 220)


def shown(path, times_s):
    """Index of the grey in each frame's upper half."""
    means = [np.asarray(image)[:16].mean() for image in read_frames(path, times_s)]
    return [int(np.abs(np.subtract(GREYS, mean)).argmin()) for mean in means]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Six frames at 4 Hz, a tone in the middle."""
    return make_film(tmp_path_factory.mktemp("films") / "a.mp4", GREYS, tone(1000, 0.5, 1.0, 1.5))


def test_a_frame_is_shown_until_the_next_one_begins(film):
    assert shown(film, [0.0, 0.24, 0.26, 0.51, 1.49]) == [0, 0, 1, 2, 5]


def test_moments_may_come_in_any_order(film):
    assert shown(film, [1.3, 0.1, 0.6, 0.1]) == [5, 0, 2, 0]


def test_moments_lie_in_the_middle_of_equal_parts(film):
    assert video_length_s(film) == pytest.approx(1.5)
    assert frame_times(1.5, 3) == pytest.approx([0.25, 0.75, 1.25])
    assert shown(film, frame_times(1.5, 6)) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_sound_begins_where_the_pictures_do(tmp_path, suffix):
    path = make_film(tmp_path / f"a{suffix}", GREYS, tone(1000, 0.5, 1.0, 1.5))
    sound = read_sound(path, 48_000)
    loud = np.flatnonzero(np.abs(sound) > 0.15) / 48_000
    assert loud[0] == pytest.approx(0.5, abs=0.03)
    assert loud[-1] == pytest.approx(1.0, abs=0.03)
    assert len(sound) == pytest.approx(1.5 * 48_000, rel=0.05)


def test_sound_comes_at_the_rate_asked_for(film, pitch):
    assert pitch(read_sound(film, 16_000)[8_500:15_000], 16_000) == pytest.approx(1000, rel=0.01)


def test_two_channels_become_one_as_loud(tmp_path):
    path = make_film(tmp_path / "a.mp4", GREYS, tone(1000, 0.0, 1.5, 1.5, channels=2))
    assert np.abs(read_sound(path, RATE_HZ)[20_000:40_000]).max() == pytest.approx(0.4, abs=0.05)


def raw_sound(path, rate_hz, channels):
    """AAC without a container, a tone of 1 kHz."""
    import av

    with av.open(str(path), "w", format="adts") as container:
        layout = {1: "mono", 2: "stereo"}[channels]
        voice = container.add_stream("aac", rate=rate_hz, layout=layout)
        wave = 0.4 * np.sin(2 * np.pi * 1000 * np.arange(rate_hz) / rate_hz)
        samples = np.repeat(wave.astype(np.float32)[None], channels, axis=0)
        block = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
        block.sample_rate, block.pts = rate_hz, 0
        container.mux(voice.encode(block))
        container.mux(voice.encode(None))
    return path.read_bytes()


@pytest.mark.parametrize("second", [(48_000, 2), (24_000, 1), (24_000, 2)])
def test_sound_that_changes_midway_is_heard_as_it_began(tmp_path, second, pitch):
    path = tmp_path / "a.aac"
    parts = [raw_sound(tmp_path / "part.aac", *kind) for kind in ((48_000, 1), second)]
    path.write_bytes(b"".join(parts))
    sound = read_sound(path, RATE_HZ)
    assert len(sound) == pytest.approx(2 * RATE_HZ, rel=0.1)
    for begin in (20_000, 65_000):
        part = sound[begin : begin + 20_000]
        assert pitch(part, RATE_HZ) == pytest.approx(1000, rel=0.01)
        assert 0.32 < np.abs(part).max() < 0.6  # two alike channels add up to 3 dB more


@pytest.mark.parametrize("untold", [1, 1000])
def test_frames_of_sound_without_a_time_are_heard(film, monkeypatch, untold):
    decoded, expected = video._decoded, read_sound(film, RATE_HZ)

    def timeless(*arguments):
        for number, frame in enumerate(decoded(*arguments)):
            frame.pts = None if number < untold else frame.pts
            yield frame

    monkeypatch.setattr(video, "_decoded", timeless)
    found = read_sound(film, RATE_HZ)
    assert len(found) == pytest.approx(len(expected), abs=1100)
    if untold == 1:
        assert found == pytest.approx(expected, abs=1e-4)


def test_frames_of_a_variable_rate_are_taken_by_their_times(tmp_path):
    path = make_film(tmp_path / "a.mkv", GREYS, pts=(0, 1, 2, 10, 11, 12))
    assert shown(path, [0.3, 2.0, 2.4, 2.55, 3.1]) == [1, 2, 2, 3, 5]


def test_a_phone_held_upright_is_turned(tmp_path):
    path = turn(make_film(tmp_path / "a.mp4", (200,) * 4))
    (image,) = read_frames(path, [0.5])
    assert image.size == (48, 64)
    pixels = np.asarray(image).mean(axis=2)
    assert pixels[:, 30:].mean() > 150  # what was above is now at the right
    assert pixels[:, :18].mean() < 50


def test_a_film_without_sound_is_seen_and_not_heard(tmp_path):
    path = make_film(tmp_path / "a.mp4", GREYS)
    assert shown(path, [0.1]) == [0]
    with pytest.raises(AudioError, match=r"a\.mp4: has no sound"):
        read_sound(path, RATE_HZ)


def test_sound_without_a_film_is_heard_and_not_seen(tmp_path):
    path = make_film(tmp_path / "a.mp4", sound=tone(1000, 0, 1, 1))
    assert len(read_sound(path, RATE_HZ)) > 47_000
    for look in (lambda: read_frames(path, [0.1]), lambda: video_length_s(path)):
        with pytest.raises(PictureError, match="has no pictures, only sound"):
            look()


def test_a_file_that_lost_its_end_shows_no_frame_twice(tmp_path):
    path = make_film(tmp_path / "a.mkv", [20, 220] * 40, tone(1000, 0, 20, 20))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 3])
    assert len(read_frames(path, [0.1])) == 1
    with pytest.raises(PictureError, match=r"a\.mkv: (ends at .* s, a frame at 19|damaged)"):
        read_frames(path, [0.1, 19.0])


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100, None])
def test_what_is_no_video_is_named(tmp_path, content):
    path = tmp_path / "a.mp4"
    if content is None:  # an MP4 cut short lacks its index
        whole = make_film(path, GREYS, tone(1000, 0, 1.5, 1.5)).read_bytes()
        content = whole[: len(whole) // 2]
    path.write_bytes(content)
    with pytest.raises(PictureError, match=r"a\.mp4: not readable as a video .*; copy it again"):
        read_frames(path, [0.1])
    with pytest.raises(AudioError, match=r"a\.mp4: not readable"):
        read_sound(path, RATE_HZ)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(PictureError, match=r"b\.mp4: not readable as a video \(No such file"):
        read_frames(tmp_path / "b.mp4", [0.0])


def test_a_click_of_sound_is_too_short(tmp_path):
    path = make_film(tmp_path / "a.mp4", GREYS, tone(1000, 0, 0.02, 0.02))
    with pytest.raises(AudioError, match=r"less than 0\.1 s"):
        read_sound(path, RATE_HZ)


def test_without_pyav_the_command_to_install_it_is_told(film, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'av>=14'"):
        read_frames(film, [0.0])
