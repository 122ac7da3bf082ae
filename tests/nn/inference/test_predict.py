import numpy as np
import pandas as pd
import pytest
import torch

from galviz.nn.inference import predict as inference
from galviz.nn.inference.predict import load_weights, objects, predict, remember, save_weights
from galviz.nn.tasks import build
from galviz.nn.training.data import dihedral
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.tasks.target import Target

RICHNESS = Target("ln_richness", "regression", ("richness",), "λ", transform="ln")
BAND = Target("band", "pretext", (), "band")
BANDS = ("u", "g", "r", "i", "z")
RECIPE = Recipe(
    name="tiny",
    epochs=1,
    batch=5,
    network={"width": 2, "stem": "small", "apart": False},
    optimiser={"learning_rates": {"encoder": 1e-2, "head": 1e-2}},
    data={"tta": 8},
    validation={"folds": 3, "fold": 1},
)


@pytest.fixture
def network():
    return build(RICHNESS, RECIPE, BANDS).eval()


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "run", study="richness", target=RICHNESS, recipe=RECIPE, data="sky")


def test_estimate_is_the_mean_over_the_views_and_spread_their_scatter(network, tiny_sky):
    table = predict(network, tiny_sky, RICHNESS, RECIPE).table
    with torch.no_grad():
        images = torch.from_numpy(tiny_sky.images[:])
        views = np.stack([network(dihedral(images, torch.tensor(k)))[:, 0].numpy() for k in range(8)])
    order = [list(tiny_sky.object_ids).index(name) for name in table.index]
    assert table["ln_richness"].to_numpy() == pytest.approx(views.mean(0)[order], abs=1e-5)
    assert table["ln_richness_spread"].to_numpy() == pytest.approx(views.std(0)[order], abs=1e-5)
    assert (table["ln_richness_p16"] <= table["ln_richness_p84"]).all()


@pytest.mark.parametrize("sigma_scale", [1.0, 1.5])
def test_sigma_is_that_of_the_mixture_of_the_views(sigma_scale, tiny_sky):
    recipe = RECIPE.replace(loss={"name": "gaussian_nll"})
    network = build(RICHNESS, recipe, BANDS).eval()
    network.sigma_scale.fill_(sigma_scale)
    table = predict(network, tiny_sky, RICHNESS, recipe).table
    with torch.no_grad():
        images = torch.from_numpy(tiny_sky.images[:])
        views = torch.stack([network(dihedral(images, torch.tensor(k))) for k in range(8)])
    mean, variance = views[..., 0].numpy(), views[..., 1].exp().numpy()
    sigma = sigma_scale * np.sqrt((variance + mean**2).mean(0) - mean.mean(0) ** 2)
    order = [list(tiny_sky.object_ids).index(name) for name in table.index]
    assert table["ln_richness_sigma"].to_numpy() == pytest.approx(sigma[order], abs=1e-5)
    assert table["ln_richness_p16"].to_numpy() == pytest.approx((mean.mean(0) - sigma)[order], abs=1e-5)
    assert table["ln_richness_p84"].to_numpy() == pytest.approx((mean.mean(0) + sigma)[order], abs=1e-5)
    assert table["ln_richness_spread"].to_numpy() == pytest.approx(mean.std(0)[order], abs=1e-5)


def test_eight_views_do_not_depend_on_the_orientation(network, tiny_sky):
    turned = type(tiny_sky)(
        images=np.ascontiguousarray(np.rot90(tiny_sky.images[:], axes=(2, 3))),
        bands=BANDS,
        catalogue=tiny_sky.catalogue,
        pixel_scale=1.0,
        unit="nanomaggy",
    )
    first, second = (predict(network, sky, RICHNESS, RECIPE).estimate for sky in (tiny_sky, turned))
    assert first == pytest.approx(second, abs=1e-5)


def test_rows_come_in_the_order_of_ids_with_their_own_estimates(network, tiny_sky):
    straight = predict(network, tiny_sky, RICHNESS, RECIPE).table
    mixed = predict(network, tiny_sky.select(tiny_sky.object_ids[[5, 0, 9, 2]]), RICHNESS, RECIPE).table
    assert list(straight.index) == sorted(tiny_sky.object_ids)
    assert list(mixed.index) == sorted(mixed.index)
    part = straight.loc[mixed.index]
    assert mixed["ln_richness"].to_numpy() == pytest.approx(part["ln_richness"].to_numpy(), abs=1e-5)
    assert np.array_equal(mixed["ln_richness_true"], part["ln_richness_true"])


def test_progress_counts_objects_to_the_last(network, tiny_sky):
    received = []
    predict(network, tiny_sky, RICHNESS, RECIPE.replace(batch=5), progress=lambda *now: received.append(now))
    assert received == [(5, 12), (10, 12), (12, 12)]


def test_folds_say_what_was_trained_on(network, run, tiny_sky, make_sky):
    remember(run, tiny_sky, train=np.array([0, 3]), held_out=np.array([1, 2]))
    fold = predict(network, tiny_sky, RICHNESS, RECIPE, run=run).table["fold"].loc[tiny_sky.object_ids]
    assert fold.iloc[:4].tolist() == [-1, 1, 1, -1]
    assert fold.iloc[4:].isna().all()
    new = predict(network, make_sky(3, first=77), RICHNESS, RECIPE, run=run).table
    assert new["fold"].isna().all()
    assert predict(network, tiny_sky, RICHNESS, RECIPE).table["fold"].isna().all()
    assert objects(run).to_dict() == {
        **dict.fromkeys(tiny_sky.object_ids[[0, 3]], -1),
        **dict.fromkeys(tiny_sky.object_ids[[1, 2]], 1),
    }


def test_a_sky_without_truth_is_predicted_all_the_same(network, tiny_sky):
    blind = type(tiny_sky)(
        images=tiny_sky.images[:],
        bands=BANDS,
        catalogue=pd.DataFrame(index=tiny_sky.catalogue.index),
        pixel_scale=1.0,
        unit="nanomaggy",
    )
    table = predict(network, blind, RICHNESS, RECIPE).table
    assert table["ln_richness_true"].isna().all()
    same = predict(network, tiny_sky, RICHNESS, RECIPE).table
    assert np.array_equal(table["ln_richness"], same["ln_richness"])


def test_an_output_that_is_not_finite_is_laid_at_its_objects_door(network, tiny_sky):
    images = tiny_sky.images[:]
    images[7] = 3e38
    network.normalise.softening.fill_(1e-30)
    broken = type(tiny_sky)(images=images, bands=BANDS, catalogue=tiny_sky.catalogue, pixel_scale=1.0, unit="nanomaggy")
    with pytest.raises(FloatingPointError, match=f"for '{tiny_sky.object_ids[7]}'"):
        predict(network, broken, RICHNESS, RECIPE)


def test_bands_have_a_row_an_object_and_band(tiny_sky):
    recipe = RECIPE.replace(loss={"name": "cross_entropy"}, data={"normalise": "minmax"})
    network = build(BAND, recipe, BANDS).eval()
    table = predict(network, tiny_sky, BAND, recipe).table
    assert list(table.columns) == ["band_pred", "band_true", "p_u", "p_g", "p_r", "p_i", "p_z", "fold"]
    probability = table[[f"p_{band}" for band in BANDS]].to_numpy()
    assert probability.sum(1) == pytest.approx(1, abs=1e-5)
    assert (table["band_true"] == table.index.get_level_values("band")).all()
    object_id = tiny_sky.object_ids[4]
    one = torch.from_numpy(tiny_sky.images[4][2][None, None])
    with torch.no_grad():
        views = [network(dihedral(one, torch.tensor(k))).softmax(1)[0] for k in range(8)]
    expected = torch.stack(views).mean(0).numpy()
    assert table.loc[(object_id, "r")][[f"p_{band}" for band in BANDS]].to_numpy(float) == pytest.approx(
        expected, abs=1e-5
    )


def test_votes_have_a_column_an_answer(network, tiny_sky):
    target = Target("z", "votes", ("richness", "z"), "vote")
    two = torch.nn.Sequential(network, torch.nn.Linear(1, 2)).eval()
    found = predict(two, tiny_sky, target, RECIPE)
    assert list(found.table.columns) == ["richness", "z", "richness_true", "z_true", "fold"]
    catalogue = tiny_sky.catalogue.loc[found.table.index]
    assert np.array_equal(found.truth, catalogue["z"])
    assert np.array_equal(found.table["richness_true"], catalogue["richness"])
    with torch.no_grad():
        image = torch.from_numpy(tiny_sky.images[3][None])
        views = torch.cat([two(dihedral(image, torch.tensor(k))) for k in range(8)])
    one = found.table.loc[tiny_sky.object_ids[3], ["richness", "z"]].to_numpy(float)
    assert one == pytest.approx(views.mean(0).numpy(), abs=1e-5)
    blind = type(tiny_sky)(
        images=tiny_sky.images[:],
        bands=BANDS,
        catalogue=pd.DataFrame(index=tiny_sky.catalogue.index),
        pixel_scale=1.0,
        unit="nanomaggy",
    )
    assert predict(two, blind, target, RECIPE).table[["richness_true", "z_true"]].isna().all().all()


@pytest.mark.parametrize(
    "scaling", [*({"normalise": mode} for mode in ("asinh", "noise", "minmax", "standard")), {"grey": "luminance"}]
)
def test_pixels_are_scaled_once_for_all_views_with_the_same_numbers(scaling, tiny_sky):
    recipe = RECIPE.replace(data=scaling)
    network = build(RICHNESS, recipe, BANDS).eval()
    network.measure(tiny_sky, np.arange(12), RICHNESS.truth(tiny_sky.catalogue))
    scaled = []
    hook = network.normalise.register_forward_hook(lambda *call: scaled.append(len(call[2])))
    found = predict(network, tiny_sky, RICHNESS, recipe)
    hook.remove()
    assert scaled == [5, 5, 2]
    with torch.no_grad():
        images = torch.from_numpy(tiny_sky.images[:])
        views = np.stack([network(dihedral(images, torch.tensor(k)))[:, 0].numpy() for k in range(8)])
    order = tiny_sky.row_of(found.object_ids)
    assert found.estimate == pytest.approx(views.mean(0)[order], abs=1e-5)


def test_scaled_once_votes_are_those_of_the_views(tiny_sky):
    target = Target("z", "votes", ("richness", "z"), "vote")
    own = {"votes": "sigmoid", "apart": True}  # apart is the default
    recipe = RECIPE.replace(data={"normalise": "asinh"}, loss={"name": "mse"}, network=own)
    network = build(target, recipe, BANDS, 16).eval()
    network.normalise.fit(tiny_sky, np.arange(12))
    found = predict(network, tiny_sky, target, recipe).table.loc[tiny_sky.object_ids, ["richness", "z"]]
    with torch.no_grad():
        images = torch.from_numpy(tiny_sky.images[:])
        views = torch.stack([network(dihedral(images, torch.tensor(k))) for k in range(8)])
    assert found.to_numpy() == pytest.approx(views.mean(0).numpy(), abs=1e-5)


class Counted:
    """Images of which it is known how many were read at a time."""

    def __init__(self, images):
        self.images, self.shape, self.dtype, self.read = images, images.shape, images.dtype, []

    def __getitem__(self, rows):
        found = self.images[rows]
        self.read.append(len(found))
        return found


def test_images_are_read_a_batch_at_a_time_and_once(network, tiny_sky):
    images = Counted(tiny_sky.images[:])
    sky = type(tiny_sky)(
        images=images, bands=BANDS, catalogue=tiny_sky.catalogue, pixel_scale=1.0, unit="nanomaggy", checked=True
    )
    found = predict(network, sky, RICHNESS, RECIPE)
    assert sorted(images.read) == [2, 5, 5]
    assert found.estimate == pytest.approx(predict(network, tiny_sky, RICHNESS, RECIPE).estimate, abs=1e-5)


@pytest.mark.parametrize("target", [RICHNESS, BAND], ids=["richness", "band"])
def test_many_objects_are_predicted_part_by_part_with_the_same_result(target, tiny_sky, run, monkeypatch):
    loss = {"name": "mse" if target == RICHNESS else "cross_entropy"}
    recipe = RECIPE.replace(loss=loss, data={"normalise": "minmax", "tta": 2}, batch=8)
    network, mixed = build(target, recipe, BANDS).eval(), tiny_sky.select(tiny_sky.object_ids[::-1])
    remember(run, tiny_sky, train=np.array([0, 3]), held_out=np.array([1, 2]))
    whole = predict(network, mixed, target, recipe, run=run).table
    monkeypatch.setattr(inference, "_ROWS", 5)
    done = []
    parts = predict(network, mixed, target, recipe, run=run, progress=lambda *now: done.append(now)).table
    pd.testing.assert_frame_equal(parts, whole, rtol=0, atol=1e-5)
    assert done == sorted(done)
    assert done[-1] == (12, 12)


def test_weights_come_back_as_they_were(network, tmp_path):
    save_weights(network.to(memory_format=torch.channels_last), tmp_path / "w.safetensors")
    (tmp_path / "plain").touch()
    assert (tmp_path / "w.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode
    other = build(RICHNESS, RECIPE.replace(seed=9), BANDS)
    load_weights(other, tmp_path / "w.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))
