import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from galviz.nn.baselines import richness as baselines
from galviz.sky.cutouts import CutoutSet

BANDS = ("u", "g", "r", "i", "z")


def sky(images):
    catalogue = pd.DataFrame(index=pd.Index([f"o{k}" for k in range(len(images))], name="object_id"))
    return CutoutSet(
        images=images.astype(np.float32), bands=BANDS, catalogue=catalogue, pixel_scale=1.0, unit="nanomaggy"
    )


@pytest.fixture(scope="module")
def fold():
    return np.arange(100) % 5


def test_the_mean_is_that_of_the_other_folds():
    truth, fold = np.array([1.0, 2.0, 3.0, 10.0]), np.array([0, 0, 1, 1])
    assert baselines.mean(truth, fold).tolist() == [6.5, 6.5, 1.5, 1.5]


def test_no_object_helps_to_predict_itself(fold):
    rng = np.random.default_rng(0)
    features, truth = rng.normal(size=(100, 3)), rng.normal(size=100)
    estimate = baselines.out_of_fold(LinearRegression, features, truth, fold)
    changed = truth.copy()
    changed[fold == 2] += 100
    again = baselines.out_of_fold(LinearRegression, features, changed, fold)
    assert np.array_equal(estimate[fold == 2], again[fold == 2])
    assert not np.allclose(estimate[fold != 2], again[fold != 2])


def test_a_function_of_redshift_is_found(fold):
    z = np.random.default_rng(0).uniform(0.1, 0.6, 100)
    for estimate in baselines.of_redshift(z, 3 + z, fold).values():
        assert np.abs(estimate - 3 - z).mean() < 0.03


def test_flux_is_found_by_the_linear_ridge(fold):
    rng = np.random.default_rng(0)
    flux = rng.uniform(1, 5, 100)
    images = rng.normal(0, 0.01, (100, 5, 8, 8)) + flux[:, None, None, None] / 64
    estimate = baselines.of_flux(sky(images), flux, fold)["linear"]
    assert np.abs(estimate - flux).mean() < 0.1


def test_bright_pixels_are_counted(fold):
    rng = np.random.default_rng(0)
    images, count = rng.normal(0, 1, (100, 5, 16, 16)), rng.integers(0, 40, 100)
    for image, many in zip(images, count, strict=True):
        image[2].flat[rng.permutation(256)[:many]] = 30
    estimates = baselines.of_flux(sky(images), np.log1p(count), fold)
    assert np.abs(estimates["logarithmic"] - np.log1p(count)).mean() < 0.15


def test_bands_of_different_histograms_are_told_apart_and_equal_ones_are_not(fold):
    rng = np.random.default_rng(0)
    images = rng.normal(0, 1, (100, 5, 16, 16))
    scales = np.array([1, 2, 4, 8, 16])[:, None, None]
    truth = np.arange(5)
    assert (baselines.bands_by_histogram(sky(images * scales), fold) == truth).mean() > 0.95
    assert (baselines.bands_by_histogram(sky(images), fold) == truth).mean() < 0.4


def test_a_scaling_that_hides_the_flux_is_applied_first(fold):
    images = np.random.default_rng(0).normal(0, 1, (100, 5, 16, 16)) * np.array([1, 2, 4, 8, 16])[:, None, None]

    def to_unit(values):
        return values / values.std((2, 3), keepdims=True)

    assert (baselines.bands_by_histogram(sky(images), fold, to_unit) == np.arange(5)).mean() < 0.4
