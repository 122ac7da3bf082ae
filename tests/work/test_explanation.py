"""An answer in chunks is what the network says when a place is hidden; what the browser is told is that."""

import io

import numpy as np
import pytest
import torch
from astropy.io import fits
from at_once import Now, random_run
from PIL import Image

from galviz.measure.attribution_regions import sources_of
from galviz.nn.inference.predict import save_weights
from galviz.nn.tasks import build
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.galaxy_zoo import COLUMNS
from galviz.sky.mock import write_mergers_sky
from galviz.studies import mergers
from galviz.tools.occlusion import core as occlusion
from galviz.work.explanation import Explanation
from galviz.work.mean_explanation import MeanExplanation
from galviz.work.question import OcclusionSettings, Question, outputs

ID = "1237658493878337643"


@pytest.fixture
def sky(tiny_sky, tmp_path):
    tiny_sky.save(tmp_path / "sky")
    return tiny_sky


@pytest.fixture
def make(sky, tmp_path, monkeypatch):
    """Maker of runs with random weights, whose answers come at once."""
    monkeypatch.setattr("galviz.work.chunks.Work", Now)

    def run(target="richness", **network):
        name = f"{target}{len(list(tmp_path.iterdir()))}"
        return random_run(tmp_path / name, sky, tmp_path / "sky", target, **network)

    return run


def hidden(network, image, row, column, patch, *, bands=slice(None), fill=None):
    """What a network says when one place is hidden, computed the long way."""
    with torch.inference_mode():
        seen = network.normalise(torch.from_numpy(image[None])).clone()
        fill = seen.mean((2, 3), keepdim=True) if fill is None else fill
        cover = torch.zeros_like(seen, dtype=torch.bool)
        cover[:, bands, row : row + patch, column : column + patch] = True
        seen = torch.where(cover, fill, seen)
        normalise, network.normalise = network.normalise, torch.nn.Identity()
        try:
            return network(seen)[0].numpy()
        finally:
            network.normalise = normalise


@pytest.mark.parametrize("apart", [True, False])
def test_each_place_has_the_output_of_the_network_with_it_hidden(make, sky, apart):
    run, network = make(apart=apart)
    image = sky.images[int(sky.row_of([ID])[0])]
    for bands, cover in (("together", slice(None)), ("each", slice(2, 3))):
        found = Explanation(Question(run, sky, ID, OcclusionSettings(bands=bands, patch=4, stride=3)))
        assert found.poll()
        row = 0 if bands == "together" else 2
        for k in (0, 7, len(found.places) - 1):
            expected = hidden(network, image, *found.places[k], 4, bands=cover)
            assert found.outputs[row, k] == pytest.approx(expected[0], abs=1e-4)
        with torch.inference_mode():
            assert found.clean == pytest.approx(float(network(torch.from_numpy(image[None]))[0, 0]), abs=1e-4)
    assert found.map("output").shape == (5, 16, 16)
    np.testing.assert_allclose(found.clean - found.map("output"), found.map("change"), atol=1e-5)


def test_an_output_is_given_in_its_unit(make, sky):
    run, _ = make()
    learned = Explanation(Question(run, sky, ID, OcclusionSettings(("learned", 0), patch=8, stride=8)))
    shown = Explanation(Question(run, sky, ID, OcclusionSettings(("shown", 0), patch=8, stride=8)))
    assert learned.poll()
    assert shown.poll()
    np.testing.assert_allclose(np.exp(learned.outputs), shown.outputs, rtol=1e-5)
    assert list(outputs(run.target, sky.bands)) == ["ln λ", "λ"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    path = write_mergers_sky(tmp_path_factory.mktemp("skies") / "zoo", 12, size=36)  # no network is made for this size
    return path, CutoutSet.open(path)


@pytest.mark.parametrize("name", list(mergers.RECIPES))
def test_any_network_for_votes_is_asked_about_any_answer(name, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("galviz.work.chunks.Work", Now)
    path, sky = pictures
    recipe = mergers.RECIPES[name]
    if "network.width" in recipe.flat():
        recipe = recipe.replace(network={"width": 4})
    run = Run.create(tmp_path / "run", study="mergers", target=mergers.TARGET, recipe=recipe, data=path)
    run.update_info(build={"bands": sky.bands, "size": 36})
    network = build(run.target, recipe, sky.bands, 36).eval()
    save_weights(network, run.weights)
    run.write_state(status="done")
    known, image = outputs(run.target, sky.bands), sky.images[2]
    assert list(known)[:2] == ["merger (Class8.6)", "smooth (Class1.1)"]
    assert sorted(k for _, k in known.values()) == list(range(37))
    with torch.inference_mode():
        whole = network(torch.from_numpy(image[None]))[0].numpy()
    for answer, k in (("merger (Class8.6)", COLUMNS.index("Class8.6")), ("spiral: yes (Class4.1)", 7)):
        found = Explanation(
            Question(run, sky, sky.object_ids[2], OcclusionSettings(known[answer], patch=12, stride=12))
        )
        assert found.poll()
        assert found.clean == pytest.approx(whole[k], abs=1e-5)
        expected = hidden(network, image, *found.places[4], 12)
        assert found.outputs[0, 4] == pytest.approx(expected[k], abs=1e-4)
        assert answer in found.question.text


def test_a_network_for_bands_is_asked_about_one_image_and_its_probabilities_add_up(make, sky):
    run, _ = make("band")
    found = [
        Explanation(Question(run, sky, ID, OcclusionSettings(how, patch=8, stride=8), "g"))
        for how in outputs(run.target, sky.bands).values()
    ]
    assert all(one.poll() for one in found)
    np.testing.assert_allclose(sum(one.outputs for one in found), 1, atol=1e-5)
    with pytest.raises(ValueError, match=r"shown_band: expected one of the bands u, g, r, i, z, got ''"):
        Explanation(Question(run, sky, ID, OcclusionSettings()))


def test_the_mean_is_that_of_the_maps(make, sky):
    run, _ = make()
    ids = list(sky.object_ids[[3, 1, 8]])
    settings = OcclusionSettings(patch=4, stride=4)
    mean = MeanExplanation(run, sky, ids, settings)
    assert np.isnan(mean.mean).all()
    assert mean.poll()
    maps = []
    for object_id in ids:
        one = Explanation(Question(run, sky, object_id, settings))
        one.poll()
        maps.append(one.map())
    np.testing.assert_allclose(mean.mean, np.mean(maps, axis=0), atol=1e-5)
    assert mean.count == 3


def test_the_sanity_check_tells_a_map_from_that_of_shuffled_weights(make, sky):
    run, _ = make()
    work = Explanation(Question(run, sky, ID, OcclusionSettings(patch=4, stride=4))).sane()
    ((_, found),) = work.new_results()
    assert -1 <= found < 0.9


def test_files_hold_the_maps_and_what_was_asked(make, sky):
    run, _ = make()
    found = Explanation(Question(run, sky, ID, OcclusionSettings(bands="each", patch=4, stride=4)))
    found.poll()
    with fits.open(io.BytesIO(found.to_fits())) as hdus:
        np.testing.assert_array_equal(hdus["CHANGE"].data, found.map("change"))
        np.testing.assert_array_equal(hdus["OUTPUT"].data, found.map("output"))
        header = hdus["CHANGE"].header
        assert (header["OBJECT"], header["PATCH"], header["BAND3"], header["BASELINE"]) == (ID, 4, "r", "mean")
    with Image.open(io.BytesIO(occlusion.to_png(found, 2, "change", sources_of(sky, ID)))) as picture:
        assert picture.size[0] == 2 * 480 + 12


def test_the_browser_is_told_id_pixels_and_places_of_one_object(make, sky):
    run, _ = make()
    found = Explanation(Question(run, sky, ID, OcclusionSettings(patch=4, stride=4)))
    found.poll()
    received = occlusion.map_message(found, 0, "change")
    values = np.frombuffer(received["values"], "<f4").reshape(16, 16)
    np.testing.assert_array_equal(values, found.map()[0])
    assert received["limits"][0] == -received["limits"][1] == -np.abs(values).max()
    assert (received["id"], len(received["tops"]), received["unit"]) == (ID, len(found.places), "ln λ")
    assert received["views"] == run.recipe.data.tta > 1
    shown = occlusion.object_message(sky, ID, sources_of(sky, ID))
    with Image.open(io.BytesIO(shown["png"])) as picture:
        corner = np.asarray(picture.convert("L"))[::-1][:8, :8] > 100
    assert str(sum(1 << k for k in range(64) if corner.reshape(-1)[k])) == ID


@pytest.mark.parametrize(
    ("given", "shown_text"), [({"patch": 0}, "at least 1 pixel"), ({"baseline": "red"}, "mean, zero, blur")]
)
def test_a_question_that_makes_no_sense_is_refused(given, shown_text):
    with pytest.raises(ValueError, match=shown_text):
        OcclusionSettings(**given)


def test_an_occluder_larger_than_the_image_is_refused(make, sky):
    run, _ = make()
    with pytest.raises(ValueError, match="patch: expected at most 16 pixels"):
        Explanation(Question(run, sky, ID, OcclusionSettings(patch=17)))
