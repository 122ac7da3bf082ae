import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from galviz.sky.cutouts import CutoutSet
from galviz.sky.mass_metallicity import metallicity_of
from galviz.sky.mock import metallicity as drawn
from galviz.sky.mock import pictures
from galviz.sky.mock.parts import random_of


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    path = tmp_path_factory.mktemp("oh") / "sky"
    return CutoutSet.open(drawn.write_metallicity_sky(path, 300, size=32, seed=3))


@pytest.fixture(scope="module")
def galaxies():
    found = pd.DataFrame([vars(drawn.draw_galaxy(np.random.default_rng((7, k)))) for k in range(6000)])
    bands = pd.DataFrame(found.pop("magnitudes").tolist(), columns=list("gri"))
    return found.join(bands).assign(residual=found["oh"] - metallicity_of(found["mass"]))


def scatter_left(galaxies, *columns):
    """Scatter of the residual around a fit to columns, dex."""
    features = galaxies[["mass", *columns]]
    left = galaxies["residual"] - LinearRegression().fit(features, galaxies["residual"]).predict(features)
    return left.std()


def test_what_a_sky_holds(sky):
    assert sky.images.shape == (300, 3, 32, 32)
    assert sky.images.raw.dtype == np.uint8
    assert (sky.unit, sky.origin, sky.bands) == ("display", "synthetic sky", ("red", "green", "blue"))
    assert sky.object_ids[1] == "oh-3-000001"
    table = sky.catalogue
    assert (table["oh_p16"] < table["oh_p50"]).all()
    assert (table["oh_p50"] < table["oh_p84"]).all()
    assert table["z"].between(0.02, 0.35).all()
    assert table["petroR90_r"].gt(table["petroR50_r"]).all()
    assert np.isfinite(table.to_numpy(float)).all()
    pixels = sky.images[:]
    assert pixels[:, :, 12:20, 12:20].mean() > 3 * pixels[:, :, :3].mean()
    assert len(np.unique(pixels.reshape(300, -1), axis=0)) == 300


def test_a_galaxy_depends_on_its_number_alone(sky, tmp_path, monkeypatch):
    monkeypatch.setattr(drawn, "_BATCH", 3)
    monkeypatch.setattr(pictures, "_PART", 7)
    seen = []
    path = drawn.write_metallicity_sky(tmp_path / "short", 10, size=32, seed=3, progress=lambda *now: seen.append(now))
    short = CutoutSet.open(path)
    same = sky.select(short.object_ids)
    np.testing.assert_array_equal(short.images.raw[:], same.images.raw[:])
    assert short.catalogue.equals(same.catalogue)
    assert seen[-1] == (10, 10)
    assert (drawn.draw_one(random_of(4, 0), 32)[0] != sky.images.raw[0]).any()


def test_metallicity_follows_mass_with_a_scatter_of_a_tenth(galaxies):
    assert galaxies["residual"].mean() == pytest.approx(0, abs=0.004)
    assert galaxies["residual"].std() == pytest.approx(0.1, rel=0.03)
    assert galaxies["mass"].between(8.8, 11.4).all()


def test_age_and_clumps_explain_a_part_of_the_scatter(galaxies):
    smooth = galaxies.assign(clumps=np.log(galaxies["clumps"]))
    assert scatter_left(smooth, "age") == pytest.approx(0.1 * np.sqrt(1 - drawn.BY_AGE**2), rel=0.04)
    assert scatter_left(smooth, "clumps") == pytest.approx(0.1 * np.sqrt(1 - drawn.BY_SHAPE**2), rel=0.04)
    assert scatter_left(smooth, "age", "clumps") == pytest.approx(drawn.HIDDEN, rel=0.04)
    assert round(drawn.HIDDEN, 4) == 0.0612


def test_colours_know_more_with_the_shape_than_alone(galaxies):
    """Dust reddens a galaxy seen edge-on."""
    seen = galaxies.assign(gr=galaxies["g"] - galaxies["r"], clumps=np.log(galaxies["clumps"]))
    colours, both = scatter_left(seen, "gr"), scatter_left(seen, "gr", "axis_ratio")
    assert drawn.HIDDEN < both < 0.98 * colours < 0.098
    assert scatter_left(seen, "gr", "axis_ratio", "clumps") < 0.95 * both


def test_pictures_show_what_is_drawn(galaxies):
    def painted(**changes):
        one = drawn.draw_galaxy(np.random.default_rng(5))
        given = vars(one) | {"bulge": 0.1, "axis_ratio": 0.9, "clumps": 1.0} | changes
        return drawn.paint(drawn.Galaxy(**given), 48, np.random.default_rng(2))

    plain = painted()
    g, r, i = drawn.draw_galaxy(np.random.default_rng(5)).magnitudes
    red = painted(magnitudes=(g + 0.5, r, i))
    assert red[2].sum() / plain[2].sum() == pytest.approx(10**-0.2, rel=0.05)
    assert red[1].sum() == pytest.approx(plain[1].sum())
    smooth, lumpy = painted(clumps=0.05), painted(clumps=4.0)
    assert np.abs(np.diff(lumpy[2])).sum() > 1.2 * np.abs(np.diff(smooth[2])).sum()
    assert painted(bulge=0.7)[1].max() > 1.5 * plain[1].max()
    far = painted(r90=2.0)  # blurred by the seeing
    near = painted(r90=20.0)
    assert far[1].max() / far[1].mean() < near[1].max() / near[1].mean()


def test_what_is_out_of_range_is_refused(tmp_path):
    with pytest.raises(ValueError, match="size: expected a whole number of at least 8, got 4"):
        drawn.write_metallicity_sky(tmp_path / "sky", 3, size=4)
    with pytest.raises(FileExistsError, match="path: expected a new folder"):
        drawn.write_metallicity_sky(tmp_path, 3)
