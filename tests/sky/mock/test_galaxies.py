"""The sky of single galaxies: colours follow the redshift, light is what the catalogue says, a seed gives one sky."""

import numpy as np
import pytest

from galviz.measure.inpainting import central_flux
from galviz.sky.cutouts import CutoutSet
from galviz.sky.mock.colours import BANDS, MAGNITUDES, red_sequence
from galviz.sky.mock.galaxies import Z_MAX, inpainting_sky, sed_colours, write_inpainting_sky
from galviz.sky.photometry import ab_to_flux
from galviz.sky.templates import TYPES


@pytest.fixture(scope="module")
def sky():
    return inpainting_sky(64, seed=3)


def test_types_run_from_red_to_blue():
    for z in (0.05, 0.3, 0.6):
        u_minus_z = np.array([np.ptp(sed_colours(np.array([z]), np.array([float(k)]))[0, [0, 4]]) for k in range(4)])
        assert (np.diff(u_minus_z) < 0).all()


@pytest.mark.parametrize("z", [0.1, 0.2, 0.3])
def test_ellipticals_have_the_colours_of_the_red_sequence(z):
    """Which was measured in SDSS, by others: g−r and r−i within 0.1 mag; it knows how the break moves."""
    colours = -np.diff(sed_colours(np.array([z]), np.zeros(1)))[0]
    np.testing.assert_allclose(colours[1:3], red_sequence(z)[0, 1:3], atol=0.1)


def test_a_type_between_two_lies_between_their_colours():
    z = np.full(3, 0.2)
    red, middle, blue = sed_colours(z, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(middle, (red + blue) / 2)


def test_the_light_is_that_of_the_catalogue(sky):
    """Of small bright galaxies 5.5 arcsec hold nearly all light, and the same part in every band."""
    flux = ab_to_flux(sky.catalogue[list(MAGNITUDES)].to_numpy())
    small = (sky.catalogue["radius"] < 1.3) & (sky.catalogue["sersic"] == 1) & (sky.catalogue["mag_r"] < 20.5)
    ratio = central_flux(sky.images[:], radius=5.5)[small] / flux[small]
    assert small.sum() >= 8
    np.testing.assert_allclose(np.median(ratio[:, 1:4], axis=0), 0.98, atol=0.06)


def test_the_set_says_what_it_is(sky):
    assert (len(sky), sky.bands, sky.unit, sky.survey) == (64, BANDS, "nanomaggy", "sdss")
    assert sky.origin == "synthetic sky"
    assert sky.images.shape == (64, 5, 32, 32)
    assert set(sky.catalogue["type"]) <= set(TYPES)
    assert sky.catalogue["z"].between(0.02, Z_MAX).all()
    assert sky.catalogue["mag_r"].between(15.8, 21.2).all()
    middle = sky.wcs_of(sky.object_ids[0]).wcs_pix2world(15.5, 15.5, 0)
    np.testing.assert_allclose(middle, sky.catalogue[["ra", "dec"]].iloc[0].astype(float))


def test_fainter_galaxies_are_farther_away():
    sky = inpainting_sky(64, size=8, seed=1)
    assert sky.catalogue[["z", "mag_r"]].corr(method="spearman").iloc[0, 1] > 0.3


def test_galaxy_k_depends_on_the_seed_and_k_alone(sky):
    first, other = inpainting_sky(5, seed=3), inpainting_sky(5, seed=4)
    np.testing.assert_array_equal(first.images[:], sky.images[:5])
    assert first.catalogue.equals(sky.catalogue.iloc[:5])
    assert not np.array_equal(other.images[:], first.images[:])


def test_a_written_sky_is_the_one_in_memory(sky, tmp_path, monkeypatch):
    monkeypatch.setattr("galviz.sky.mock.parts._PART_BYTES", 4 * 5 * 32 * 32 * 24)
    received = []
    path = write_inpainting_sky(tmp_path / "sky", 64, seed=3, progress=lambda *numbers: received.append(numbers))
    opened = CutoutSet.open(path)
    np.testing.assert_array_equal(opened.images[:], sky.images[:])
    assert list(opened.object_ids) == list(sky.object_ids)
    assert received == [(24, 64), (48, 64), (64, 64)]
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileExistsError, match="path: expected a new folder"):
        write_inpainting_sky(path, 2)


@pytest.mark.slow
def test_several_processes_draw_the_same_sky(sky):
    np.testing.assert_array_equal(inpainting_sky(64, seed=3, workers=2).images[:], sky.images[:])


@pytest.mark.parametrize("changes", [{"n": 0}, {"size": 4}, {"seed": -1}, {"workers": 0}, {"n": 2.5}])
def test_numbers_out_of_range_are_told(changes):
    name = next(iter(changes))
    with pytest.raises(ValueError, match=f"{name}: expected a whole number of at least"):
        inpainting_sky(**({"n": 2} | changes))
