import io

import numpy as np
import pytest
from PIL import Image

from galviz.sky.photometry import lupton_rgb, stretch
from galviz.tools.display import LUPTON_Q, Stretch, default_stretch, linear_part
from galviz.tools.gallery.figure import contact_sheet

BANDS = ("u", "g", "r", "i", "z")


def decoded(sheet, n):
    """(n, H, W, 4) uint8, row 0 on top as it is shown."""
    whole = np.asarray(Image.open(io.BytesIO(sheet.png)).convert("RGBA"))
    h, w = sheet.height, sheet.width
    places = [divmod(k, sheet.columns) for k in range(n)]
    return np.stack([whole[i * h : (i + 1) * h, j * w : (j + 1) * w] for i, j in places])


@pytest.fixture
def images():
    rng = np.random.default_rng(3)
    return (rng.normal(0, 0.02, (7, 5, 16, 24)) + rng.exponential(0.05, (7, 5, 16, 24))).astype(np.float32)


@pytest.mark.parametrize("kind", ["asinh", "zscale", "percentile", "linear"])
def test_a_band_is_shown_as_photometry_stretches_it(images, kind):
    shown = decoded(contact_sheet(images, None, BANDS, Stretch(bands=("r",), kind=kind)), 7)
    for picture, image in zip(shown, images[:, 2], strict=True):
        expected = 255 * np.rint(stretch(image, kind)[::-1] * 254) / 254
        assert np.abs(picture[..., 0] - expected).max() <= 1.5
        assert (picture[..., 3] == 255).all()


def test_colours_are_luptons_of_i_r_g(images):
    shown = decoded(contact_sheet(images, None, BANDS, default_stretch(BANDS)), 7)
    for picture, image in zip(shown, images, strict=True):
        linear = linear_part(image[[3, 2, 1]])
        expected = lupton_rgb(image, BANDS, ("i", "r", "g"), stretch=linear, Q=LUPTON_Q)
        np.testing.assert_array_equal(picture[..., :3], expected[::-1])


def test_what_is_not_observed_is_transparent_never_black(images):
    coverage = np.ones(images.shape, dtype=bool)
    coverage[2, :, :5] = coverage[4, 1] = False
    images[~coverage] = 0
    for look in (
        default_stretch(BANDS),
        Stretch(bands=("g",), kind="asinh"),
        Stretch(bands=("i", "r", "g"), kind="linear"),
    ):
        alpha = decoded(contact_sheet(images, coverage, BANDS, look), 7)[..., 3]
        expected = coverage[:, [BANDS.index(name) for name in look.bands]].all(axis=1)[:, ::-1]
        np.testing.assert_array_equal(alpha == 255, expected)
        np.testing.assert_array_equal(alpha == 0, ~expected)


def test_limits_are_not_moved_by_pixels_that_were_not_observed(images):
    coverage = np.ones(images.shape, dtype=bool)
    images += 1
    coverage[:, :, :, :3] = False
    images[~coverage] = 0
    part = contact_sheet(images, coverage, BANDS, Stretch(bands=("r",), kind="linear"))
    only = contact_sheet(images[..., 3:], None, BANDS, Stretch(bands=("r",), kind="linear"))
    np.testing.assert_array_equal(decoded(part, 7)[:, :, 3:], decoded(only, 7))


def test_fixed_limits_make_pictures_comparable(images):
    look = Stretch(bands=("r",), kind="linear", limits=(0.0, 0.5))
    twice = np.stack([images[0], images[0] * 2])
    one, two = decoded(contact_sheet(twice, None, BANDS, look), 2)[..., 0].astype(int)
    inside = (one > 0) & (two < 255)
    assert np.abs(two - 2 * one)[inside].max() <= 2
    own = decoded(contact_sheet(twice, None, BANDS, Stretch(bands=("r",), kind="linear")), 2)
    np.testing.assert_array_equal(own[0], own[1])


def test_gamma_below_one_shows_the_faint_and_keeps_the_ends(images):
    levels = [
        decoded(contact_sheet(images, None, BANDS, Stretch(bands=("r",), kind="linear", gamma=g)), 7) for g in (1, 0.5)
    ]
    plain, bent = (level[..., 0].astype(float) / 255 for level in levels)
    assert np.abs(bent - np.sqrt(plain)).max() < 0.05
    assert (bent >= plain - 0.01).all()


def test_large_images_are_averaged_as_long_as_they_stay_large_enough():
    images = np.random.default_rng(0).random((2, 1, 100, 100)).astype(np.float32)
    look = Stretch(bands=("w",), kind="linear", limits=(0, 1))
    sheet = contact_sheet(images, None, ("w",), look, side=30)
    assert (sheet.width, sheet.height) == (33, 33)
    expected = images[1, 0, :99, :99].reshape(33, 3, 33, 3).mean(axis=(1, 3))[::-1]
    assert np.abs(decoded(sheet, 2)[1, ..., 0] / 255 - expected).max() < 0.005


def test_an_image_of_one_value_and_no_image_at_all_can_be_drawn():
    flat = np.full((1, 5, 4, 4), 3, dtype=np.float32)
    for kind in ("asinh", "zscale", "linear", "lupton"):
        assert contact_sheet(flat, None, BANDS, Stretch(bands=("r",), kind=kind)).png
        assert contact_sheet(flat, np.zeros(flat.shape, bool), BANDS, Stretch(bands=("i", "r", "g"), kind=kind)).png
    assert contact_sheet(flat[:0], None, BANDS, default_stretch(BANDS)).png


def test_pixels_meant_for_the_eye_keep_their_colours():
    look = default_stretch(("r", "g", "b"), "display")
    assert (look.bands, look.kind) == (("r", "g", "b"), "linear")
    images = np.zeros((1, 3, 2, 2), dtype=np.float32)
    images[0, 0] = 1
    assert decoded(contact_sheet(images, None, ("r", "g", "b"), look), 1)[0, 0, 0].tolist() == [255, 0, 0, 255]


@pytest.mark.parametrize(
    ("wrong", "shown_text"),
    [
        ({"bands": ("r", "g")}, "bands: expected one name, or three"),
        ({"bands": ("r",), "kind": "log"}, "kind: expected one of lupton"),
        ({"bands": ("r",), "palette": "jet"}, "palette: expected one of"),
        ({"bands": ("r",), "limits": (1, 0)}, "limits: expected the black value below"),
        ({"bands": ("r",), "gamma": 0}, "expected positive numbers"),
    ],
)
def test_a_look_that_makes_no_sense_is_refused(wrong, shown_text):
    with pytest.raises(ValueError, match=shown_text):
        Stretch(**wrong)
    with pytest.raises(ValueError, match="bands: expected names among"):
        contact_sheet(np.zeros((1, 5, 4, 4), np.float32), None, BANDS, Stretch(bands=("y",), kind="asinh"))
