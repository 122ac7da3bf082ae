"""One decoder for all pictures: right pixels of each kind, and nothing damaged, absurd or foreign passes as pixels."""

import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from galviz.sky.readers.picture_files import decoded, header, middle

RNG = np.random.default_rng(5)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
ALPHA = np.where(np.arange(35).reshape(5, 7) % 3, RNG.integers(1, 256, (5, 7)), 0).astype(np.uint8)
DEEP = RNG.integers(0, 2**16, (5, 7), dtype=np.uint16)
DEEP_COLOUR = RNG.integers(0, 2**16, (5, 7, 3), dtype=np.uint16)
FLOAT = RNG.random((5, 7), dtype=np.float32)
CMYK = RNG.integers(0, 256, (5, 7, 4), dtype=np.uint8)


def saved(image, kind, **more):
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(pixels, depth, colour_type, size=None, more=b""):
    """A PNG written by hand: Pillow writes no colours of 16 bits, and no false sizes."""
    height, width = size or pixels.shape[:2]
    rows = pixels.astype(">u2" if depth == 16 else "u1")
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
    content = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + head + more + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def tiff(pixels, photometric=1, *, order="<", sample_format=1, size=None):
    """A TIFF written by hand, in one strip without compression."""
    height, width = size or pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    bits = 8 * pixels.itemsize
    content = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    start = 8 + 2 + 10 * 12 + 4
    many = start + len(content)  # where the bits of several samples stand
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, samples, bits if samples == 1 else many)]
    tags += [(259, 3, 1, 1), (262, 3, 1, photometric), (273, 4, 1, start), (277, 3, 1, samples)]
    tags += [(278, 4, 1, height), (279, 4, 1, len(content)), (339, 3, 1, sample_format)]
    out = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8) + struct.pack(f"{order}H", len(tags))
    for tag, kind, count, value in tags:
        packed = (
            struct.pack(f"{order}H", value) + b"\0\0" if kind == 3 and count == 1 else struct.pack(f"{order}I", value)
        )
        out += struct.pack(f"{order}HHI", tag, kind, count) + packed
    return out + b"\0" * 4 + content + struct.pack(f"{order}{samples}H", *[bits] * samples)


def grey(values):
    return np.repeat(np.asarray(values, dtype=float)[:, :, None], 3, axis=2)


def on_black(colour, alpha):
    return np.asarray(colour, dtype=float) / 255 * alpha[:, :, None] / 255


PALETTE = RNG.integers(0, 256, (256, 3), dtype=np.uint8)
INDEXED = Image.fromarray(GREY, "L").convert("P")
INDEXED.putpalette(PALETTE.tobytes())
CLEAR = INDEXED.copy()
CLEAR.info["transparency"] = int(GREY[2, 3])

KINDS = {
    "1 png": (saved(Image.fromarray(GREY > 99), "PNG"), grey(GREY > 99), 0),
    "1 tiff": (saved(Image.fromarray(GREY > 99), "TIFF"), grey(GREY > 99), 0),
    "L png": (saved(Image.fromarray(GREY), "PNG"), grey(GREY) / 255, 0),
    "L bmp": (saved(Image.fromarray(GREY), "BMP"), grey(GREY) / 255, 0),
    "L tiff": (tiff(GREY), grey(GREY) / 255, 0),
    "L tiff, white is zero": (tiff(GREY, photometric=0), 1 - grey(GREY) / 255, 0),
    "P png": (saved(INDEXED, "PNG"), PALETTE[GREY] / 255, 0),
    "P gif": (saved(INDEXED, "GIF"), PALETTE[GREY] / 255, 0),
    "P png, one colour transparent": (
        saved(CLEAR, "PNG"),
        PALETTE[GREY] / 255 * (GREY[2, 3] != GREY)[:, :, None],
        0,
    ),
    "RGB png": (saved(Image.fromarray(COLOUR), "PNG"), COLOUR / 255, 0),
    "RGB bmp": (saved(Image.fromarray(COLOUR), "BMP"), COLOUR / 255, 0),
    "RGB webp": (saved(Image.fromarray(COLOUR), "WEBP", lossless=True), COLOUR / 255, 0),
    "RGB tiff": (tiff(COLOUR, photometric=2), COLOUR / 255, 0),
    "RGB tiff, deflate": (saved(Image.fromarray(COLOUR), "TIFF", compression="tiff_adobe_deflate"), COLOUR / 255, 0),
    "RGBA png": (saved(Image.fromarray(np.dstack([COLOUR, ALPHA])), "PNG"), on_black(COLOUR, ALPHA), 0.51 / 255),
    "RGBA webp": (
        saved(Image.fromarray(np.dstack([COLOUR, ALPHA])), "WEBP", lossless=True, exact=True),
        on_black(COLOUR, ALPHA),
        0.51 / 255,
    ),
    "LA png": (saved(Image.fromarray(np.dstack([GREY, ALPHA])), "PNG"), on_black(grey(GREY), ALPHA), 0.51 / 255),
    "CMYK tiff": (
        saved(Image.fromarray(CMYK, "CMYK"), "TIFF"),
        (1 - CMYK[:, :, :3] / 255) * (1 - CMYK[:, :, 3:] / 255),
        1.01 / 255,
    ),
    "16 bit png": (png(DEEP, 16, 0), grey(DEEP) / 65535, 1e-7),
    "16 bit png, one level transparent": (
        png(DEEP, 16, 0, more=chunk(b"tRNS", struct.pack(">H", DEEP[1, 1]))),
        grey(DEEP) / 65535 * grey(DEEP[1, 1] != DEEP),
        1e-7,
    ),
    "16 bit png by Pillow": (saved(Image.fromarray(DEEP), "PNG"), grey(DEEP) / 65535, 1e-7),
    "16 bit tiff": (tiff(DEEP), grey(DEEP) / 65535, 1e-7),
    "16 bit tiff, big endian": (tiff(DEEP, order=">"), grey(DEEP) / 65535, 1e-7),
    "16 bit tiff, white is zero": (tiff(DEEP, photometric=0), 1 - grey(DEEP) / 65535, 1e-7),
    "16 bit tiff, deflate": (
        saved(Image.fromarray(DEEP), "TIFF", compression="tiff_adobe_deflate"),
        grey(DEEP) / 65535,
        1e-7,
    ),
    "float tiff": (tiff(FLOAT, sample_format=3), grey(FLOAT), 0),
    "16 bit RGB png": (png(DEEP_COLOUR, 16, 2), DEEP_COLOUR / 65535, 1 / 255),
    "16 bit RGB tiff": (tiff(DEEP_COLOUR, photometric=2), DEEP_COLOUR / 65535, 1 / 255),
}


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_of_each_kind_are_right(kind):
    raw, expected, error = KINDS[kind]
    picture = decoded(raw)
    pixels = middle(picture)
    found = pixels / 255 if pixels.dtype == np.uint8 else pixels
    np.testing.assert_allclose(found, expected.transpose(2, 0, 1)[:, ::-1], atol=error + 1e-7)
    assert header(raw).size == picture.size
    assert header(raw).deep == (found is pixels)
    assert header(raw).rounded == picture.info["rounded"] == ("16 bit RGB" in kind)


def test_a_jpeg_in_cmyk_is_near_its_colours():
    flat = np.broadcast_to(np.array([200, 30, 90, 20], np.uint8), (16, 16, 4))
    found = np.asarray(decoded(saved(Image.fromarray(flat, "CMYK"), "JPEG", quality=95)))
    np.testing.assert_allclose(found, np.broadcast_to((1 - np.array([200, 30, 90]) / 255) * 235, (16, 16, 3)), atol=4)


TURNED = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG"])
def test_a_picture_is_upright_whatever_its_format(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    flat = np.repeat(np.repeat(COLOUR[:2, :3] // 64 * 64, 16, axis=0), 16, axis=1)  # JPEG keeps blocks of one colour
    raw = saved(Image.fromarray(flat), kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    expected = TURNED[orientation](flat)
    found = decoded(raw)
    assert found.size == header(raw).size == expected.shape[1::-1]
    inner = (slice(6, None, 16), slice(6, None, 16))
    np.testing.assert_allclose(np.asarray(found)[inner].astype(int), expected[inner], atol=30 if kind == "JPEG" else 0)


def test_damaged_exif_leaves_a_picture_as_it_is():
    raw = saved(Image.fromarray(COLOUR), "WEBP", lossless=True, exif=b"Exif\0\0no TIFF at all")
    np.testing.assert_array_equal(np.asarray(decoded(raw)), COLOUR)
    assert header(raw).size == (7, 5)


def with_nan():
    values = FLOAT.copy()
    values[2, 2] = np.nan
    return values


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (tiff(with_nan(), sample_format=3), r"expected floats in 0…1, got nan"),
        (tiff(FLOAT * 300, sample_format=3), r"expected floats in 0…1, got .* … 2\d\d.*; scale them"),
        (tiff(FLOAT - 1, sample_format=3), r"expected floats in 0…1, got -"),
        (tiff(DEEP.astype(np.uint32)), "signed or have 32 bits"),
        (tiff(DEEP.astype(np.int16), sample_format=2), "signed or have 32 bits"),
        (tiff(FLOAT.astype(np.float64), sample_format=3), "cannot be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 5\n(/tmp/x) run\n", "cannot identify"),
        (b"", "cannot identify"),
        (np.zeros((3, 3, 5), np.uint8), "cannot be read"),
        (ValueError("gone"), "gone"),
    ],
)
def test_what_has_no_known_pixels_is_refused(raw, why):
    with pytest.raises(ValueError, match=why):
        decoded(raw)


def webp_of(width, height):
    """A lossless WebP whose header claims a size."""
    bits = (width - 1) | (height - 1) << 14
    content = b"VP8L" + struct.pack("<I", 16) + b"\x2f" + struct.pack("<I", bits) + b"\0" * 11
    return b"RIFF" + struct.pack("<I", len(content) + 4) + b"WEBP" + content


BOMBS = {
    "png": png(GREY, 8, 0, size=(20000, 20000)),
    "small bomb": png(GREY, 8, 0, size=(9000, 9000)),  # below what Pillow warns of
    "tiff": tiff(GREY, size=(20000, 20000)),
    "bmp": saved(Image.fromarray(GREY), "BMP")[:18] + struct.pack("<ii", 20000, 20000) + b"\1\0\x08\0" + b"\0" * 99,
    "gif": b"GIF89a"
    + struct.pack("<HH", 60000, 60000)
    + b"\0\0\0,\0\0\0\0"
    + struct.pack("<HH", 60000, 60000)
    + b"\0\x08",
    "webp": webp_of(16383, 16383),
}


@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.parametrize("read", [header, decoded])
def test_a_picture_of_absurd_size_is_refused_before_it_is_decoded(kind, read):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as a user may have it: a warning stops nothing
        with pytest.raises(ValueError, match=r"images: expected a picture, got what is stored .*\d pixels"):
            read(BOMBS[kind])


def test_large_files_and_pipes_are_refused(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ValueError, match=r"pipe\.jpg, which cannot be read \(it is no file\)"):
        decoded(tmp_path / "pipe.jpg")
    monkeypatch.setattr("galviz.sky.readers.picture_files.MOST_BYTES", 100)
    (tmp_path / "a.png").write_bytes(KINDS["RGB png"][0])
    with pytest.raises(ValueError, match=r"a\.png, which cannot be read \(it has \d+ bytes, more than 100\)"):
        decoded(tmp_path / "a.png")


def test_a_png_with_one_wrong_byte_never_has_wrong_pixels():
    raw, refused = png(GREY, 8, 0), 0
    for at in range(len(raw)):
        wrong = bytearray(raw)
        wrong[at] ^= 1
        try:
            np.testing.assert_array_equal(np.asarray(decoded(bytes(wrong))), grey(GREY))
        except ValueError:
            refused += 1
    assert refused >= len(raw) - 12  # the chunk at the end is empty


@pytest.mark.parametrize("kind", ["RGB png", "RGB bmp", "RGB webp", "RGB tiff", "RGB tiff, deflate", "P gif", "jpeg"])
def test_damaged_pictures_raise_value_errors_alone(kind):
    raw = KINDS[kind][0] if kind in KINDS else saved(Image.fromarray(COLOUR), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0")
    rng = np.random.default_rng(len(kind))
    for _ in range(150):
        wrong = bytearray(raw[: rng.integers(1, len(raw) + 1)] if rng.random() < 0.4 else raw)
        for at in rng.integers(0, len(wrong), rng.integers(0, 4)):
            wrong[at] = rng.integers(0, 256)
        for read in (header, decoded):
            try:
                read(bytes(wrong))
            except ValueError as error:
                assert str(error).startswith("images: expected a picture, got what is stored")  # noqa: PT017


def test_a_picture_cut_short_is_never_pixels():
    for kind in ("RGB png", "RGB bmp", "RGB webp", "RGB tiff", "P gif"):
        raw = KINDS[kind][0]
        with pytest.raises(ValueError, match="images: expected a picture"):
            decoded(raw[: len(raw) * 2 // 3])


def test_what_lies_beyond_a_picture_is_zero_and_the_rest_is_not_stretched():
    picture = Image.fromarray(COLOUR)  # 7 wide, 5 high
    found = middle(picture, (9, 7))
    np.testing.assert_array_equal(found[:, 1:6, 1:8], COLOUR.transpose(2, 0, 1)[:, ::-1])
    found[:, 1:6, 1:8] = 0
    assert not found.any()
    np.testing.assert_array_equal(middle(picture, (3, 3)), COLOUR[1:4, 2:5].transpose(2, 0, 1)[:, ::-1])
