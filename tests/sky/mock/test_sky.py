"""The sky as a set: the same for a seed, however it is made, and whole on disk."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from galviz.sky.cutouts import CutoutSet
from galviz.sky.mock import parts, richness_sky, write_richness_sky
from galviz.sky.mock.drawn import kpc_per_arcsec
from galviz.sky.mock.render import NOISE

SIZE = 24


@pytest.fixture(scope="module")
def small():
    return richness_sky(6, size=SIZE, seed=3)


def same(one: CutoutSet, other: CutoutSet) -> None:
    assert list(one.object_ids) == list(other.object_ids)
    np.testing.assert_array_equal(one.images[:], other.images[:])
    assert_frame_equal(one.catalogue, other.catalogue)
    assert_frame_equal(one.wcs, other.wcs)
    assert_frame_equal(one.sources, other.sources)
    np.testing.assert_array_equal(one.pixel_scale, other.pixel_scale)


def test_a_sky_is_a_whole_set(small):
    assert small.images.shape == (6, 5, SIZE, SIZE)
    assert small.bands == ("u", "g", "r", "i", "z")
    assert (small.unit, small.origin, small.survey) == ("nanomaggy", "synthetic sky", "sdss")
    assert small.object_ids[2] == "mock-3-000002"
    wanted = {"richness", "richness_drawn", "z", "ra", "dec", "r_lambda", "mag_limit_i", "bcg_mag_i"}
    assert wanted <= set(small.catalogue.columns)
    assert not small.catalogue.isna().any(axis=None)


def test_a_cutout_spans_one_megaparsec(small):
    z = small.catalogue["z"].to_numpy()
    kpc = small.pixel_scale * SIZE * np.array([kpc_per_arcsec(value) for value in z])
    np.testing.assert_allclose(kpc, 1000)
    assert kpc_per_arcsec(0.30) * 3.742 * 60 == pytest.approx(1000, rel=1e-3)


def test_the_same_seed_gives_the_same_sky(small):
    same(small, richness_sky(6, size=SIZE, seed=3))
    other = richness_sky(2, size=SIZE, seed=4)
    assert not np.array_equal(other.images[:], small.images[:2])


def test_a_longer_sky_begins_with_the_shorter_one(small):
    shorter = richness_sky(4, size=SIZE, seed=3)
    same(shorter, small.select(shorter.object_ids))


@pytest.mark.slow
def test_any_number_of_workers_gives_the_same_sky(small):
    same(small, richness_sky(6, size=SIZE, seed=3, workers=2))


def test_a_written_sky_is_the_one_in_memory(small, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "_PART_BYTES", 4 * 4 * 5 * SIZE**2)  # parts of 4 and 2
    reports = []
    path = write_richness_sky(tmp_path / "sky", 6, size=SIZE, seed=3, progress=lambda *done: reports.append(done))
    same(small, CutoutSet.open(path))
    assert reports == [(4, 6), (6, 6)]
    assert [entry.name for entry in tmp_path.iterdir() if entry.name != "galviz-home"] == ["sky"]


def test_an_interrupted_sky_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "_PART_BYTES", 1)

    def stop(done, n):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_richness_sky(tmp_path / "sky", 3, size=8, progress=stop)
    assert not [entry for entry in tmp_path.iterdir() if "sky" in entry.name]


def test_a_folder_that_exists_is_refused_before_anything_is_drawn(tmp_path):
    with pytest.raises(FileExistsError, match=r"path: expected a new folder"):
        write_richness_sky(tmp_path, 10**9)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": 0}, "n: expected a whole number of at least 1, got 0"),
        ({"n": 2.5}, "n: expected a whole number"),
        ({"n": 1, "size": 4}, "size: expected a whole number of at least 8, got 4"),
        ({"n": 1, "side_mpc": -1.0}, "side_mpc: expected a number of at least 0.1, got -1.0"),
        ({"n": 1, "workers": 0}, "workers: expected a whole number of at least 1"),
        ({"n": 1, "seed": -1}, "seed: expected a whole number of at least 0"),
    ],
)
def test_numbers_out_of_range_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        richness_sky(**wrong)


def test_sources_tell_what_the_cutouts_hold(small):
    sources = small.sources
    assert set(sources["kind"]) == {"bcg", "member", "field", "star"}
    assert (sources["p_mem"] == sources["kind"].isin(["bcg", "member"])).all()
    assert sources[["x", "y"]].min(axis=None) >= -0.5
    assert sources[["x", "y"]].max(axis=None) < SIZE - 0.5
    assert (sources.groupby("object_id")["kind"].apply(lambda kind: (kind == "bcg").sum()) == 1).all()


def test_a_wide_cutout_holds_every_member_that_is_counted():
    wide = richness_sky(2, size=32, side_mpc=3.2, seed=5)
    table = wide.catalogue
    for object_id, row in table.iterrows():
        found = wide.sources[(wide.sources["object_id"] == object_id) & (wide.sources["p_mem"] == 1)]
        scale = 3.2 / 32
        radius = np.hypot(found["x"] - 15.5, found["y"] - 15.5) * scale
        counted = (found["mag_i"] <= row["mag_limit_i"] + 1e-9) & (radius <= row["r_lambda"] + 1e-9)
        assert counted.sum() == row["richness"]


def test_a_cutout_of_one_megaparsec_misses_members(small):
    limit = small.sources["object_id"].map(small.catalogue["mag_limit_i"])
    bright = small.sources[(small.sources["p_mem"] == 1) & (small.sources["mag_i"] <= limit)]
    share = bright.groupby("object_id").size() / small.catalogue["richness"]
    assert share.max() < 1
    assert 0.4 < share.mean() < 0.8


def test_the_picture_is_bright_where_the_sources_are():
    native = richness_sky(1, size=200, side_mpc=0.4, seed=1)
    brightest = native.sources.nsmallest(5, "mag_r")
    image = native.images[0][2]
    noise = NOISE[2] * native.pixel_scale[0] / 0.396
    for x, y in brightest[["x", "y"]].round().astype(int).clip(2, 197).to_numpy():
        near = image[y - 2 : y + 3, x - 2 : x + 3]
        assert near.max() > 5 * noise


def test_pixels_and_positions_agree_with_the_wcs(small):
    object_id = small.object_ids[0]
    row = small.catalogue.loc[object_id]
    wcs = small.wcs_of(object_id)
    centre = (SIZE - 1) / 2
    np.testing.assert_allclose(wcs.pixel_to_world_values(centre, centre), (row["ra"], row["dec"]), rtol=1e-10)
    right, _ = wcs.pixel_to_world_values(centre + 1, centre)
    _, up = wcs.pixel_to_world_values(centre, centre + 1)
    assert right < row["ra"]  # east is left
    assert (up - row["dec"]) * 3600 == pytest.approx(small.pixel_scale[0], rel=1e-6)


@pytest.mark.slow
def test_flux_in_red_light_rises_with_richness():
    drawn = richness_sky(40, size=8, seed=0)
    table, members = drawn.catalogue, drawn.sources.query("p_mem == 1")
    flux = pd.Series(10 ** (-0.4 * members["mag_r"].to_numpy())).groupby(members["object_id"].to_numpy()).sum()
    below_m_star = np.log(flux[table.index]) + 0.4 * np.log(10) * table["mag_limit_i"]
    correlation = np.corrcoef(below_m_star, np.log(table["richness"]))[0, 1]
    assert 0.4 < correlation < 0.95
