"""Best fits: throughput, a missing band of real cutouts against simple methods, inversion, and redshifts from latents.

``python tests/bench/best_fit.py --case speed|real|inversion|photoz`` prints one JSON line. ``real`` and ``inversion``
want ``--run``, a trained run of the study `inpainting`, and its sky in ``--data``; ``photoz`` likewise, with a sky of
`galviz.sky.mock.galaxies`.
"""

import argparse
import json
import time

import numpy as np
import pandas as pd
import torch

import galviz.nn  # noqa: F401 - before torchvision
from galviz.measure.flux_calibration import FluxCalibration, calibration
from galviz.measure.inpainting import central_flux, flux_errors, psnr, ssim
from galviz.measure.missing_flux import KnownFluxes
from galviz.measure.photoz import photoz_summary
from galviz.nn.baselines.bands import BandRegression, PCAInpainting
from galviz.nn.baselines.photoz import redshifts
from galviz.nn.gan.best_fit import best_fit
from galviz.nn.gan.lsgan import Generator, Trained
from galviz.nn.gan.repair import open_trained
from galviz.nn.inference.predict import objects
from galviz.runs.best_fits import LATENTS, known_fits
from galviz.runs.recipe import Fit
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.studies import inpainting

TIMES = 5
APERTURE_PIXELS = 177  # in 3 arcsec of radius


def opened(path: str) -> tuple[Run, Trained]:
    """A run and its networks."""
    run = Run.open(path)
    return run, open_trained(run)


def seconds(function) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def speed(galaxies: int = 64, steps: int = 20, width: int = 128) -> dict[str, object]:
    """Many at once, one at a time, and the generator's own forward and backward; all in turn, medians."""
    torch.manual_seed(0)
    generator = Generator(5, 32, width).eval().requires_grad_(requires_grad=False)
    images = generator(torch.randn(galaxies, 64)).numpy()
    data = torch.from_numpy(images)

    def limit() -> None:
        for _ in range(steps):
            z = torch.randn(galaxies, 64, requires_grad=True)
            torch.autograd.grad(generator(z), z, data)

    def many() -> None:
        best_fit(generator, images, steps=steps, tolerance=None)

    def single() -> None:
        for k in range(8):
            best_fit(generator, images[k : k + 1], steps=steps, tolerance=None)

    for function in (limit, many, single):
        function()
    took = np.median([[seconds(limit), seconds(many), seconds(single) * galaxies / 8] for _ in range(TIMES)], axis=0)
    return {
        "case": f"speed-{galaxies}-{steps}-w{width}",
        "ours_s": round(took[1], 4),
        "galaxies_per_s": round(galaxies / took[1], 1),
        "reference": "one at a time (8 timed and scaled)",
        "reference_s": round(took[2], 4),
        "limit": "generator forward and backward to the latents",
        "limit_s": round(took[0], 4),
        "part_of_limit": round(took[0] / took[1], 3),
    }


def quality(truth: np.ndarray, estimate: np.ndarray, noise: float) -> dict[str, float]:
    flux, guess = central_flux(truth), central_flux(estimate)
    errors = flux_errors(flux, guess, least=5 * noise * np.sqrt(APERTURE_PIXELS))
    return {
        "psnr_db": round(float(np.median(psnr(truth, estimate))), 2),
        "ssim": round(float(np.median(ssim(truth, estimate))), 3),
        "rms_in_noise": round(float(np.sqrt(np.median(((truth - estimate) ** 2).mean((1, 2)))) / noise), 3),
        "bias_mag": round(errors.bias, 3),
        "scatter_mag": round(errors.scatter, 3),
        "measured": errors.measured,
        "lost": errors.lost,
    }


def covered(known: KnownFluxes, truth: np.ndarray, estimate: np.ndarray) -> dict[str, float]:
    """How often the 68 % interval of a hidden band's flux holds the truth: of all objects, and of the brighter half."""
    flux = central_flux(truth)
    low, high = known.interval(central_flux(estimate))
    held = (low <= flux) & (flux <= high)
    return {
        "interval_holds": round(float(held.mean()), 3),
        "brighter_half": round(float(held[flux > np.median(flux)].mean()), 3),
    }


def calibrated(one: FluxCalibration, fit: np.ndarray, observed: np.ndarray, pixel_scale: np.ndarray) -> np.ndarray:
    """The hidden band of best fits with its calibrated flux."""
    fitted, seen = (central_flux(images, pixel_scale=pixel_scale[:, None]) for images in (fit, observed))
    return one.image(fit, one.flux(fitted, seen), pixel_scale)


def real(path: str, data: str, objects_tested: int, **options) -> dict[str, object]:
    """Each band held out in turn, on objects of a field that was not trained on."""
    run, network = opened(path)
    cutouts = CutoutSet.open(data)
    fold = objects(run).loc[cutouts.object_ids].to_numpy()
    train, test = (cutouts.images[np.flatnonzero(fold == k)] for k in (-1, run.recipe.validation.fold))
    picked = np.linspace(0, len(test) - 1, min(objects_tested, len(test))).round().astype(int)
    test, scale = test[picked], cutouts.pixel_scale[np.flatnonzero(fold == run.recipe.validation.fold)[picked]]
    with torch.inference_mode():
        seen, given = (network.scale(torch.from_numpy(images)).numpy() for images in (train, test))
    noise = 1.4826 * np.median(np.abs(test - np.median(test, (2, 3), keepdims=True)), axis=(0, 2, 3))
    components = PCAInpainting.fit(seen)

    def flux(scaled: np.ndarray) -> np.ndarray:
        return network.scale.inverse(torch.from_numpy(scaled)).numpy()

    found, took = {}, 0.0
    for band, name in enumerate(cutouts.bands):
        others = np.arange(len(cutouts.bands)) != band
        began = time.perf_counter()
        ours = best_fit(network.generator, given, observed=others, embedder=network.embedder, **options).image
        took += time.perf_counter() - began
        start = best_fit(network.generator, given, observed=others, embedder=network.embedder, steps=0).image
        lost = best_fit(network.generator, given, observed=others, **options).image
        wide = given.copy()
        wide[:, band] = BandRegression.fit(seen, band).predict(given)
        near = given.copy()
        near[:, band] = BandRegression.fit(seen, band, window=3).predict(given)
        images = {"best fit": ours, "linear regression": wide, "linear regression, 3 x 3 pixels": near}
        images["PCA"] = components.predict(given, others)
        images |= {"embedder alone": start, "from random": lost}
        found[name] = {
            method: quality(test[:, band], flux(image)[:, band], noise[band]) for method, image in images.items()
        }
        found[name]["best fit"] |= covered(known_fits(run).fluxes(name), test[:, band], flux(ours)[:, band])
        if one := calibration(known_fits(run), cutouts.bands, name):
            image = calibrated(one, flux(ours), test, scale)
            found[name]["best fit, calibrated"] = quality(test[:, band], image, noise[band])
            found[name]["best fit, calibrated"] |= covered(one.known, test[:, band], image)
    return {
        "case": "real",
        "options": options,
        "trained_on": len(train),
        "tested_on": len(test),
        "galaxies_per_s": round(len(cutouts.bands) * len(test) / took, 1),
        "bands": found,
    }


def inversion(path: str, count: int = 100, **options) -> dict[str, object]:
    """Images that the generator made are returned, with all bands and with one switched off."""
    run, network = opened(path)
    z = torch.from_numpy(np.random.default_rng(1).standard_normal((count, network.generator.latent), dtype=np.float32))
    with torch.inference_mode():
        made = network.generator(z)
    images, flux = made.numpy(), network.scale.inverse(made).numpy()
    found = {}
    for off in (None, *range(images.shape[1])):
        observed = np.arange(images.shape[1]) != (-1 if off is None else off)
        fit = best_fit(network.generator, images, observed=observed, embedder=network.embedder, **options)
        part = slice(None) if off is None else slice(off, off + 1)
        back = network.scale.inverse(torch.from_numpy(fit.image)).numpy()
        errors = [
            np.linalg.norm((b - a)[:, part].reshape(count, -1), axis=1)
            / np.linalg.norm(a[:, part].reshape(count, -1), axis=1)
            for a, b in ((images, fit.image), (flux, back))
        ]
        found["all" if off is None else run.info["build"]["bands"][off]] = {
            "below_0.01": round(float((errors[0] < 1e-2).mean()), 3),
            "below_0.01_in_flux": round(float((errors[1] < 1e-2).mean()), 3),
            "median_error": float(f"{np.median(errors[0]):.2e}"),
        }
    return {"case": "inversion", "images": count, "options": options, "band_switched_off": found}


def photoz(path: str, data: str, wide: str | None) -> dict[str, object]:
    """Redshifts of the embedded sky, of the objects that no training saw: latents, embedder, fluxes, wide ResNet."""
    run, network = opened(path)
    cutouts = CutoutSet.open(data, inpainting.BANDS)
    z = cutouts.catalogue["z"].to_numpy()
    known = pd.read_parquet(run.path / LATENTS).loc[cutouts.object_ids]
    fold, latents = known["dealt"].to_numpy(), known.drop(columns=["dealt", "truth"]).to_numpy()
    with torch.inference_mode():
        scaled = network.scale(torch.from_numpy(cutouts.images[:]))
        guesses = torch.cat([network.embedder(part) for part in scaled.split(512)]).numpy()
    magnitudes = np.arcsinh(central_flux(cutouts.images[:]) / 0.1)
    colours = np.concatenate([magnitudes, -np.diff(magnitudes, axis=1)], axis=1)
    features = {"best fit": latents, "embedder alone": guesses, "aperture colours": colours}
    features["best fit and colours"] = np.concatenate([latents, colours], axis=1)
    estimates = {name: redshifts(values, z, fold) for name, values in features.items()}
    unseen = fold == run.recipe.validation.fold
    if wide:
        received = Run.open(wide).predictions()
        estimates["wide ResNet-50"] = (
            pd.Series(received.estimate, received.object_ids).loc[cutouts.object_ids].to_numpy()
        )
        assert (objects(Run.open(wide)).loc[cutouts.object_ids[unseen]] >= 0).all(), "trained on what is tested"
    found = {}
    for name, estimate in estimates.items():
        table = photoz_summary(z[unseen], estimate[unseen], n=200)
        found[name] = {
            metric: [round(float(v), 4) for v in row] for metric, row in table[["value", "low", "high"]].T.items()
        }
    return {"case": "photoz", "trained_on": int((~unseen).sum()), "tested_on": int(unseen.sum()), "methods": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", default="speed", choices=("speed", "real", "inversion", "photoz"))
    parser.add_argument("--run", help="folder of a trained run")
    parser.add_argument("--data", help="folder of a sky")
    parser.add_argument("--wide", help="folder of a run of the recipe wide_resnet50, of the case photoz")
    parser.add_argument("--steps", type=int, default=Fit().steps)
    parser.add_argument("--polish", type=int, default=0, help="steps of Gauss-Newton after those of Adam")
    parser.add_argument("--objects", type=int, default=300, help="of the cases real and photoz")
    parser.add_argument("--prior", type=float, default=0.0)
    given = parser.parse_args()
    options = {"steps": given.steps, "prior": given.prior, "polish": given.polish}
    cases = {
        "speed": speed,
        "real": lambda: real(given.run, given.data, given.objects, **options),
        "inversion": lambda: inversion(given.run, **options),
        "photoz": lambda: photoz(given.run, given.data, given.wide),
    }
    print(json.dumps({"bench": "best_fit", **cases[given.case]()}, ensure_ascii=False))


if __name__ == "__main__":
    main()
