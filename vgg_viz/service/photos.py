"""Photos that requests may name: the bundled samples, drawn textures, what people uploaded."""

import hashlib
import re
from pathlib import Path
from threading import Lock

from vgg_viz.errors import MissingImageError, UnknownNameError
from vgg_viz.images import Photo, Sample, decode, load_samples
from vgg_viz.results import ImageInfo, SampleInfo
from vgg_viz.service.caches import ByteBoundedCache
from vgg_viz.transfer.textures import AUTHOR, LICENCE, TEXTURES, texture

DIGEST = re.compile(r"[0-9a-f]{64}")


class PhotoStore:
    """Decoded photos by sample name or by sha256 of the uploaded bytes. Safe for threads."""

    def __init__(self, samples_folder: Path, limit: int) -> None:
        self._samples: dict[str, Sample] = {s.name: s for s in load_samples(samples_folder)}
        self._uploads: ByteBoundedCache[Photo] = ByteBoundedCache(limit, lambda p: p.pixels.nbytes)
        self._decoded: dict[str, Photo] = {}  # a dozen small samples: kept for good
        self._lock = Lock()

    def put(self, data: bytes) -> ImageInfo:
        """Decode and keep; ImageError when it cannot be shown."""
        return self.keep(decode(data))

    def keep(self, photo: Photo) -> ImageInfo:
        """Keep a photo under its digest."""
        self._uploads.put(photo.digest, photo)
        height, width = photo.pixels.shape[:2]
        return ImageInfo(photo.digest, width, height, photo.notes)

    def get(self, image: str) -> Photo:
        """The photo a request names. MissingImageError, UnknownNameError."""
        if DIGEST.fullmatch(image):
            photo = self._uploads.get(image)
            if photo is None:
                raise MissingImageError(
                    "This uploaded photo is no longer on the server; upload it again."
                )
            return photo
        if image in TEXTURES:
            pixels = texture(image)
            return Photo(pixels, hashlib.sha256(pixels.tobytes()).hexdigest())
        if image not in self._samples:
            raise UnknownNameError.among("photo", image, self._samples)
        with self._lock:
            if image not in self._decoded:
                self._decoded[image] = decode(self._samples[image].file.read_bytes())
            return self._decoded[image]

    def samples(self) -> tuple[SampleInfo, ...]:
        """The bundled photos, in their file's order."""
        return tuple(
            SampleInfo(s.name, s.title, s.author, s.licence, s.classes)
            for s in self._samples.values()
        )

    @staticmethod
    def textures() -> tuple[SampleInfo, ...]:
        """The style pictures that the program draws."""
        return tuple(SampleInfo(t.name, t.title, AUTHOR, LICENCE, ()) for t in TEXTURES.values())
