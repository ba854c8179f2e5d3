"""One image file to pixels: every mode as the docstring says, and every file that is no sound picture refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from PIL import Image
from stand_ins import image_file

from nnlab.data.images import decode as module
from nnlab.data.images.decode import BadImageError, Wanted, decode

GRAY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
COLOUR = np.arange(36, dtype=np.uint8).reshape(3, 4, 3) * 7
OWN, AS_GRAY, AS_RGB = Wanted(), Wanted(channels="gray"), Wanted(channels="rgb")


def saved(image, form="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, depth=8, colour=0, content=b"", extra=b""):
    """A PNG file chunk by chunk, so that it may promise anything."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(content))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + data + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("form", "pixels"), [("PNG", GRAY), ("PNG", COLOUR), ("BMP", GRAY), ("BMP", COLOUR), ("GIF", GRAY)]
)
def test_files_without_loss_give_the_pixels_in_planes(form, pixels):
    found = decode(image_file(pixels, form), AS_GRAY if form == "GIF" else OWN)
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    np.testing.assert_array_equal(found, planes)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous


def test_webp_and_jpeg():
    np.testing.assert_array_equal(decode(image_file(COLOUR, "WEBP", lossless=True), OWN), COLOUR.transpose(2, 0, 1))
    flat = np.full((16, 16, 3), [200, 100, 50], np.uint8)
    assert np.abs(decode(image_file(flat, "JPEG", quality=95), OWN).astype(int) - [[[200]], [[100]], [[50]]]).max() < 5
    assert decode(image_file(flat[:, :, 0], "JPEG"), OWN).shape == (1, 16, 16)


def test_the_content_says_what_a_file_is():
    assert decode(image_file(GRAY, "BMP"), OWN).shape == (1, 3, 4)  # whatever its name is: decode gets none


def test_to_gray_and_to_colour():
    found = decode(image_file(COLOUR), AS_GRAY)[0]
    np.testing.assert_allclose(found, COLOUR @ [0.299, 0.587, 0.114], atol=0.51)
    np.testing.assert_array_equal(decode(image_file(GRAY), AS_RGB), np.stack([GRAY] * 3))


def test_sixteen_bits_keep_the_upper_eight():
    values = np.array([[0, 255, 256, 0x1234], [0xFF00, 0xFFFF, 0x8000, 0x7FFF]], np.uint16)
    np.testing.assert_array_equal(decode(saved(Image.fromarray(values)), OWN)[0], values >> 8)


def test_one_bit_is_0_and_255():
    image = Image.fromarray(GRAY > 100)
    assert image.mode == "1"
    np.testing.assert_array_equal(decode(saved(image), OWN)[0], np.where(GRAY > 100, 255, 0))


def test_a_palette_is_colour():
    image = Image.fromarray(COLOUR).quantize(12)
    np.testing.assert_array_equal(decode(saved(image), OWN), np.asarray(image.convert("RGB")).transpose(2, 0, 1))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_transparent_lies_over_white(mode):
    image = Image.fromarray(COLOUR).convert("RGBA")
    image.putalpha(Image.fromarray(np.array([[0, 255, 128, 255]] * 3, np.uint8)))
    image = image.convert("LA") if mode == "LA" else image
    content = saved(image) if mode != "PA" else saved(image.quantize(8), "GIF", transparency=0)
    found = decode(content, AS_RGB).astype(float)
    if mode == "PA":
        assert found.shape == (3, 3, 4)
        return
    assert (found[:, :, 0] == 255).all()
    opaque = np.asarray(image.convert("RGB")).transpose(2, 0, 1).astype(float)
    np.testing.assert_array_equal(found[:, :, 1], opaque[:, :, 1])
    np.testing.assert_allclose(found[:, :, 2], (opaque[:, :, 2] * 128 + 255 * 127) / 255, atol=1)
    assert len(decode(content, OWN)) == (1 if mode == "LA" else 3)


def test_a_transparent_colour_of_a_palette_is_white():
    image = Image.fromarray(np.array([[0, 1], [1, 2]], np.uint8), "L").convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    found = decode(saved(image, transparency=1), OWN)
    np.testing.assert_array_equal(found[:, 0, 0], [10, 20, 30])
    np.testing.assert_array_equal(found[:, 0, 1], [255, 255, 255])


def test_cmyk():
    image = Image.new("CMYK", (4, 4), (0, 255, 255, 0))
    found = decode(saved(image, "JPEG", quality=100), OWN).reshape(3, -1).mean(axis=1)
    np.testing.assert_allclose(found, [255, 0, 0], atol=3)


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_pictures_are_turned_upright(orientation, form):
    """Each orientation against the corner that it puts first. Source: EXIF 2.32, tag 0x0112."""
    upright = np.zeros((32, 48), np.uint8)
    upright[:16, :16], upright[:16, 32:] = 255, 128  # tells all eight apart
    as_stored = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].T,
        8: lambda a: np.rot90(a, -1),
    }.get(orientation, lambda a: a)(upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(saved(Image.fromarray(np.ascontiguousarray(as_stored)), form, exif=exif), AS_GRAY)[0]
    np.testing.assert_allclose(found, upright, atol=12)


@pytest.mark.parametrize(
    "exif", [b"", b"x", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_broken_metadata_leave_the_picture_as_it_is(exif):
    np.testing.assert_array_equal(decode(saved(Image.fromarray(GRAY), exif=exif), OWN)[0], GRAY)


def test_resizing_loses_no_pixel():
    """Of eight times the size, each pixel counts: the mean stays, which a filter without antialiasing misses."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (256, 256)).astype(np.uint8)
    found = decode(image_file(pixels), Wanted((8, 16)))[0]
    assert found.shape == (8, 16)
    assert abs(found.mean() - pixels.mean()) < 1
    assert found.std() < 12
    np.testing.assert_array_equal(decode(image_file(GRAY), Wanted((3, 4)))[0], GRAY)
    ramp = np.repeat(np.arange(0, 250, 25, dtype=np.uint8)[None], 4, axis=0)
    larger = decode(image_file(ramp), Wanted((4, 40)))[0, 0].astype(int)
    assert (np.diff(larger) >= 0).all()


def animated(form):
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (0, 100, 200)]
    return saved(frames[0], form, save_all=True, append_images=frames[1:])


def flipped(content, mark, behind):
    """The content with a bit flipped some bytes behind a mark."""
    made = bytearray(content)
    made[content.index(mark) + behind] ^= 4
    return bytes(made)


BAD = {
    "empty": (b"", "found an empty file"),
    "text": (b"<!DOCTYPE html><html>", "begins with 3c21444f, expected PNG, JPEG, GIF, BMP or WebP"),
    "a TIFF": (saved(Image.fromarray(GRAY), "TIFF"), "expected PNG, JPEG, GIF, BMP or WebP"),
    "an EPS, which Pillow would give to Ghostscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "begins with 25215053"),
    "a GIF of three frames": (animated("GIF"), "found an animation"),
    "a PNG of three frames": (animated("PNG"), "found an animation"),
    "a WebP of three frames": (animated("WEBP"), "found an animation"),
    "a bomb": (png(50_000, 50_000), "found 50000 × 50000 pixels, expected from 1 to 67,108,864"),
    "a bomb of one row": (png(2**31 - 1, 1), "pixels"),
    "nothing": (png(0, 5), "broken|pixels"),
    "a header alone": (image_file(GRAY)[:33], "broken or truncated"),
    "a signature alone": (b"\x89PNG\r\n\x1a\n", "broken or truncated"),
    "a flipped bit in the pixels": (flipped(image_file(COLOUR), b"IDAT", 10), "broken or truncated"),
    "a flipped bit in a checksum": (flipped(image_file(COLOUR), b"IHDR", 18), "broken or truncated"),
    "a wrong checksum": (image_file(GRAY).replace(b"IHDR", b"IHDX"), "broken or truncated"),
    "a wrong depth": (png(4, 4, depth=5), "broken or truncated"),
    "larger than any network": (image_file(np.zeros((2100, 2100), np.uint8)), "found 2100 × 2100 pixels"),
    "a bomb of text": (
        png(1, 1, content=b"\0\0", extra=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**27)))),
        "broken or truncated",
    ),
}


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD)
def test_what_is_no_sound_picture(content, words):
    with pytest.raises(BadImageError) as error:
        decode(content, OWN)
    assert any(word in str(error.value) for word in words.split("|")), str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_a_file_that_was_cut_is_refused_or_whole(form):
    whole = image_file(np.random.default_rng(0).integers(0, 256, (40, 40, 3)), form)
    pixels = decode(whole, OWN)
    for cut in [1, 5, 12, 30, 60, *range(100, len(whole) - 100, 97), len(whole) // 2]:
        with pytest.raises(BadImageError):
            decode(whole[:cut], OWN)
    for cut in range(len(whole) - 12, len(whole)):  # the end of the file, behind the last pixel
        try:
            np.testing.assert_array_equal(decode(whole[:cut], OWN), pixels)
        except BadImageError:
            continue


def test_an_animation_of_one_frame_is_a_picture():
    assert decode(saved(Image.fromarray(GRAY), "GIF", save_all=True), AS_GRAY).shape == (1, 3, 4)


def test_of_a_photograph_with_a_second_picture_the_first_is_read():
    """Phones append one to a JPEG, the multi-picture format, which is no animation."""
    first, second = (Image.fromarray(np.full((16, 16), value, np.uint8)) for value in (200, 50))
    content = saved(first, "MPO", save_all=True, append_images=[second])
    assert b"MPF" in content
    np.testing.assert_array_equal(decode(content, OWN), np.full((1, 16, 16), 200))


def test_pillow_takes_no_more_memory_than_the_header_promises(monkeypatch):
    monkeypatch.setattr(module, "LARGEST_PICTURE", 100)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _self: pytest.fail("unpacked"))
    with pytest.raises(BadImageError, match="found 20 × 10 pixels"):
        decode(image_file(np.zeros((20, 10), np.uint8)), OWN)


@settings(max_examples=300)
@given(data=st.data())
def test_changed_files_are_read_or_refused(data):
    form = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP"]))
    content = bytearray(image_file(COLOUR, form))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        pixels = decode(bytes(content), Wanted((5, 5), "rgb"))
    except BadImageError as error:
        pixels, message = np.zeros((3, 5, 5), np.uint8), str(error)
        event(message.split("(", maxsplit=1)[0])
    else:
        message = "read"
    assert message.isprintable()
    assert (pixels.shape, pixels.dtype) == ((3, 5, 5), np.uint8)
