"""Bands that were hidden are filled in by the fits that one call would make, and nothing of them is peeped at."""

import time

import numpy as np
import pandas as pd
import pytest
import torch
from at_once import Soon, random_gan

from galviz.measure.flux_calibration import calibration
from galviz.measure.inpainting import central_flux
from galviz.nn.gan.best_fit import best_fit
from galviz.nn.gan.repair import fits_with_bands_hidden
from galviz.runs.best_fits import known_fits
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.repair.core import ROWS, Repair
from galviz.tools.repair.html import fluxes_html, pictures_html


@pytest.fixture
def made(tiny_sky, tmp_path, monkeypatch):
    monkeypatch.setattr("galviz.tools.repair.core.Work", Soon)
    tiny_sky.save(tmp_path / "sky")
    return random_gan(tmp_path / "run", tiny_sky, tmp_path / "sky")


def finished(*given, **options):
    repair = Repair(*given, **options)
    repair.wait(60)
    return repair


def like(sky, images):
    same = {name: getattr(sky, name) for name in ("bands", "catalogue", "pixel_scale", "unit")}
    return CutoutSet(images=images, **same)


def test_it_is_the_fit_of_one_call(made, tiny_sky):
    run, networks = made
    ids = tiny_sky.object_ids[[3, 1]]
    repair = finished(run, tiny_sky, ids, ["g"], steps=30)
    assert (repair.status, repair.step, repair.off) == ("done", 30, ("g",))
    images = tiny_sky.images[[3, 1]]
    options = {"observed": np.array([1, 0, 1, 1, 1], bool), "embedder": networks.embedder, "tolerance": None}
    scaled = networks.scale(torch.as_tensor(images)).numpy()
    fit = best_fit(networks.generator, scaled, steps=30, **options)
    expected = networks.scale.inverse(torch.as_tensor(fit.image)).numpy()
    pictures = repair.pictures()
    assert tuple(pictures) == ROWS
    np.testing.assert_allclose(pictures["best fit"], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(pictures["residual"], images - expected, rtol=1e-4, atol=1e-4)
    start = best_fit(networks.generator, scaled, steps=0, **options)
    np.testing.assert_allclose(
        pictures["embedder only"], networks.scale.inverse(torch.as_tensor(start.image)).numpy(), rtol=1e-4, atol=1e-5
    )
    losses = repair.losses()
    np.testing.assert_allclose(losses["best fit"], fit.loss, rtol=1e-4)
    assert losses["from random"].shape == (2, 30)
    assert not np.allclose(losses["from random"], losses["best fit"])


def test_a_hidden_band_is_not_looked_at(made, tiny_sky):
    run, _ = made
    ids, images = tiny_sky.object_ids[:2], tiny_sky.images[:]
    images[:, 1] = 1e3
    other = like(tiny_sky, images)
    one, two = (finished(run, sky, ids, ["g"], steps=5) for sky in (tiny_sky, other))
    np.testing.assert_array_equal(one.pictures()["best fit"], two.pictures()["best fit"])
    seen = finished(run, other, ids, ["u"], steps=5)
    assert not np.allclose(one.pictures()["best fit"], seen.pictures()["best fit"])


def test_what_is_filled_in_is_measured_and_replaced(made, tiny_sky):
    run, _ = made
    ids = list(tiny_sky.object_ids[:3])
    repair = finished(run, tiny_sky, ids, ["z", "u"], steps=3)
    table, wide, whole = repair.table(), repair.wide(), repair.repaired()
    assert repair.off == ("u", "z")
    fit = repair.pictures()["best fit"]
    scale = tiny_sky.pixel_scale[:3]
    np.testing.assert_allclose(table.query("band == 'z'")["flux"], central_flux(fit[:, 4], pixel_scale=scale))
    np.testing.assert_allclose(wide["u_flux"], table.query("band == 'u'")["flux"])
    assert list(wide.index) == ids
    assert wide[["u_low", "beyond"]].isna().all(axis=None)  # the run does not say how its training images were fitted
    np.testing.assert_array_equal(whole.images[:][:, 1:4], tiny_sky.images[:3][:, 1:4])
    np.testing.assert_array_equal(whole.images[:][:, [0, 4]], fit[:, [0, 4]])
    assert "filled in by best fits of run: u z" in whole.origin


def test_intervals_and_warnings_come_from_training_images(made, tiny_sky):
    run, _ = made
    rng = np.random.default_rng(0)
    rms = {f"rms_{band}": 1e-3 for band in tiny_sky.bands}
    rows = [
        {"off": off, **rms, "flux": f, "flux_true": f + 5, "noise": 1.0}
        for off in ("", "u")
        for f in rng.normal(0, 9, 40)
    ]
    pd.DataFrame(rows).to_parquet(run.path / "known_fits.parquet")
    repair = finished(run, tiny_sky, tiny_sky.object_ids[:2], ["u"], steps=2)
    table = repair.table()
    assert (table["low"] > table["flux"]).all()  # all that were known were too faint
    assert (table["high"] >= table["low"]).all()
    assert table["beyond"].tolist() == [1.0, 1.0]  # nothing was ever fitted as badly


def test_fluxes_are_calibrated_on_training_images(made, tiny_sky):
    """All known fits were too faint by a factor of 10, in a band that is twice as bright as the next."""
    run, _ = made
    truth = 10 ** np.random.default_rng(0).uniform(1, 4, 40)
    same = {f"{kind}_{band}": truth for kind in ("fit", "true") for band in tiny_sky.bands}
    same |= {"fit_u": 0.2 * truth, "true_u": 2 * truth, "flux": 0.2 * truth, "flux_true": 2 * truth}
    same |= {f"rms_{band}": 1.0 for band in tiny_sky.bands} | {"noise": 1e-3, "group": "a"}
    pd.concat([pd.DataFrame({"off": off} | same) for off in ("", "u")]).to_parquet(run.path / "known_fits.parquet")
    bright = like(tiny_sky, np.abs(tiny_sky.images[:]) + 1)
    repair = finished(run, bright, bright.object_ids[:2], ["u"], steps=2)
    table, fit = repair.table(), repair.pictures()["best fit"]
    fluxes = central_flux(fit, pixel_scale=bright.pixel_scale[:2, None])
    assert table["calibrated_on"].tolist() == [40, 40]
    assert not np.allclose(table["flux"], fluxes[:, 0], rtol=0.5)
    whole = np.where(np.arange(5)[:, None, None] > 0, bright.images[:2], fit)
    measured = central_flux(whole, pixel_scale=bright.pixel_scale[:2, None])
    expected = calibration(known_fits(run), bright.bands, "u", ("u",)).flux(fluxes, measured)
    np.testing.assert_allclose(table["flux"], expected)
    repaired = central_flux(repair.repaired().images[:][:, 0], pixel_scale=bright.pixel_scale[:2])
    np.testing.assert_allclose(repaired, table["flux"], rtol=1e-4)
    assert "Fluxes are calibrated on 40 training objects;" in fluxes_html(table)
    assert "calibrated" not in fluxes_html(table.assign(calibrated_on=0))


def test_it_can_be_cancelled_at_once_and_what_came_stays(made, tiny_sky):
    run, _ = made
    repair = Repair(run, tiny_sky, tiny_sky.object_ids[:2], steps=100_000)
    while repair.step < 2:
        time.sleep(0.01)
    start = time.monotonic()
    repair.cancel()
    repair.wait(1)
    assert time.monotonic() - start < 0.5
    step = repair.step
    assert (repair.status, step < 100_000) == ("cancelled", True)
    time.sleep(0.6)  # the turn that was running ends unheard
    assert repair.step == step


def test_an_error_of_a_worker_is_told(made, tiny_sky):
    run, _ = made
    repair = Repair(run, tiny_sky, tiny_sky.object_ids[:2], steps=10)
    run.weights.write_bytes(b"")
    broken = Repair(run, tiny_sky, tiny_sky.object_ids[:2], steps=10)
    with pytest.raises(RuntimeError, match="Repair: expected 10 steps, got 0"):
        broken.wait(30)
    repair.cancel()


@pytest.mark.parametrize(
    ("off", "message"),
    [(["q"], "off: expected some of u, g, r, i, z, got 'q'"), (list("ugriz"), "off: expected a band left of every")],
)
def test_what_makes_no_sense_is_named(made, tiny_sky, off, message):
    with pytest.raises(ValueError, match=message):
        Repair(made[0], tiny_sky, tiny_sky.object_ids[:1], off)


def test_cutouts_must_be_those_of_the_run(made, tiny_sky):
    half = like(tiny_sky, tiny_sky.images[:][:, :, :8, :8])
    with pytest.raises(ValueError, match="cutouts: expected u g r i z of 16 px as the run, got u g r i z of 8 px"):
        Repair(made[0], half, half.object_ids[:1])


def test_python_for_this_makes_it_again(made, tiny_sky, monkeypatch):
    run, _ = made
    repair = finished(run, tiny_sky, list(tiny_sky.object_ids[:2]), ["r"], steps=4, restarts=2, prior=0.5)
    names = {}
    monkeypatch.delattr("galviz.tools.repair.core.Work")  # a script that workers cannot import starts none
    exec(repair.python(run.data), names)  # noqa: S102 - that is what it is for
    pd.testing.assert_frame_equal(names["table"], repair.wide())
    np.testing.assert_array_equal(names["cutouts"].images[:], repair.repaired().images[:])
    assert names["repair"].fit == repair.fit


def test_settings_of_the_fit_are_those_of_the_run_or_given(made, tiny_sky):
    run, networks = made
    ids, settings = (
        tiny_sky.object_ids[:2],
        {"steps": 6, "restarts": 3, "polish": 2, "prior": 1.0, "weighting": "noise"},
    )
    assert Repair(run, tiny_sky, ids, steps=0).fit == run.recipe.fit.replace(steps=0)
    repair = finished(run, tiny_sky, ids, ["g"], **settings)
    assert (repair.step, repair.steps) == (8, 8)
    fits = fits_with_bands_hidden(networks, tiny_sky.select(ids), fit=run.recipe.fit.replace(**settings))
    fits = fits[fits["off"] == "g"]
    pictures = central_flux(repair.pictures()["best fit"], pixel_scale=tiny_sky.pixel_scale[:2, None])
    np.testing.assert_allclose(pictures, fits[[f"fit_{band}" for band in tiny_sky.bands]], rtol=1e-3)
    run.update_info(recipe=run.recipe.replace(fit=settings).to_json())
    same = finished(Run.open(run.path), tiny_sky, ids, ["g"])
    np.testing.assert_array_equal(same.pictures()["best fit"], repair.pictures()["best fit"])
    for name, other in {"restarts": 1, "polish": 0, "prior": 0.0, "weighting": "equal"}.items():
        changed = finished(run, tiny_sky, ids, ["g"], **settings | {name: other})
        assert not np.array_equal(changed.pictures()["best fit"], repair.pictures()["best fit"]), name


def test_with_restarts_the_best_fit_is_kept_and_the_spread_is_shown(made, tiny_sky):
    run, _ = made
    one, many = (finished(run, tiny_sky, tiny_sky.object_ids[:4], ["g"], steps=4, restarts=n) for n in (1, 8))
    assert (many.losses()["best fit"].min(1) <= one.losses()["best fit"].min(1) + 1e-6).all()
    assert (many.losses()["best fit"] != one.losses()["best fit"]).any()
    assert "spread" not in one.table()
    assert (many.wide()["g_spread"] > 0).all()
    assert "<th>between fits</th>" in fluxes_html(many.table())
    assert "between fits" not in fluxes_html(one.table())
    assert "best of 8 fits" in pictures_html(many)


def test_a_repair_without_a_step_is_the_guess(made, tiny_sky):
    pictures = finished(made[0], tiny_sky, tiny_sky.object_ids[:2], steps=0).pictures()
    np.testing.assert_array_equal(pictures["best fit"], pictures["embedder only"])
