"""The laws of the population: formulas at known values, and draws that follow them."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from galviz.sky.mock import laws
from galviz.sky.mock.clusters import draw_cluster

# of the real catalogue of 26,111 clusters
REAL = {"median": 33.29, "mean ln": 3.570, "std ln": 0.397, "mae of the mean": 0.322, "mae of z alone": 0.249}


@pytest.fixture(scope="module")
def population():
    clusters = [draw_cluster(np.random.default_rng([7, k])) for k in range(10000)]
    return np.array([(c.z, c.richness, c.richness_drawn) for c in clusters]).T


def mae_of_best_function_of(z, y, bins=60):
    groups = np.array_split(np.argsort(z), bins)
    return np.concatenate([np.abs(y[g] - np.median(y[g])) for g in groups]).mean()


def test_richness_follows_the_real_catalogue(population):
    z, richness, _ = population
    y = np.log(richness)
    assert np.median(richness) == pytest.approx(REAL["median"], abs=1.3)  # richness here is a whole number
    assert np.median(z) == pytest.approx(0.372, abs=0.005)
    assert y.mean() == pytest.approx(REAL["mean ln"], abs=0.03)
    assert y.std() == pytest.approx(REAL["std ln"], abs=0.02)
    assert np.abs(y - y.mean()).mean() == pytest.approx(REAL["mae of the mean"], abs=0.015)
    assert mae_of_best_function_of(z, y) == pytest.approx(REAL["mae of z alone"], abs=0.015)


def test_threshold_is_20_and_rises_past_z_035(population):
    z, richness, _ = population
    assert richness.min() == 20
    lowest = [np.percentile(richness[np.abs(z - at) < 0.02], 1) for at in (0.20, 0.33, 0.42, 0.50, 0.56)]
    assert lowest[1] == 20
    np.testing.assert_allclose(lowest, [20.0, 20.0, 23.4, 33.6, 46.0], atol=1.5)  # the real percentiles


def test_richness_scatters_about_the_value_drawn(population):
    _, richness, drawn = population
    scatter = np.std(np.log(richness / drawn))
    assert 0.12 < scatter < 0.25  # Poisson at 33 is 0.17
    assert np.corrcoef(np.log(richness), np.log(drawn))[0, 1] > 0.85


def test_quantiles_of_richness_follow_the_real_catalogue_at_every_redshift(population, real_data):
    table = pd.read_csv(real_data / "redmapper_dr8" / "redmapper_lambda.csv", skipinitialspace=True)
    real_z, real = table["zlambda"].to_numpy(), table["lambda"].to_numpy()
    z, richness, _ = population
    for low, high in ((0.08, 0.25), (0.25, 0.34), (0.34, 0.40), (0.40, 0.46), (0.46, 0.60)):
        q = [10, 25, 50, 75, 90]
        ours = np.percentile(richness[(z >= low) & (z < high)], q)
        theirs = np.percentile(real[(real_z >= low) & (real_z < high)], q)
        np.testing.assert_allclose(np.log(ours), np.log(theirs), atol=0.06)
    assert kstest(z, real_z).statistic < 0.02


def test_r_lambda_at_100_is_one_megaparsec_over_h():
    assert laws.r_lambda(100) == pytest.approx(1 / 0.7)
    assert laws.r_lambda(3.125) == pytest.approx(0.5 / 0.7)


def test_counted_richness_is_the_number_inside_its_own_radius():
    rng = np.random.default_rng(3)
    for _ in range(50):
        radii = np.sort(rng.uniform(0, 2.0, rng.integers(1, 120)))
        richness = laws.counted_richness(radii)
        assert np.sum(radii <= laws.r_lambda(richness)) == richness
        larger = np.arange(richness + 1, len(radii) + 1)
        assert all(np.sum(radii <= laws.r_lambda(k)) != k for k in larger)


def test_counted_richness_leaves_out_what_is_far():
    assert laws.counted_richness(np.array([0.0, 0.1, 0.2, 5.0])) == 3
    assert laws.counted_richness(np.array([])) == 0


def test_m_star_follows_the_published_formula_and_is_continuous():
    assert laws.m_star(0.2) == pytest.approx(17.85, abs=0.01)
    assert laws.m_star(0.5) == pytest.approx(laws.m_star(0.5001), abs=0.03)
    z = np.linspace(0.08, 0.6, 100)
    assert (np.diff(laws.m_star(z)) > 0).all()
    # redMaPPer's members of the test cluster at z = 0.228 end at i = 19.8
    assert laws.m_star(0.228) + laws.LIMIT == pytest.approx(19.8, abs=0.15)


def test_members_brighter_is_the_integral_of_schechter():
    def schechter(below):
        luminosity = 10 ** (-0.4 * below)
        return 0.4 * np.log(10) * np.exp(-luminosity)  # α = -1: φ(m) dm = φ* e^-L 0.4 ln 10 dm

    for faint in (-1.0, 0.0, laws.LIMIT, 4.0):
        assert laws.members_brighter(faint) == pytest.approx(quad(schechter, -6, faint)[0], rel=1e-5)


def test_members_within_is_the_integral_of_the_projected_nfw_profile():
    rs = 0.15 / 0.7

    def surface(radius):
        x = radius / rs
        arc = np.arctanh if x < 1 else np.arctan
        root = np.sqrt(abs(x**2 - 1))
        f = 1 - 2 / root * arc(np.sqrt(abs(x - 1) / (1 + x)))
        return 2 * np.pi * radius * f / (x**2 - 1)

    to_near, to_far = quad(surface, 1e-6, 0.1)[0], quad(surface, 1e-6, 0.2)[0]
    assert laws.members_within(0.2) / laws.members_within(0.1) == pytest.approx(to_far / to_near, rel=1e-3)
    beyond = quad(surface, 1e-6, rs * 0.999)[0] + quad(surface, rs * 1.001, 1.0)[0]  # around the removable pole
    assert laws.members_within(1.0) / laws.members_within(0.1) == pytest.approx(beyond / to_near, rel=5e-3)


def test_draws_follow_their_laws():
    rng = np.random.default_rng(4)
    radii = laws.draw_radii(4000, 1.5, rng)
    assert (np.diff(radii) >= 0).all()
    assert kstest(radii, lambda r: laws.members_within(r) / laws.members_within(1.5)).pvalue > 0.01
    below = laws.draw_luminosities(4000, -2.0, 3.0, rng)
    total = laws.members_brighter(3.0) - laws.members_brighter(-2.0)
    cdf = kstest(below, lambda m: (laws.members_brighter(m) - laws.members_brighter(-2.0)) / total)
    assert cdf.pvalue > 0.01
