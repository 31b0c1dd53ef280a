"""The decoding policy, case by case, on files made on the spot."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ganeval.errors import ImageError
from ganeval.images import decoding
from ganeval.images.decoding import decode


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def random_image(mode: str, bands: int, size: tuple[int, int] = (7, 5)) -> Image.Image:
    shape = (size[1], size[0], bands) if bands > 1 else (size[1], size[0])
    return Image.frombytes(mode, size, np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8).tobytes())


def test_grey_stays_one_channel() -> None:
    image = random_image("L", 1)
    pixels = decode(encoded(image), "a.png")
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.asarray(image)[None])


def test_one_bit_becomes_black_and_white() -> None:
    image = Image.new("1", (3, 2))
    image.putpixel((1, 0), 1)
    assert decode(encoded(image), "a.png").tolist() == [[[0, 255, 0], [0, 0, 0]]]


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_colour_is_channels_first(kind: str) -> None:
    image = random_image("RGB", 3)
    np.testing.assert_array_equal(decode(encoded(image, kind), "a"), np.asarray(image).transpose(2, 0, 1))


def test_lossless_webp_and_the_jpeg_of_pillow() -> None:
    image = random_image("RGB", 3)
    np.testing.assert_array_equal(
        decode(encoded(image, "WEBP", lossless=True, exact=True), "a"), np.asarray(image).transpose(2, 0, 1)
    )
    jpeg = encoded(image, "JPEG", quality=90)
    np.testing.assert_array_equal(decode(jpeg, "a"), np.asarray(Image.open(io.BytesIO(jpeg))).transpose(2, 0, 1))


def test_palette_becomes_colour() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    assert decode(encoded(image), "a.png")[:, 0].tolist() == [[10, 40], [20, 50], [30, 60]]


def test_palette_with_a_transparent_entry_is_laid_on_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    assert decode(encoded(image, transparency=1), "a.png")[:, 0].tolist() == [[10, 255], [20, 255], [30, 255]]


def test_alpha_is_composited_over_white() -> None:
    image = Image.new("RGBA", (3, 1))
    for x, alpha in enumerate((0, 102, 255)):
        image.putpixel((x, 0), (0, 100, 255, alpha))
    # c * alpha + 255 * (1 - alpha); 102 / 255 = 0.4
    assert decode(encoded(image), "a.png")[:, 0].tolist() == [[255, 153, 0], [255, 193, 100], [255, 255, 255]]


def test_grey_with_alpha_stays_grey() -> None:
    image = Image.new("LA", (2, 1))
    image.putpixel((0, 0), (0, 51))
    image.putpixel((1, 0), (77, 255))
    assert decode(encoded(image), "a.png").tolist() == [[[204, 77]]]


def test_a_transparent_grey_value_is_white() -> None:
    image = Image.new("L", (2, 1), 9)
    image.putpixel((1, 0), 50)
    assert decode(encoded(image, transparency=9), "a.png").tolist() == [[[255, 50]]]


def test_a_transparent_colour_is_white() -> None:
    image = Image.new("RGB", (2, 1), (9, 9, 9))
    image.putpixel((1, 0), (1, 2, 3))
    assert decode(encoded(image, transparency=(9, 9, 9)), "a.png")[:, 0].tolist() == [[255, 1], [255, 2], [255, 3]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_cut(kind: str) -> None:
    values = np.array([[0, 128, 129, 257, 32767, 32768, 65406, 65407, 65535]], dtype=np.uint16)
    pixels = decode(encoded(Image.fromarray(values), kind), "a")
    assert pixels.shape == (1, 1, 9)
    assert pixels[0, 0].tolist() == [round(v / 257) for v in values[0].tolist()]


def test_16_bit_colour_keeps_its_upper_bytes() -> None:
    row = b"\0" + struct.pack(">3H", 0x1234, 0xFFFF, 0x00FF)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(row)), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    assert decode(png, "a.png").ravel().tolist() == [0x12, 0xFF, 0x00]


def test_32_bit_integers_within_16_bits_are_read_and_others_refused() -> None:
    within = Image.fromarray(np.array([[0, 65535]], dtype=np.int32))
    assert decode(encoded(within, "TIFF"), "a.tif").tolist() == [[[0, 255]]]
    for outside in (65536, -1):
        image = Image.fromarray(np.array([[0, outside]], dtype=np.int32))
        with pytest.raises(ImageError, match=r"b\.tif holds 32-bit integers from"):
            decode(encoded(image, "TIFF"), "b.tif")


def test_floats_are_refused() -> None:
    image = Image.fromarray(np.zeros((2, 2), dtype=np.float32))
    with pytest.raises(ImageError, match=r"c\.tif holds floating-point values"):
        decode(encoded(image, "TIFF"), "c.tif")


@pytest.mark.parametrize(("mode", "bands", "kind"), [("CMYK", 4, "TIFF"), ("YCbCr", 3, "TIFF"), ("LAB", 3, "TIFF")])
def test_other_colour_spaces_are_converted(mode: str, bands: int, kind: str) -> None:
    file = encoded(random_image(mode, bands), kind)
    reference = Image.open(io.BytesIO(file))
    assert reference.mode == mode
    np.testing.assert_array_equal(decode(file, "a"), np.asarray(reference.convert("RGB")).transpose(2, 0, 1))


def test_cmyk_jpeg_of_pure_inks() -> None:
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    pixel = decode(encoded(cyan, "JPEG", quality=95), "a.jpg")[:, 8, 8].astype(int)
    assert np.abs(pixel - [0, 255, 255]).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    stored = np.arange(6, dtype=np.uint8).reshape(2, 3)
    upright = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.T,
        6: stored[::-1].T,
        7: stored[::-1, ::-1].T,
        8: stored[:, ::-1].T,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode(encoded(Image.fromarray(stored), "PNG", exif=exif), "a.png")
    np.testing.assert_array_equal(pixels[0], upright)


def test_exif_orientation_of_a_jpeg() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    image = Image.new("RGB", (32, 16), (255, 0, 0))
    image.paste((0, 0, 255), (0, 0, 16, 16))  # blue at the left comes to the top
    pixels = decode(encoded(image, "JPEG", exif=exif), "a.jpg").astype(int)
    assert pixels.shape == (3, 32, 16)
    assert np.abs(pixels[:, 4, 8] - [0, 0, 255]).max() < 5
    assert np.abs(pixels[:, 28, 8] - [255, 0, 0]).max() < 5


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\0\0\1\0"])
def test_unreadable_exif_does_not_spoil_an_image(exif: bytes) -> None:
    assert decode(encoded(Image.new("RGB", (8, 4)), "JPEG", exif=exif), "a.jpg").shape == (3, 4, 8)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP"])
def test_the_first_frame_counts(kind: str) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    options = {"lossless": True} if kind == "WEBP" else {}
    file = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert getattr(Image.open(io.BytesIO(file)), "n_frames", 1) == 2
    assert decode(file, "a")[:, 0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM"])
def test_truncated_files_are_errors_that_name_the_file(kind: str) -> None:
    whole = encoded(random_image("RGB", 3, (64, 64)), kind)
    with pytest.raises(ImageError, match=r"broken\.x cannot be decoded"):
        decode(whole[: len(whole) // 2], "broken.x")


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"not an image at all", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_other_bytes_are_errors(content: bytes) -> None:
    with pytest.raises(ImageError, match="--on-bad-image skip"):
        decode(content, "x.png")


def test_formats_outside_the_list_are_not_even_tried() -> None:
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
    with pytest.raises(ImageError, match="cannot identify"):
        decode(eps, "disguised.png")


def test_decompression_bombs_are_refused_by_their_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_PIXELS", 99)
    assert decode(encoded(Image.new("L", (11, 9))), "small.png").shape == (1, 9, 11)
    with pytest.raises(ImageError, match=r"bomb\.png has 10x10 pixels"):
        decode(encoded(Image.new("L", (10, 10))), "bomb.png")


def test_a_true_bomb_is_refused() -> None:
    header = struct.pack(">IIBBBBB", 200_000, 200_000, 1, 0, 0, 0, 0)
    png = (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + b"IHDR"
        + header
        + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    )
    with pytest.raises(ImageError, match=r"bomb\.png"):
        decode(png + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")), "bomb.png")
