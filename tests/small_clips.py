"""Clips of a few small frames of plain colours: a frame is known by its colour."""

import io

import av
import numpy as np
from PIL import Image

SIZE = (64, 48)


def colour(number: int) -> tuple[int, int, int]:
    """Of the frame of this number; far from its neighbours'."""
    return (20 * number % 240, 40, 230 - 20 * number % 200)


def frames(count: int, size=SIZE, *, noisy: bool = False) -> list[Image.Image]:
    if noisy:
        noise = np.random.default_rng(0)
        shape = (size[1], size[0], 3)
        return [Image.fromarray(noise.integers(0, 256, shape, np.uint8)) for _ in range(count)]
    return [Image.new("RGB", size, colour(i)) for i in range(count)]


def animation(kind: str, count: int, size=SIZE, *, noisy: bool = False) -> bytes:
    """A GIF, WEBP or PNG of `count` frames, each shown for 0.2 s."""
    first, *rest = frames(count, size, noisy=noisy)
    out = io.BytesIO()
    more = {"lossless": True} if kind == "WEBP" else {}
    first.save(out, kind, save_all=True, append_images=rest, duration=200, **more)
    return out.getvalue()


def video(container: str, codec: str | None, count: int, size=SIZE, *, split=False) -> bytes:
    """A video of five frames a second; without a codec for pictures, silence instead.

    `split`: every frame is white on the left and black on the right.
    """
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        if codec is None:
            stream = file.add_stream("aac", rate=8000)
            sound = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            sound.sample_rate = 8000
            for plane in sound.planes:
                plane.update(bytes(plane.buffer_size))
            parts = [sound]
        else:
            stream = file.add_stream(codec, rate=5)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            stream.bit_rate = 2_000_000
            images = frames(count, size)
            if split:
                half = np.zeros((size[1], size[0], 3), np.uint8)
                half[:, : size[0] // 2] = 255
                images = [Image.fromarray(half)] * count
            parts = [av.VideoFrame.from_image(image) for image in images]
        for part in [*parts, None]:
            file.mux(stream.encode(part))
    return out.getvalue()
