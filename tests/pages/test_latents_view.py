import json

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import pytest
from shown import all_text, script_of

from galviz.pages.latents import LatentsView, colour_of
from galviz.runs.best_fits import LATENTS
from galviz.runs.latents import LatentMap, latent_table, principal_components
from galviz.runs.predictions import Predictions
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.studies import inpainting
from galviz.tools.selection.core import Selection

RNG = np.random.default_rng(8)


@pytest.fixture
def sky(make_sky, galviz_home):
    sky = make_sky(30)
    sky.save(galviz_home / "skies" / "tiny")
    return sky


@pytest.fixture
def run(galviz_home, sky):
    """A run with latents of the sky's objects, in another order."""
    run = Run.create(
        galviz_home / "runs" / "gan",
        study="inpainting",
        target=inpainting.TARGET,
        recipe=inpainting.RECIPES["quick"],
        data=galviz_home / "skies" / "tiny",
    )
    run.write_state(status="done")
    table = pd.DataFrame(RNG.normal(size=(30, 64)) * np.r_[9, 4, [1] * 62], index=sky.catalogue.index).rename(
        columns=str
    )
    table["truth"], table["dealt"] = sky.catalogue["z"] * 1000, np.arange(30) % 4
    table.iloc[::-1].to_parquet(run.path / LATENTS)
    return run


def tell(run, sky):
    rows = {"z_phot": sky.catalogue["z"] + 0.01, "z_phot_true": sky.catalogue["z"], "fold": np.arange(30) % 2 - 1}
    run.save_predictions(Predictions(pd.DataFrame(rows, index=sky.catalogue.index), inpainting.TARGET))


def test_principal_components_are_those_of_the_latents_alone(run):
    found = LatentMap.open(run.path / LATENTS)
    values = pd.read_parquet(run.path / LATENTS).drop(columns=["truth", "dealt"]).to_numpy()
    centred = values - values.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(found.places.to_numpy()), np.abs(left[:, :2] * sizes[:2]), rtol=1e-6)
    np.testing.assert_allclose(found.shares, (sizes**2 / (sizes**2).sum())[:2])
    assert found.saved == ""


def test_an_object_without_latents_has_no_place_and_too_few_are_refused():
    table = pd.DataFrame(RNG.normal(size=(9, 3)), index=[f"o{k}" for k in range(9)])
    table.iloc[4, 1] = np.nan
    places, _ = principal_components(table)
    assert places.isna().all(axis=1).tolist() == [k == 4 for k in range(9)]
    with pytest.raises(ValueError, match="at least two objects with two latents, got 1 with 3"):
        principal_components(table.iloc[:1])


def test_places_catalogue_and_predictions_are_joined_by_id(run, sky):
    tell(run, sky)
    view = LatentsView(run, sky, Selection())
    table = view.explorer.table
    assert list(table.columns[:4]) == ["latent 1", "latent 2", "z_phot", "z_phot_true"]
    assert sorted(table.index) == sorted(sky.object_ids)
    for object_id, row in table.iterrows():
        assert row["z"] == sky.catalogue.loc[object_id, "z"]
        assert row["z_phot_true"] == row["z"]
        assert row["z_phot"] == pytest.approx(row["z"] + 0.01)
    with pytest.raises(ValueError, match="got none of it"):
        latent_table(view.found, sky.select([]))


def test_the_plots_show_the_map_coloured_by_redshift_and_the_predictions(run, sky):
    view = LatentsView(run, sky, Selection())
    first, second = view.explorer.plots
    assert (first.x, first.y, first.colour) == ("latent 1", "latent 2", "z")
    assert (second.kind, second.x) == ("histogram", "z")
    tell(run, sky)
    second = LatentsView(run, sky, Selection()).explorer.plots[1]
    assert (second.kind, second.x, second.y, second.guide) == ("scatter", "z_phot_true", "z_phot", "1:1 line")
    assert "30 objects" in view.about()
    assert view.__panel__().get_root()


def test_a_magnitude_colours_where_no_redshift_is_known():
    table = pd.DataFrame({"mag_g": [1.0], "mag_r": [2.0], "z": [np.nan]})
    assert colour_of(table.assign(z=0.1)) == "z"
    assert colour_of(table) == "mag_r"
    assert colour_of(table.drop(columns="mag_r")) == "mag_g"
    assert colour_of(table[["z"]]) == ""


def test_a_tap_on_a_thumbnail_brings_the_object_whose_picture_it_is_into_focus(run, sky, burned_id):
    page = Selection(focus=sky.object_ids[3])
    view = LatentsView(run, sky, page)
    thumbnails = view.thumbnails
    assert view.explorer.selection.focus == sky.object_ids[3]
    assert thumbnails.body().get_root()
    ids = view.explorer.table.index[thumbnails.grid.shown]
    images, _ = thumbnails.read(thumbnails.grid.shown)
    assert len(images) == len(ids) < 30
    assert [burned_id(image) for image in images] == list(ids)
    taps = [s for found in hv.streams.Stream.registry.values() for s in found if isinstance(s, hv.streams.Tap)]
    for (left, low, right, high), object_id in zip(thumbnails.grid.bounds, ids, strict=True):
        taps[-1].event(x=(left + right) / 2, y=(low + high) / 2)
        assert page.focus == object_id
    taps[-1].event(x=1e9, y=0)
    assert page.focus == ids[-1]


def test_pictures_are_read_once_and_drawn_anew_where_the_plot_shows_something_else(run, sky):
    view = LatentsView(run, sky, Selection())
    thumbnails, plot = view.thumbnails, view.explorer.plots[0]
    _, first, drawn, colour = thumbnails.draw()
    assert colour.label == "z"
    kept = thumbnails.read(first.shown)[0]
    before = thumbnails.version
    view.explorer.gallery.stretch_view.gamma = 0.4
    assert thumbnails.version > before
    assert (thumbnails.draw()[2] != drawn).any()
    assert thumbnails.read(first.shown)[0] is kept
    plot.param.update(x="z", y="richness * 2", colour="")
    places, second, _, colour = thumbnails.draw()
    np.testing.assert_allclose(places, view.explorer.table[["z", "richness"]] * [1, 2])
    assert colour is None
    assert list(second.shown) != list(first.shown)
    plot.x = "nonsense("
    assert "expression" in thumbnails.body().object


@pytest.mark.parametrize("name", ["umap.parquet", "map.parquet"])
def test_a_saved_map_is_offered_beside_the_components_and_keeps_what_is_chosen(run, sky, name):
    places = pd.DataFrame({"x": np.arange(30.0), "y": RNG.random(30)}, index=sky.catalogue.index)
    places.to_parquet(run.path / name)
    view = LatentsView(run, sky, Selection())
    table = view.explorer.table
    np.testing.assert_array_equal(table["map 1"], places["x"].reindex(table.index))
    view.explorer.selection.choose(sky.object_ids[:3])
    components, saved = [one for one in view.main().select(pn.widgets.Button) if "Show" in one.label]
    assert name in saved.label
    plot = view.explorer.plots[0]
    saved.clicks += 1
    assert (plot.x, plot.y) == ("map 1", "map 2")
    assert len(view.explorer.selection) == 3
    components.clicks += 1
    assert (plot.x, plot.y) == ("latent 1", "latent 2")


def test_what_cannot_be_read_is_said_and_what_is_not_there_how_to_come_by_it(run, sky):
    pd.DataFrame({"x": [1.0]}).to_parquet(run.path / "umap.parquet")
    assert "umap.parquet: object_id: expected strings" in all_text(LatentsView(run, sky, Selection()))
    (run.path / LATENTS).unlink()
    words = all_text(LatentsView(run, sky, Selection()))
    assert "<b>gan</b> has no latents." in words
    assert "galviz train inpainting" in words
    run.write_state(status="running")
    assert "it has not ended" in all_text(LatentsView(run, sky, Selection()))


def test_without_its_sky_there_is_a_map_without_pictures(run, sky):
    view = LatentsView(run, None, Selection())
    assert view.thumbnails is None
    assert list(view.explorer.table.columns) == ["latent 1", "latent 2"]
    assert view.__panel__().get_root()


@pytest.mark.parametrize("with_sky", [True, False])
def test_the_lines_of_python_make_the_same_table(run, sky, with_sky):
    tell(run, sky)
    opened = CutoutSet.open(run.data) if with_sky else None
    explorer = LatentsView(run, opened, Selection()).explorer
    explorer.selection.choose(sky.object_ids[:4])
    made: dict = {}
    exec(script_of(explorer.out), made)  # noqa: S102 - our own lines
    pd.testing.assert_frame_equal(made["table"], explorer.table)
    assert sorted(made["ids"]) == sorted(sky.object_ids[:4])


def test_the_colour_is_in_the_state_also_where_it_was_taken_away(run, sky):
    view = LatentsView(run, sky, Selection())
    view.explorer.plots[0].colour = ""
    state = json.loads(json.dumps(view.explorer.state()))
    again = LatentsView(run, sky, Selection()).explorer
    assert again.plots[0].colour == "z"
    again.restore(state)
    assert again.plots[0].colour == ""
