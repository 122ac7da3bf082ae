"""Redshifts from fluxes: templates that were drawn come back, and both baselines stand beside the network."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from galviz.nn.baselines import colour_redshifts as methods
from galviz.nn.inference.predict import remember
from galviz.pages.results.baselines import write_baselines
from galviz.pages.results.regression import View
from galviz.runs.predictions import Predictions
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.mock.galaxies import inpainting_sky, sed_colours
from galviz.studies import inpainting
from galviz.tasks.target import Target
from galviz.tools.selection.core import Selection
from galviz.work.worker import baselines

Z = np.array([0.1, 0.25, 0.4, 0.55, 0.7])


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Trees as small as these only wait for each other on several."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def sky():
    return inpainting_sky(120, size=32, seed=3)


def drawn(number, error=0.01):
    """Fluxes of templates at the redshifts `Z`, and their errors."""
    flux = 10 ** (-0.4 * (sed_colours(Z, np.full(5, float(number))) - 3))
    return np.concatenate([flux, error * flux], axis=1)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_redshift_of_a_template_is_found(number):
    fitted = methods.TemplateFit().fit(drawn(number), np.array([0.1, 0.8]))
    np.testing.assert_allclose(fitted.predict(drawn(number)), Z, atol=0.011)
    np.testing.assert_allclose(fitted.predict(1e3 * drawn(number)), Z, atol=0.011)


def test_it_learns_no_more_than_the_highest_redshift():
    assert methods.TemplateFit().fit(drawn(0), np.array([0.1, 0.3])).predict(drawn(0)).max() <= 0.3
    other = methods.TemplateFit().fit(drawn(0) * 9, np.array([0.8, 0.2]))
    np.testing.assert_array_equal(
        other.predict(drawn(0)), methods.TemplateFit().fit(drawn(1), np.array([0.8])).predict(drawn(0))
    )


def test_a_flux_without_an_error_is_not_used():
    features, bad = drawn(0), drawn(0)
    bad[:, 0], bad[:, 5] = 1e9, 0.0
    features = np.delete(features, [0, 5], axis=1)
    fitted = [methods.TemplateFit(bands).fit(Z, np.array([0.8])) for bands in (tuple("ugriz"), tuple("griz"))]
    np.testing.assert_array_equal(fitted[0].predict(bad), fitted[1].predict(features))


def test_what_the_sky_lacks_is_left_out(sky):
    rows, target = np.arange(5), inpainting.TARGET
    assert methods.templates(sky, rows, target)[0].shape == (5, 10)
    assert methods.colours(sky, rows, target)[0].shape == (5, 9)
    mass = Target("mass", "regression", ("radius",), "mass")
    assert methods.templates(sky, rows, mass) is methods.colours(sky, rows, mass) is None
    same = {"catalogue": sky.catalogue, "pixel_scale": sky.pixel_scale, "images": sky.images[:]}
    assert methods.templates(CutoutSet(bands=sky.bands, unit="flux", **same), rows, target) is None
    assert methods.templates(CutoutSet(bands=tuple("abcgr"), unit="nanomaggy", **same), rows, target) is None


def test_both_stand_beside_the_network_with_the_measures_of_redshifts(sky, tmp_path):
    sky.save(tmp_path / "sky")
    given = {"study": "inpainting", "target": inpainting.TARGET, "recipe": inpainting.RECIPES["quick"]}
    run = Run.create(tmp_path / "run", data=tmp_path / "sky", **given)
    remember(run, sky, np.arange(80), np.arange(80, 120))
    z = sky.catalogue["z"]
    fold = np.where(np.arange(120) < 80, -1, 0)
    table = z.rename("z_phot").to_frame().assign(z_phot=z + 0.1, z_phot_true=z, fold=fold)
    run.save_predictions(Predictions(table, inpainting.TARGET))
    found = {}
    for name in ("constant", *inpainting.STUDY.baselines):
        found |= baselines(str(run.path), name)
    scatter = {name: measures.loc["Δz sigma_nmad", "value"] for name, measures in found.items()}
    assert scatter["templates"] < 0.8 * scatter["constant"]
    assert scatter["colours"] < scatter["constant"]
    bias = (0.1 / (1 + z[80:])).mean()
    assert found["network"].loc["Δz bias", "value"] == pytest.approx(bias)
    judge = View(run.predictions(), Selection(), sky, run).judge
    assert "shows them here too" in judge.redshifts()._compute()[1]
    write_baselines(run, found)
    assert "<tr><th scope='row'>templates</th>" in judge.redshifts()._compute()[1]
