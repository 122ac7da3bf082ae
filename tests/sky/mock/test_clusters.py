"""Galaxies of a cluster: what is counted is there, and looks as cluster galaxies do."""

import numpy as np
import pandas as pd
import pytest

from galviz.sky.mock import laws
from galviz.sky.mock.clusters import DEPTH, cluster_galaxies, draw_cluster
from galviz.sky.mock.colours import BANDS, MAGNITUDES, blue_cloud, red_sequence

KPC = 5.0  # per arcsec


@pytest.fixture(scope="module")
def clusters():
    drawn = []
    for k in range(60):
        rng = np.random.default_rng([2, k])
        cluster = draw_cluster(rng)
        drawn.append((cluster, cluster_galaxies(cluster, KPC, rng)))
    return drawn


def colours_of(table):
    return -np.diff(table[list(MAGNITUDES)].to_numpy(), axis=1)


def test_richness_is_the_members_above_the_limit_inside_r_lambda(clusters):
    for cluster, galaxies in clusters:
        radius = np.hypot(galaxies["x"], galaxies["y"]) * KPC / 1000
        bright = galaxies["mag_i"] <= laws.m_star(cluster.z) + laws.LIMIT + 1e-9
        assert (bright & (radius <= laws.r_lambda(cluster.richness))).sum() == cluster.richness


def test_bcg_is_first_near_the_centre_and_the_brightest(clusters):
    for _, galaxies in clusters:
        assert list(galaxies["kind"]) == ["bcg"] + ["member"] * (len(galaxies) - 1)
        assert np.hypot(galaxies["x"][0], galaxies["y"][0]) * KPC < 60
        assert galaxies["mag_i"][0] == pytest.approx(galaxies["mag_i"].min(), abs=1e-9)
        assert galaxies["red_sequence"][0]


def test_members_reach_the_depth_of_the_survey(clusters):
    for cluster, galaxies in clusters:
        faint = max(DEPTH, laws.m_star(cluster.z) + laws.LIMIT)
        assert galaxies["mag_i"].max() <= faint + 1e-9
    near = pd.concat([galaxies for cluster, galaxies in clusters if cluster.z < 0.3])
    assert (near["mag_i"] > DEPTH - 0.5).any()


def test_red_members_lie_on_the_red_sequence_and_blue_ones_off_it(clusters):
    offsets, blue = [], []
    for cluster, galaxies in clusters:
        below = galaxies["mag_i"] - laws.m_star(cluster.z)
        off = colours_of(galaxies) - red_sequence(galaxies["z"].to_numpy(), below.to_numpy())
        offsets.append(off[galaxies["red_sequence"]])
        blue.append(off[~galaxies["red_sequence"]])
    red, blue = np.concatenate(offsets), np.concatenate(blue)
    np.testing.assert_allclose(red.mean(axis=0), 0, atol=0.01)
    assert 0.03 < red[:, 1].std() < 0.06
    assert blue[:, 1].mean() < -0.2
    assert 0.1 < len(blue) / (len(blue) + len(red)) < 0.45


def test_blue_members_are_found_outside(clusters):
    inner, outer = [], []
    for cluster, galaxies in clusters:
        radius = np.hypot(galaxies["x"], galaxies["y"]) * KPC / 1000 / laws.r_lambda(cluster.richness)
        inner += list(galaxies.loc[radius < 0.3, "red_sequence"])
        outer += list(galaxies.loc[radius > 0.8, "red_sequence"])
    assert np.mean(inner) > np.mean(outer) + 0.03


def test_the_red_sequence_moves_with_redshift():
    z = np.linspace(0.08, 0.6, 53)
    track = red_sequence(z)
    assert track.shape == (53, 4)
    g_r, r_i = track[:, 1], track[:, 2]
    assert (np.diff(g_r) > -1e-9).all()
    assert (np.diff(r_i) > 0).all()
    assert 1.6 < np.interp(0.35, z, g_r) < 1.8
    assert np.interp(0.6, z, g_r) - np.interp(0.4, z, g_r) < 0.1  # the break has left g
    assert np.interp(0.55, z, r_i) - np.interp(0.4, z, r_i) > 2 * (
        np.interp(0.35, z, r_i) - np.interp(0.20, z, r_i)
    )  # and entered r
    assert (red_sequence(z)[:, 1] - blue_cloud(z)[:, 1] > 0.3).all()


def test_fainter_red_galaxies_are_bluer():
    bright, faint = red_sequence(0.2, -1.0)[0], red_sequence(0.2, 2.0)[0]
    assert (faint < bright).all()
    assert bright[1] - faint[1] == pytest.approx(3 * 0.032)


def test_bands_are_in_the_order_of_the_survey():
    assert BANDS == ("u", "g", "r", "i", "z")
    assert MAGNITUDES == ("mag_u", "mag_g", "mag_r", "mag_i", "mag_z")
