"""From the bytes of an image file to pixels: one picture of 8 bits in gray or colour, upright, perhaps resized.

What a file may be, and what becomes of it:

- PNG, JPEG, GIF, BMP or WebP, recognised by its first bytes and not by its name; one picture, no animation.
- Turned upright as its EXIF orientation says. Of 16 bits the upper 8 are kept. Transparent pixels are laid over white.
- A palette and CMYK become red, green and blue; one bit becomes 0 and 255. Colour profiles are ignored.
- To gray: (299 red + 587 green + 114 blue) / 1000, ITU-R 601. To colour: gray three times.
- Resized by Pillow's bilinear filter, whose support grows with the reduction, so that nothing is skipped.

The sizes in the header are checked before pixels are unpacked, so that a bomb costs nothing.
"""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin
from PIL.Image import Resampling, Transpose
from PIL.ImageFile import ImageFile

from nnlab.data.dataset import MOST_PIXELS
from nnlab.data.images.planes import Planes

LARGEST_FILE = 2**28  # bytes
LARGEST_PICTURE = 2**26  # pixels: 8192 × 8192, of which colour takes 192 MiB

Pixels = NDArray[np.uint8]  # (channels, rows, columns)

_KINDS: tuple[tuple[bytes, Any], ...] = (
    (rb"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    (rb"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
    (rb"GIF8[79]a", GifImagePlugin.GifImageFile),
    (rb"BM", BmpImagePlugin.BmpImageFile),
    (rb"RIFF....WEBP", WebPImagePlugin.WebPImageFile),
)
_ORIENTATION = 0x0112  # the EXIF tag
_CHANNELS = {"gray": 1, "rgb": 3}


class BadImageError(ValueError):
    """A file that is no sound picture."""


@dataclass(frozen=True)
class Wanted:
    """What becomes of a picture: `size` (rows, columns) to resize it to, and `channels` "gray" or "rgb".

    None leaves the picture's own.
    """

    size: tuple[int, int] | None = None
    channels: str | None = None


def decode(content: bytes, wanted: Wanted) -> Pixels:
    """The pixels (1 or 3, rows, columns) of an image file. BadImageError, with what was found, for anything else."""
    return decode_from(content, wanted)[0]


def decode_from(content: bytes, wanted: Wanted) -> tuple[Pixels, Planes]:
    """The same pixels, and the channels, rows and columns that the picture itself had, upright."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of large pictures and odd palettes: both are dealt with here
        try:
            return _decoded(content, wanted)
        except BadImageError:
            raise
        except MemoryError as error:
            raise BadImageError("found a picture that does not fit into memory, expected a smaller one") from error
        except Exception as error:  # Pillow raises whatever its parsers meet, from SyntaxError to struct.error
            reason = " ".join(str(error).split())[:80]
            raise BadImageError(f"found a broken or truncated picture ({reason}), expected a sound one") from error


def _decoded(content: bytes, wanted: Wanted) -> tuple[Pixels, Planes]:
    with _opened(content) as file:
        _check_size(file.size)
        if getattr(file, "is_animated", False):
            raise BadImageError("found an animation, expected one picture")
        orientation = _orientation(file)
        file.load()
        picture = _upright(_eight_bits(file), orientation)
    own = (_CHANNELS[_own_channels(picture)], picture.height, picture.width)
    picture = picture.convert({"gray": "L", "rgb": "RGB"}[wanted.channels or _own_channels(picture)])
    if wanted.size is not None and picture.size != wanted.size[::-1]:
        picture = picture.resize(wanted.size[::-1], Resampling.BILINEAR)
    values = np.asarray(picture, np.uint8)
    if values.size > MOST_PIXELS:
        raise BadImageError(f"found {_times(picture.size)} pixels, expected at most {MOST_PIXELS:,} (data.resize)")
    return (values[None] if values.ndim == 2 else np.ascontiguousarray(values.transpose(2, 0, 1))), own


def _opened(content: bytes) -> ImageFile:
    """The file with its header read, by the class for its first bytes: Pillow's other formats are never tried."""
    if not content:
        raise BadImageError("found an empty file, expected a picture")
    for start, kind in _KINDS:
        if re.match(start, content, re.DOTALL):
            opened: ImageFile = kind(io.BytesIO(content))
            if isinstance(opened, PngImagePlugin.PngImageFile):  # has checksums; what was verified cannot be loaded
                PngImagePlugin.PngImageFile(io.BytesIO(content)).verify()
            return opened
    raise BadImageError(f"found a file that begins with {content[:4].hex()}, expected PNG, JPEG, GIF, BMP or WebP")


def _check_size(size: tuple[int, int]) -> None:
    if 0 in size or size[0] * size[1] > LARGEST_PICTURE:
        raise BadImageError(f"found {_times(size)} pixels, expected from 1 to {LARGEST_PICTURE:,}")


def _times(size: tuple[int, int]) -> str:
    """`rows × columns` of Pillow's (columns, rows)."""
    return f"{size[1]} × {size[0]}"


def _orientation(file: ImageFile) -> int:
    """The EXIF orientation, from 1 to 8; 1, upright, if there is none that can be read."""
    try:
        return int(file.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - a picture is sound without its metadata, whatever Pillow finds in them
        return 1


_TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    return picture.transpose(_TURNS[orientation]) if orientation in _TURNS else picture


def _eight_bits(picture: Image.Image) -> Image.Image:
    """The picture in mode L or RGB."""
    if picture.mode.startswith("I"):  # 16 bits of gray
        return Image.fromarray((np.asarray(picture).astype(np.int64) >> 8).astype(np.uint8))
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in picture.info:
        return _over_white(picture.convert("RGBA"), "L" if picture.mode in ("L", "LA", "La") else "RGB")
    return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")


def _over_white(picture: Image.Image, mode: str) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert(mode)


def _own_channels(picture: Image.Image) -> str:
    return "gray" if picture.mode == "L" else "rgb"
