"""Work of pages that is done at once, in the process of the test; runs of networks that were not trained."""

import threading

import numpy as np

import galviz.nn  # noqa: F401 - before torchvision
from galviz.nn.gan import lsgan
from galviz.nn.inference.predict import save_weights
from galviz.nn.tasks import build
from galviz.runs.best_fits import KNOWN_FITS
from galviz.runs.run import Run
from galviz.studies import inpainting, richness
from galviz.work import worker as answers


class Now:
    """As `galviz.work.chunks.Work`, but done when it is made."""

    def __init__(self, function, chunks, _=None):
        work = getattr(answers, function.rpartition(":")[2])
        self.results_, self.total, self.done, self.status, self.error = list(chunks), len(chunks), 0, "running", ""
        self.new, self.eta_s = [], 0.0
        for number, chunk in enumerate(chunks):
            self.new.append((number, work(*chunk)))
            self.done += 1
        self.status = "done"

    def new_results(self):
        new, self.new = self.new, []
        return new

    def cancel(self):
        self.status = "cancelled"


class Soon:
    """As `galviz.work.chunks.Work` of one chunk, in a thread of this process."""

    def __init__(self, function, chunks, on_change):
        self._work, self._chunk, self._on_change = getattr(answers, function.rpartition(":")[2]), *chunks, on_change
        self.status, self.error, self._result = "running", "", None
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            self._result = self._work(*self._chunk)
        except Exception as error:  # noqa: BLE001 - as a worker's error, it is told
            self.status, self.error = "failed", repr(error)
        else:
            self.status = "done" if self.status == "running" else self.status
        self._on_change()

    def results(self):
        return [self._result]

    def cancel(self):
        self.status = "cancelled" if self.status == "running" else self.status


def random_gan(path, sky, data, known=None):
    """A run of best fits whose networks were not trained; gives them too."""
    recipe = inpainting.RECIPES["quick"]
    recipe = recipe.replace(network={"width": 16, "latent": 4})
    size = sky.images.shape[-1]
    made = {"study": "inpainting", "target": inpainting.TARGET, "recipe": recipe, "data": data}
    run = Run.create(path, **made, build={"bands": sky.bands, "size": size})
    network = lsgan.build(recipe, len(sky.bands), size)
    network.scale.fit(sky, np.arange(len(sky)))
    save_weights(network.trained(), run.weights)
    if known is not None:
        known.to_parquet(run.path / KNOWN_FITS)
    run.write_state(status="done")
    return run, network.trained()


def random_run(path, sky, data, target="richness", **network):
    """A run with random weights of a sky saved at `data`; gives the network too."""
    recipes = richness.RECIPES if target == "richness" else richness.BAND_RECIPES
    recipe = recipes["quick"]
    recipe = recipe.replace(network={"width": 4, "stem": "small", **network})
    made = {"study": "richness", "target": richness.TARGETS[target], "recipe": recipe, "data": data}
    run = Run.create(path, **made, build={"bands": sky.bands, "size": sky.images.shape[-1]})
    network = build(run.target, recipe, sky.bands)
    network.normalise.fit(sky, np.arange(len(sky)))
    save_weights(network.eval(), run.weights)
    run.write_state(status="done")
    return run, network
