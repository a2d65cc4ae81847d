"""Clips: which frames are taken, when they are shown, and what is refused."""

import io
import itertools
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.small_clips import animation, colour, video
from vgg_viz import clips
from vgg_viz.clips import evenly, read_clip, upright
from vgg_viz.errors import ImageError
from vgg_viz.service.local import LocalService

KINDS = {
    "gif": lambda count, **more: animation("GIF", count, **more),
    "webp": lambda count, **more: animation("WEBP", count, **more),
    "apng": lambda count, **more: animation("PNG", count, **more),
    "mp4": lambda count, **more: video("mp4", "mpeg4", count, **more),
    "mov": lambda count, **more: video("mov", "mpeg4", count, **more),
    "webm": lambda count, **more: video("webm", "libvpx", count, **more),
    "mkv": lambda count, **more: video("matroska", "mpeg4", count, **more),
    "avi": lambda count, **more: video("avi", "mpeg4", count, **more),
}


def near(photo, number):
    """Whether a frame is the `number`th that was written, as lossy codecs keep it."""
    return np.abs(photo.pixels.mean(axis=(0, 1)) - colour(number)).max() < 9


@given(st.integers(1, 5000), st.integers(2, 60))
def test_frames_are_spaced_evenly_from_the_first_to_the_last(total, most):
    taken = evenly(total, most)
    assert len(taken) == min(total, most)
    assert taken[0] == 0
    assert taken[-1] == total - 1 or total == 1
    steps = {b - a for a, b in itertools.pairwise(taken)}
    assert not steps or (min(steps) >= 1 and max(steps) - min(steps) <= 1)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_clip_is_read(kind):
    clip = read_clip(KINDS[kind](7))
    assert clip.total == len(clip.frames) == len(clip.seconds) == 7
    assert all(near(photo, i) for i, photo in enumerate(clip.frames))
    assert clip.seconds == pytest.approx([0.2 * i for i in range(7)], abs=0.01)
    assert clip.frames[0].pixels.shape == (48, 64, 3)
    assert not clip.frames[0].pixels.flags.writeable
    assert clip.notes == ()
    assert len({photo.digest for photo in clip.frames}) == 7


@pytest.mark.parametrize("kind", ["gif", "webm"])
def test_of_many_frames_some_are_taken(kind):
    clip = read_clip(KINDS[kind](12), most=4)
    assert [near(photo, i) for photo, i in zip(clip.frames, (0, 4, 7, 11), strict=True)] == [
        True
    ] * 4
    assert clip.seconds == pytest.approx([0, 0.8, 1.4, 2.2], abs=0.01)
    assert clip.notes == ("4 of 12 frames, evenly spaced.",)


def test_large_frames_are_scaled_down():
    clip = read_clip(animation("WEBP", 2, size=(1024, 256)))
    assert clip.frames[0].pixels.shape == (128, 512, 3)


def test_transparent_parts_become_white():
    frames = [Image.new("RGBA", (8, 8), (0, 0, 0, alpha)) for alpha in (0, 128)]
    out = io.BytesIO()
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    first, second = read_clip(out.getvalue()).frames
    assert first.pixels.min() == 255
    assert second.pixels.mean() == pytest.approx(127, abs=1)


def test_a_turned_video_is_shown_upright():
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[0, 0] = 255  # top left
    assert upright(pixels, 0)[0, 0].all()
    assert upright(pixels, 90).shape == (3, 2, 3)
    assert upright(pixels, 90)[-1, 0].all()  # a quarter to the left: at the bottom left
    assert upright(pixels, -90)[0, -1].all()
    assert upright(pixels, 180)[-1, -1].all()


def test_the_turn_of_a_phone_is_read_from_the_file():
    """Held upright, a phone films lying frames and writes "turn clockwise" into the track."""
    data = bytearray(video("mp4", "mpeg4", 2, split=True))  # left half white
    at = data.index(b"tkhd") + 44
    identity = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    assert data[at : at + 36] == identity
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    frame = read_clip(bytes(data)).frames[0].pixels
    assert frame.shape == (64, 48, 3)
    assert frame[:24].mean() > 240
    assert frame[40:].mean() < 15


def test_a_clip_that_breaks_off_is_shown_up_to_there():
    data = bytearray(animation("PNG", 6, noisy=True))
    data[len(data) * 2 // 3 :] = b""
    clip = read_clip(bytes(data))
    assert 2 <= len(clip.frames) < 6
    assert any("Damaged after" in note for note in clip.notes)


def still(kind):
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"no clip at all", "is no clip that can be read. Use an MP4"),
        (b"#EXTM3U\nhttp://localhost/x.ts", "is no clip that can be read"),  # never opened
        (b"\0\0\0\x18ftypmp42" + b"x" * 200, "damaged or cut off"),
        (b"\x1aE\xdf\xa3" + b"x" * 200, "damaged or cut off"),
        (still("PNG"), "single picture"),
        (still("GIF"), "single picture"),
        (still("JPEG"), "single picture"),
        (animation("GIF", 3)[:60], "damaged or cut off|single picture|no clip"),
        (KINDS["mp4"](1), "single picture"),
    ],
)
def test_what_is_no_clip_is_refused(data, message):
    with pytest.raises(ImageError, match=message):
        read_clip(data)


@pytest.mark.parametrize("kind", ["gif", "mp4"])
def test_long_large_and_heavy_clips_are_refused(kind, monkeypatch):
    data = KINDS[kind](5)
    monkeypatch.setattr(clips, "MAX_FRAMES", 4)
    with pytest.raises(ImageError, match="frames and the limit is 4; cut it shorter"):
        read_clip(data)
    monkeypatch.setattr(clips, "MAX_FRAMES", 1800)
    monkeypatch.setattr(clips, "MAX_WORK", 64 * 48 * 5 - 1)
    with pytest.raises(ImageError, match="5 frames of 64 x 48 px; save it smaller"):
        read_clip(data)
    monkeypatch.setattr(clips, "MAX_BYTES", len(data) - 1)
    with pytest.raises(ImageError, match="the limit is"):
        read_clip(data)


def test_sound_alone_is_no_clip():
    with pytest.raises(ImageError, match="only sound"):
        read_clip(video("mp4", None, 3))


HEADS = [b"", b"GIF89a", b"\x1aE\xdf\xa3", b"RIFF1234AVI ", b"1234ftypisom"]


@given(st.binary(max_size=300), st.sampled_from(HEADS))
def test_noise_is_refused(data, head):
    with pytest.raises(ImageError):
        read_clip(head + data)


def test_the_service_keeps_the_frames_as_photos():
    with LocalService("cpu") as service:
        info = service.put_clip(KINDS["gif"](3))
        assert (len(info.images), info.total, len(info.seconds)) == (3, 3, 3)
        assert near(service._photos.get(info.images[2]), 2)
