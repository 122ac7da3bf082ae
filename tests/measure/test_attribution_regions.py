"""Where the effect of a map lies, and sources where a catalogue has none."""

import numpy as np
import pandas as pd
import pytest

from galviz.measure.attribution_regions import find_sources, shares

SOURCES = pd.DataFrame({"x": [8.0, 24.0, 25.0], "y": [8.0, 20.0, 4.0], "kind": ["member", "bcg", "star"]})


def test_an_effect_on_members_is_told_from_chance():
    effect = np.zeros((32, 32))
    effect[7:10, 7:10] = -1  # its sign does not matter
    effect[19:22, 23:26] = 2
    effect[30, 30] = 0.9
    found = shares(effect, SOURCES, 3.0)
    assert list(found.index) == ["members", "stars", "empty sky"]
    assert found["effect"].tolist() == pytest.approx([27 / 27.9, 0, 0.9 / 27.9])
    assert found["area"].sum() == pytest.approx(1)
    assert found.loc["members", "effect"] > found.loc["members", "high"]
    assert found.loc["empty sky", "effect"] < found.loc["empty sky", "low"]


def test_an_even_effect_is_as_large_as_the_area_and_as_chance():
    found = shares(np.ones((32, 20)), SOURCES.assign(x=SOURCES["x"] * 0.6), 4.0)
    np.testing.assert_allclose(found["effect"], found["area"])
    np.testing.assert_allclose(found["low"], found["high"])


def test_a_pixel_belongs_to_the_nearest_source_and_what_is_missing_counts_as_nothing():
    effect = np.full((32, 32), np.nan)
    effect[4, 24] = 1
    close = pd.DataFrame({"x": [24.0, 25.0], "y": [4.0, 4.0], "kind": ["star", "member"]})
    assert shares(effect, close, 3.0)["effect"].to_dict() == {"stars": 1, "members": 0, "empty sky": 0}


def test_by_chance_the_interval_holds_what_chance_gives():
    rng = np.random.default_rng(1)
    inside = []
    for seed in range(60):
        effect = np.zeros((32, 32))
        row, column = rng.integers(28, size=2)
        effect[row : row + 4, column : column + 4] = 1
        found = shares(effect, SOURCES, 4.0, seed=seed).loc["members"]
        inside.append(found["low"] <= found["effect"] <= found["high"])
    assert np.mean(inside) > 0.85


def test_bright_spots_are_found_where_they_are():
    rng = np.random.default_rng(2)
    images = rng.normal(0, 1, (3, 48, 48))
    y, x = np.mgrid[:48, :48]
    spots = [(10.0, 30.0, 30.0), (35.5, 12.0, 15.0)]
    for at_x, at_y, flux in spots:
        images += flux * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / 4)
    found = find_sources(images)
    assert (found["kind"] == "found").all()
    for k, (at_x, at_y, _) in enumerate(spots):  # brightest first
        assert np.hypot(found["x"][k] - at_x, found["y"][k] - at_y) < 0.5
    assert len(found) < 5
    assert find_sources(np.zeros((3, 16, 16))).empty


def test_pixels_that_touch_at_a_corner_are_one_source_and_small_ones_are_none():
    images = np.random.default_rng(3).normal(0, 1, (1, 40, 40))
    for k in range(6):
        images[0, 10 + 4 * (k % 2) : 14 + 4 * (k % 2), 4 * k : 4 * k + 4] += 60  # a zigzag of squares
    assert len(find_sources(images)) == 1
    large = find_sources(images, pixels=40 * 40)
    assert large.empty
    assert list(large) == ["x", "y", "kind"]
