"""Clusters drawn into frames made here: the light of the cluster, the sky as it was observed, and the groups."""

import astropy.units as u
import numpy as np
import pandas as pd
import pytest
import sdss_files
from pandas.testing import assert_frame_equal
from sdss_files import SCALE, SHAPE, STARS, coordinates, header, write_field

from galviz.cli.main import main
from galviz.runs.folds import groups_of
from galviz.sky.cutouts import CutoutSet
from galviz.sky.mock import embedded, ground, write_embedded_sky
from galviz.sky.mock.colours import MAGNITUDES
from galviz.sky.mock.drawn import kpc_per_arcsec
from galviz.sky.readers import sdss
from galviz.sky.readers.shelf import Shelf, fill

NORTH = np.add(STARS, [0, 3, 0])
SIZE, SIDE = 40, 0.15  # pixels, Mpc
UP = 190 * SCALE / 3600  # degrees: frames as far apart overlap by 30 of 220 rows


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Two fields that overlap, of sky 1 and 2, and one far away with stars."""
    place = tmp_path_factory.mktemp("frames")
    write_field(place / "a", [], sky=1.0, angle=0.0, packed=False)
    write_field(place / "b", [], sky=2.0, angle=0.0, dec=20.0 + UP, field=18, packed=False)
    write_field(place / "c", NORTH, dec=23.0, field=19, packed=False)
    return place


def drawn(path, n, frames, **more):
    return CutoutSet.open(write_embedded_sky(path, n, frames, **({"size": SIZE, "side_mpc": SIDE, "seed": 2} | more)))


@pytest.fixture(scope="module")
def small(frames, tmp_path_factory):
    return drawn(tmp_path_factory.mktemp("sky") / "sky", 24, frames)


def background_of(sky, row, frames):
    """Cut the pure sky on the grid of a drawn cutout, its own field first."""
    shelf = Shelf(frames)
    home = shelf.names.index(sky.catalogue["field"].iloc[row])
    image, covered = np.zeros((5, SIZE, SIZE), dtype=np.float32), np.zeros((5, SIZE, SIZE), dtype=bool)
    for k in [home, *(k for k in range(len(shelf.names)) if k != home)]:
        fill(image, covered, shelf.field(k), sky.wcs_of(sky.object_ids[row]))
    assert covered.all()
    return image


def one_galaxy(*_):
    galaxy = {"x": 3.0, "y": -2.0, "kind": "bcg", "p_mem": 1.0, "red_sequence": True, "z": 0.3}
    shape = {"radius": 0.8, "sersic": 1, "axis_ratio": 0.7, "angle": 0.3}
    magnitudes = {f"mag_{band}": 17.0 + 0.2 * k for k, band in enumerate("ugriz")}
    return pd.DataFrame([galaxy | magnitudes | shape])


def test_all_that_is_added_to_the_observed_sky_is_the_light_of_the_cluster(frames, tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "cluster_galaxies", one_galaxy)
    sky = drawn(tmp_path / "sky", 17, frames)
    expected = 10 ** (-0.4 * (17.0 + 0.2 * np.arange(5) - 22.5))
    rows, columns = np.indices((SIZE, SIZE))
    for row, scale in enumerate(sky.pixel_scale):
        observed, image = background_of(sky, row, frames), sky.images[row]
        np.testing.assert_allclose((image - observed).sum(axis=(1, 2)), expected, rtol=0.035)
        x, y = sky.sources.loc[row, ["x", "y"]].astype(float)
        np.testing.assert_allclose([x, y], (SIZE - 1) / 2 + np.array([3.0, -2.0]) / scale)
        away = np.maximum(abs(columns - x), abs(rows - y)) * scale > 12
        assert away.any()
        np.testing.assert_array_equal(image[:, away], observed[:, away])


def test_the_light_of_a_cluster_has_the_noise_of_its_photons(frames, tmp_path, monkeypatch):
    """Twice the same galaxy of 158 nanomaggies in u (0.0054 a photon): fluxes scatter by 0.9 nanomaggies."""
    monkeypatch.setattr(embedded, "cluster_galaxies", one_galaxy)
    sky = drawn(tmp_path / "sky", 40, [frames / "a"], size=16)
    scale = (sky.pixel_scale / SCALE) ** 2
    flux = sky.images[:][:, 0].sum(axis=(1, 2)) - 256 * scale
    assert 0.6 < flux.std() < 1.3


def test_observed_stars_lie_where_the_coordinates_say(frames, tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "cluster_galaxies", lambda *_: one_galaxy().assign(**dict.fromkeys(MAGNITUDES, 40.0)))
    sky = drawn(tmp_path / "sky", 32, [frames / "c"])
    found, turns = 0, set()
    for row, object_id in enumerate(sky.object_ids):
        for ra, dec, flux in NORTH:
            x, y = np.array(sky.wcs_of(object_id).wcs_world2pix(ra, dec, 0)).round().astype(int)
            if min(x, y) >= 4 and max(x, y) < SIZE - 4:
                near = sky.images[row][2][y - 4 : y + 5, x - 4 : x + 5]
                assert near.sum() == pytest.approx(flux, rel=0.15)
                assert near.argmax() in {30, 31, 32, 39, 40, 41, 48, 49, 50}
                found += 1
        cd = sky.wcs.loc[object_id, ["cd1_1", "cd1_2", "cd2_1", "cd2_2"]].to_numpy(float)
        turns.add(tuple(np.sign(cd).astype(int)))
    assert found > 10
    assert len(turns) == 8  # four turns and their mirror images


def test_a_cutout_is_as_wide_as_it_says_and_lies_in_its_field(small, frames):
    kpc = small.pixel_scale * SIZE * [kpc_per_arcsec(z) for z in small.catalogue["z"]]
    np.testing.assert_allclose(kpc, 1000 * SIDE)
    assert (small.catalogue["z"] >= small.catalogue["z_nearest"]).all()
    assert small.coverage is None
    centres = small.catalogue[["ra", "dec"]]
    again = sdss.cutouts(frames, centres, size=8, side=2 * u.arcsec)  # each centre lies in a frame
    assert set(again.catalogue["field"]) == set(small.catalogue["field"])
    pixels = [small.wcs_of(name).wcs_world2pix(*centre, 0) for name, centre in centres.iterrows()]
    np.testing.assert_allclose(pixels, (SIZE - 1) / 2, atol=1e-6)


def test_a_sky_says_what_it_is(small):
    assert (small.origin, small.unit) == ("synthetic clusters in real SDSS frames", "nanomaggy")
    assert small.object_ids[3] == "embedded-2-000003"
    wanted = {"richness", "z", "ra", "dec", "field", "group", "z_nearest", "fwhm_u", "fwhm_z"}
    assert wanted <= set(small.catalogue.columns)
    assert set(small.sources["kind"]) == {"bcg", "member"}
    np.testing.assert_allclose(small.catalogue["fwhm_r"], 1.25)  # too few stars to measure: SDSS's median


def test_fields_that_share_sky_are_one_group(small):
    assert small.catalogue["field"].to_list() == [f"001035-6-00{number}" for number in (17, 18, 19) for _ in range(8)]
    assert groups_of(small.catalogue).tolist() == ["001035-6-0017"] * 16 + ["001035-6-0019"] * 8


def test_frames_that_overlap_fill_in_and_make_room_for_nearer_clusters(small, frames):
    alone = ground.survey_ground(Shelf(frames / "a"), SIDE).nearest[0]
    together = small.catalogue["z_nearest"]
    assert together.iloc[0] == together.iloc[8] < alone
    assert 1000 * SIDE / kpc_per_arcsec(alone) == pytest.approx((SHAPE[0] - 33) * SCALE / 1.02, rel=0.01)
    mixed = [np.unique(background_of(small, row, frames).round(3)).size > 1 for row in range(16)]
    assert any(mixed)


@pytest.mark.parametrize("turn", ground._TURNS)
def test_a_field_reaches_a_cutout_however_it_is_turned(frames, turn):
    """The circle around the field has a radius of 74 arcsec, that around the cutout one of 71."""
    shelf, scale = Shelf(frames / "a"), 100 / 40 / 3600
    cd = dict(zip(("cd1_1", "cd1_2", "cd2_1", "cd2_2"), (turn * scale).ravel(), strict=True))
    for north, expected in ((140, True), (150, False)):
        assert shelf.reaches(0, {"crval1": 150.0, "crval2": 20.0 + north / 3600, **cd}, 40) is expected


@pytest.mark.parametrize("chain", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
def test_a_chain_of_overlapping_fields_is_one_group(tmp_path, chain):
    for number, step in enumerate(chain):
        write_field(tmp_path / str(number), [], dec=20.0 + step * UP, angle=0.0, field=number, packed=False)
    found = ground.survey_ground(Shelf(tmp_path), SIDE)
    assert set(found.groups) == {found.names[0]}


def test_overlap_is_what_points_on_a_grid_find():
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.linspace(0, SHAPE[1], 61), np.linspace(0, SHAPE[0], 61)), -1).reshape(-1, 2) - 0.5
    answers = []
    for _ in range(60):
        ra, dec = 150 + rng.uniform(-1, 1) * 0.045, 20 + rng.uniform(-1, 1) * 0.045
        one, other = (
            (coordinates(header("r", *place, rng.uniform(0, 360), (0, 0))), SHAPE) for place in ((150, 20), (ra, dec))
        )
        places = other[0].wcs_world2pix(one[0].wcs_pix2world(grid, 0), 0)
        away = np.maximum(np.abs(places - np.array(SHAPE[::-1]) / 2) - np.array(SHAPE[::-1]) / 2, 0)
        apart = np.hypot(*away.T).min()
        answers.append(ground.overlap(one, other))
        assert ground.overlap(other, one) == answers[-1]
        if apart == 0:
            assert answers[-1]
        if apart > 2 * 16 + 10:
            assert not answers[-1]
    assert 10 < sum(answers) < 50
    far = coordinates(header("r", 330.0, -20.0, 0.0, (0, 0))), SHAPE
    assert not ground.overlap(one, far)


def same(one, other):
    np.testing.assert_array_equal(one.images[:], other.images[:])
    assert_frame_equal(one.catalogue, other.catalogue)
    assert_frame_equal(one.sources, other.sources)


def test_a_cluster_depends_on_seed_and_number_alone(small, frames, tmp_path):
    shorter = drawn(tmp_path / "shorter", 12, frames)
    same(shorter, small.select(shorter.object_ids))
    other = drawn(tmp_path / "other", 2, frames, seed=3)
    assert not np.array_equal(other.images[:], small.images[:2])


@pytest.mark.slow
def test_any_number_of_workers_gives_the_same_sky(small, frames, tmp_path):
    same(small, drawn(tmp_path / "sky", 24, frames, workers=2))


def test_the_command_draws_into_frames(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sdss_files, "SHAPE", (480, 480))  # wide enough for 1 Mpc from z = 0.5 on
    write_field(tmp_path / "frames", [], sky=3.0, packed=False)
    command = ["mock", "richness", "--background", tmp_path / "frames", "--n", 2, "--size", 16, "--workers", 1]
    assert main([*map(str, command), "--out", str(tmp_path / "sky")]) == 0
    assert "2 objects of 16 px, drawn into real SDSS frames" in capsys.readouterr().out
    sky = CutoutSet.open(tmp_path / "sky")
    assert sky.catalogue["z"].min() >= sky.catalogue["z_nearest"].max() > 0.4
    np.testing.assert_allclose(np.median(sky.images[:] / (sky.pixel_scale[:, None, None, None] / SCALE) ** 2), 3, 0.05)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"size": 4}, ValueError, "size: expected a whole number of at least 8, got 4"),
        ({"side_mpc": 3.0}, ValueError, "side_mpc: expected a side that fits into the frames of 001035-6-0017, got 3"),
    ],
)
def test_bad_arguments_are_told_with_their_cure(frames, tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        drawn(tmp_path / "sky", 2, frames, **changes)
    assert not list(tmp_path.iterdir())


def test_frames_that_are_missing_or_broken_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected frame-"):
        drawn(tmp_path / "sky", 2, tmp_path)
    folder = write_field(tmp_path / "in", [], packed=False)
    broken = folder / "frame-g-001035-6-0017.fits"
    broken.write_bytes(broken.read_bytes()[:20000])
    with pytest.raises(OSError, match=r"frame-g-001035-6-0017\.fits: expected a whole FITS frame"):
        drawn(tmp_path / "sky", 2, folder)
    broken.unlink()
    with pytest.raises(ValueError, match="expected one frame of each of u g r i z for 001035-6-0017, got 4"):
        drawn(tmp_path / "sky", 2, folder)
    assert {path.name for path in tmp_path.iterdir()} == {"in"}
