"""Cutouts and tiles of fields made here with stars of known flux, and of the real ones where they are at hand."""

import astropy.units as u
import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord
from astropy.cosmology import Planck18
from astropy.stats import sigma_clipped_stats
from photutils.aperture import CircularAperture
from photutils.centroids import centroid_com
from photutils.detection import DAOStarFinder
from sdss_files import BANDS, COLOURS, OFFSETS, SCALE, SHAPE, SIGMA, STARS, coordinates, header, positions, write_field

from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers import sdss


@pytest.mark.parametrize(("size", "side"), [(50, 19.8), (64, 19.8), (21, 19.8), (150, 19.8), (33, 21.3)])
def test_flux_is_conserved_and_stars_lie_right_in_every_band(field, size, side):
    cut = sdss.cutouts(field, positions(STARS[:, :2]), size=size, side=side * u.arcsec)
    assert cut.images.shape == (3, 5, size, size)
    assert cut.coverage[:].all()
    np.testing.assert_allclose(cut.pixel_scale, side / size)
    for row, object_id in enumerate(cut.object_ids):
        inside = [k for k in range(3) if in_cutout(STARS[k], STARS[row], side)]
        expected = sum(STARS[k, 2] for k in inside) * COLOURS
        if inside == [row]:
            np.testing.assert_allclose(cut.images[row].sum(axis=(1, 2)), expected, rtol=1e-3)
        around = cut.wcs_of(object_id).wcs_world2pix(*STARS[row, :2], 0)
        for image in cut.images[row]:
            middle = centroid_near(image, around, 3.2 / (side / size))
            np.testing.assert_allclose(middle, (size - 1) / 2, atol=0.1)


def in_cutout(one, other, side):
    """Whether the light of a star falls into the cutout around another."""
    apart = SkyCoord(*one[:2], unit="deg").separation(SkyCoord(*other[:2], unit="deg")).arcsec
    return apart < side / np.sqrt(2) + 5 * SIGMA * SCALE


def centroid_near(image, around, radius):
    """Weigh the pixels within `radius` of a place."""
    rows, columns = np.indices(image.shape)
    near = np.hypot(columns - around[0], rows - around[1]) <= radius
    return centroid_com(image, mask=~near)


def test_the_whole_field_keeps_the_flux_of_all_stars(field):
    cut = sdss.cutouts(field, positions([(150.0, 20.0)]), size=40, side=60 * u.arcsec)
    np.testing.assert_allclose(cut.images[0].sum(axis=(1, 2)), STARS[:, 2].sum() * COLOURS, rtol=1e-3)


def test_north_is_up_and_east_is_left(field):
    """The star with the larger ra lies left of, and the one with the larger dec above, the middle."""
    cut = sdss.cutouts(field, positions([(150.0, 20.0)]), size=100, side=45 * u.arcsec)
    for ra, dec, _ in STARS:
        x, y = cut.wcs_of("id0").wcs_world2pix(ra, dec, 0)
        expected = -(ra - 150.0) * np.cos(np.radians(20)) * 3600 / 0.45, (dec - 20.0) * 3600 / 0.45
        np.testing.assert_allclose((x - 49.5, y - 49.5), expected, atol=0.05)
        peak = np.unravel_index(
            cut.images[0][2][max(int(y) - 5, 0) : int(y) + 6, int(x) - 5 : int(x) + 6].argmax(), (11, 11)
        )
        np.testing.assert_allclose(np.add(peak, (int(y) - 5, int(x) - 5)), (y, x), atol=1)


def test_the_set_says_what_it_is(field):
    wanted = positions(STARS[:, :2])[::-1].assign(z=0.2)
    cut = sdss.cutouts(field, wanted, size=16, side=6 * u.arcsec)
    assert (cut.origin, cut.survey, cut.unit, cut.bands) == ("SDSS DR17 frames", "sdss", "nanomaggy", tuple(BANDS))
    assert list(cut.object_ids) == ["id2", "id1", "id0"]
    assert list(cut.catalogue.columns) == ["ra", "dec", "z", "field"]
    assert set(cut.catalogue["field"]) == {"001035-6-0017"}
    for object_id, row in cut.catalogue.iterrows():
        np.testing.assert_allclose(cut.wcs_of(object_id).wcs_pix2world(7.5, 7.5, 0), row[["ra", "dec"]].astype(float))


def test_what_a_band_does_not_reach_is_zero_and_uncovered(tmp_path):
    bright = write_field(tmp_path / "bright", [], sky=1.0, angle=0.0)
    edge = coordinates(header("r", 150.0, 20.0, 0.0, (0, 0))).wcs_pix2world(SHAPE[1] - 10.0, 100, 0)
    cut = sdss.cutouts(bright, positions([edge]), size=60, side=60 * SCALE * u.arcsec)
    images, coverage = cut.images[0], cut.coverage[0]
    np.testing.assert_allclose(images[coverage], 1.0, rtol=1e-4)
    assert (images[~coverage] == 0).all()
    columns = coverage.all(axis=1).sum(axis=1)  # whole columns left of the edge, in each band
    np.testing.assert_array_equal(columns, [int(39.5 - dx) for dx, _ in OFFSETS])


def test_a_neighbour_fills_in_what_a_field_does_not_reach(tmp_path):
    up = 190 * SCALE / 3600  # the frames overlap by 30 of 220 rows
    one = write_field(tmp_path / "one", [], sky=1.0, angle=0.0)
    two = write_field(tmp_path / "two", [], sky=2.0, angle=0.0, dec=20.0 + up, field=18)
    wanted = positions([(150.0, 20.0 + 0.45 * up)])
    cut = sdss.cutouts([one, two], wanted, size=80, side=80 * SCALE * u.arcsec)
    alone = sdss.cutouts(one, wanted, size=80, side=80 * SCALE * u.arcsec)
    assert cut.coverage[:].all()
    assert not alone.coverage[:].all()
    np.testing.assert_array_equal(cut.images[:][alone.coverage[:]], alone.images[:][alone.coverage[:]])
    np.testing.assert_allclose(cut.images[:][~alone.coverage[:]], 2.0, rtol=1e-4)
    assert cut.catalogue["field"].to_list() == ["001035-6-0017"]


def test_a_megaparsec_is_an_angle_of_its_own_at_each_redshift(field):
    """At z = 0.3 and 0.5, 1 Mpc is 3.742 and 2.730 arcmin (H0 = 70 km/s/Mpc, Ωm = 0.3)."""
    wanted = positions(STARS[:2, :2]).assign(z=[0.3, 0.5])
    cut = sdss.cutouts(field, wanted, size=32, side=0.05 * u.Mpc)
    np.testing.assert_allclose(cut.pixel_scale * 32 / 0.05 / 60, [3.742, 2.730], atol=1e-3)
    smaller = sdss.cutouts(field, wanted, size=32, side=50 * u.kpc, cosmology=Planck18)
    np.testing.assert_allclose(smaller.pixel_scale / cut.pixel_scale, 0.97, atol=0.005)


def test_tiles_copy_the_r_frame_and_do_not_overlap(field):
    made = sdss.tiles(field, size=40)
    assert made.coverage[:].all()
    assert len(made) == 5 * 7
    assert made.object_ids[0] == "001035-6-0017_00_00"
    assert made.object_ids[-1] == "001035-6-0017_04_06"
    seen = np.zeros(SHAPE, dtype=int)
    for row, object_id in enumerate(made.object_ids):
        middle = field.wcs[2].wcs_world2pix(*made.catalogue.loc[object_id, ["ra", "dec"]].astype(float), 0)
        left, low = (round(float(m) - 19.5) for m in middle)
        seen[low : low + 40, left : left + 40] += 1
        np.testing.assert_allclose(
            made.images[row][2],
            field.images[2, low : low + 40, left : left + 40],
            atol=1e-5,
        )
    assert seen.max() == 1


def test_tiles_of_another_scale_keep_flux_and_place(field):
    made = sdss.tiles(field, size=20, side=80 * SCALE * u.arcsec)
    np.testing.assert_allclose(made.pixel_scale, 4 * SCALE)
    np.testing.assert_allclose(made.images[:].sum(axis=(0, 2, 3)), STARS[:, 2].sum() * COLOURS, rtol=1e-3)


def test_parts_written_to_disk_are_the_set_in_memory(tmp_path):
    for number, name in ((17, "b"), (18, "a")):
        write_field(tmp_path / "in" / name, STARS, field=number, dec=20.0 + (number - 17) * 0.01)
    wanted = positions([(150.0, 20.012), (150.0, 20.0), (150.001, 20.013)])
    kept = sdss.cutouts(tmp_path / "in", wanted, size=16, side=6 * u.arcsec, out=tmp_path / "sky")
    memory = sdss.cutouts(tmp_path / "in", wanted, size=16, side=6 * u.arcsec)
    assert set(memory.catalogue["field"]) == {"001035-6-0017", "001035-6-0018"}
    for made in (kept, memory):
        assert list(made.object_ids) == ["id0", "id1", "id2"]
    np.testing.assert_array_equal(kept.images[:], memory.images[:])
    pd.testing.assert_frame_equal(kept.wcs, memory.wcs)
    assert len(CutoutSet.open(tmp_path / "sky")) == 3
    with pytest.raises(FileExistsError, match="expected a new folder"):
        sdss.tiles(tmp_path / "in", size=40, out=tmp_path / "sky")
    assert {path.name for path in tmp_path.iterdir()} >= {"in", "sky"}


def test_a_position_outside_is_named_with_the_nearest_field(folder):
    wanted = positions([(150.0, 20.0), (151.0, 20.5)])
    with pytest.raises(ValueError, match=r"'id1' at ra=151\.000000, dec=20\.500000.*nearest, 001035-6-0017.*'skip'"):
        sdss.cutouts(folder, wanted, size=16, side=6 * u.arcsec)
    with pytest.warns(UserWarning, match="left out 1 of 2 outside all fields: id1"):
        cut = sdss.cutouts(folder, wanted, size=16, side=6 * u.arcsec, outside="skip")
    assert list(cut.object_ids) == ["id0"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 0}, "size: expected a whole number"),
        ({"side": 3.0}, "side: expected a positive angle"),
        ({"side": -3 * u.arcsec}, "side: expected a positive angle"),
        ({"side": 1 * u.Mpc}, "expected a column z > 0 for a side of 1.0 Mpc, got none such for 'id0'"),
        ({"outside": "ignore"}, "outside: expected 'raise' or 'skip'"),
        ({"damaged": "ignore"}, "damaged: expected 'raise' or 'skip'"),
        ({"positions": positions([(150.0, np.nan)])}, "got ra=150.0, dec=nan for 'id0'"),
        (
            {"positions": positions([(150.0, 20.0)]).rename(columns={"ra": "RA"})},
            "expected rows with columns ra and dec",
        ),
        ({"positions": positions([(150.0, 20.0)] * 2).set_axis(["a", "a"])}, "got 'a' more than once"),
    ],
)
def test_bad_arguments_are_told_with_their_cure(field, changes, message):
    good = {"positions": positions([(150.0, 20.0)]), "size": 16, "side": 6 * u.arcsec}
    with pytest.raises(ValueError, match=message):
        sdss.cutouts(field, **(good | changes))


def test_tiles_that_do_not_fit_are_refused(field):
    with pytest.raises(ValueError, match="expected tiles that fit into field 001035-6-0017"):
        sdss.tiles(field, size=256)


@pytest.fixture(scope="module")
def real_field(real_data):
    return sdss.read_field(real_data / "sdss_frames" / "001035-6-0017")


def isolated_stars(field):
    """Find bright unsaturated stars in r with no neighbour of 0.5 % of their flux within 40 pixels."""
    image = field.images[2]
    _, sky, noise = sigma_clipped_stats(image[::4, ::4])
    found = DAOStarFinder(threshold=20 * noise, fwhm=3.5)(image - sky)
    x, y, flux, peak = (np.array(found[name]) for name in ("x_centroid", "y_centroid", "flux", "peak"))
    apart = np.hypot(x[:, None] - x, y[:, None] - y) + np.where(flux < 0.005 * flux[:, None], np.inf, 0)
    np.fill_diagonal(apart, np.inf)
    inner = (np.abs(x - 1024) < 940) & (np.abs(y - 744) < 660)
    chosen = inner & (apart.min(axis=1) > 40) & (peak > 2) & (peak < 60)
    return positions(np.transpose(field.wcs[2].wcs_pix2world(x[chosen], y[chosen], 0)))


@pytest.mark.slow
@pytest.mark.parametrize(("size", "side"), [(64, 64 * SCALE), (64, 40.0)])
def test_real_stars_keep_their_flux_and_colours(real_field, size, side):
    """In an aperture of 6″, cutout against frame: all stars together within 0.2 % in each band and 0.003 mag in colour.

    Each star: within 0.2 % and what sky noise in the pixels on the rim of the aperture can do (u is faint).
    """
    wanted = isolated_stars(real_field)
    cut = sdss.cutouts(real_field, wanted, size=size, side=side * u.arcsec)
    assert len(wanted) >= 15
    before, after, rim = np.empty((3, 5, len(wanted)))
    middle = CircularAperture([(size - 1) / 2] * 2, 6.0 * size / side)
    for band, (image, wcs) in enumerate(zip(real_field.images, real_field.wcs, strict=True)):
        places = np.transpose(wcs.wcs_world2pix(wanted["ra"], wanted["dec"], 0))
        before[band] = CircularAperture(places, 6.0 / SCALE).do_photometry(image)[0]
        after[band] = [middle.do_photometry(images[band])[0][0] for images in cut.images[:]]
        pixels_on_rim = 2 * np.pi * 6.0 / SCALE * (side / size / SCALE)
        rim[band] = sigma_clipped_stats(image[::4, ::4])[2] * np.sqrt(pixels_on_rim)
    ratio = after.sum(axis=1) / before.sum(axis=1)
    np.testing.assert_allclose(ratio, 1, atol=0.002)
    assert np.abs(2.5 * np.diff(np.log10(ratio))).max() < 0.003
    assert (np.abs(after - before) < 0.002 * before + rim).all()


@pytest.mark.slow
def test_real_tiles_are_covered_in_all_bands(real_field):
    made = sdss.tiles(real_field, size=64, side=256 * SCALE * u.arcsec)
    assert len(made) == 5 * 7
    assert made.coverage[:].all()
