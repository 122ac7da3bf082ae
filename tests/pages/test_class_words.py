"""Classes in words: pages show the words of a target, the values of its columns stay as they are."""

import io
from types import SimpleNamespace

import pandas as pd
import pytest

from galviz.pages.results.classification import View
from galviz.pages.sky import SkyView
from galviz.pages.why import WhyView
from galviz.runs.predictions import Predictions
from galviz.sky.cutouts import CutoutSet
from galviz.studies.members import TARGET
from galviz.tasks.class_words import class_words
from galviz.tasks.pair import pair_of
from galviz.tools.filters.core import Filter
from galviz.tools.plots.core import Drawing, _coloured
from galviz.tools.selection.core import Selection
from galviz.tools.selection.snapshot import Snapshot
from galviz.tools.training.samples import samples_html

WORDS = ["not a member", "member"]


@pytest.fixture
def sky(make_sky):
    """Four galaxies: the first two are members."""
    sky = make_sky(4)
    given = {"bands": sky.bands, "pixel_scale": sky.pixel_scale, "unit": sky.unit}
    return CutoutSet(images=sky.images, catalogue=sky.catalogue.assign(member=[1, 1, 0, 0]), **given)


@pytest.fixture
def predictions(sky):
    """The second and the fourth are wrong."""
    rows = {"p_0": [0.2, 0.7, 0.8, 0.4], "p_1": [0.8, 0.3, 0.2, 0.6], "member": ["1", "0", "0", "1"]}
    rows |= {"member_true": ["1", "1", "0", "0"], "fold": 0}
    return Predictions(pd.DataFrame(rows, index=sky.catalogue.index), TARGET)


def lines(gallery):
    return [dict(map(tuple, tile["lines"])) for tile in gallery.exchange._tiles(0, gallery.album.ids(0, 9))]


def values(filters, name):
    return next([one["text"] for one in each["values"]] for each in filters.show(None) if each["name"] == name)


def test_gallery_filters_picture_and_legend_of_predictions_have_the_words(predictions, sky):
    explorer = View(predictions, Selection(), sky).explorer
    first, second, *_ = lines(explorer.gallery)
    assert first == {"predicted": "member", "true": "member", "p_1": "0.8"}
    assert second == {"predicted": "not a member", "true": "member", "p_1": "0.3"}
    assert set(values(explorer.filters.filters, "member")) == set(WORDS)
    assert set(values(explorer.filters.filters, "member_true")) == set(WORDS)
    facts = dict(map(tuple, explorer.picture.data._facts(sky.catalogue.index[1])))
    assert (facts["member"], facts["member_true"], facts["correct"]) == ("not a member", "member", "0")
    explorer.gallery.group = "member"
    assert [name for name, _ in explorer.gallery.album.groups] == WORDS
    drawn = explorer.selection.mask | True
    assert _coloured(explorer.selection, ("member", "member"), drawn, Drawing()).names == tuple(WORDS)
    assert pair_of(explorer.table, "member_true", "member").text("0") == "not a member"


def test_conditions_and_exported_files_have_the_values(predictions, sky):
    explorer = View(predictions, Selection(), sky).explorer
    explorer.filters.filters.set("member", Filter(ticked=("1",)))
    explorer.filters.exchange.select()
    assert explorer.selection.ids.tolist() == [sky.catalogue.index[0], sky.catalogue.index[3]]
    file = io.BytesIO()
    explorer.out.write(file, "csv", Snapshot.of(explorer.selection))
    file.seek(0)
    assert pd.read_csv(file, comment="#")["member"].tolist() == [1, 1]


def test_the_catalogue_has_the_words_on_the_data_tab_alone(sky):
    view = SkyView(sky, Selection(), {"member": "cluster member"}, target=TARGET)
    assert [each["member"] for each in lines(view.explorer.gallery)] == ["member"] * 2 + ["not a member"] * 2
    assert values(view.explorer.filters.filters, "member") == WORDS
    plain = SkyView(sky, Selection(), {"member": "cluster member"})
    assert [each["member"] for each in lines(plain.explorer.gallery)] == ["1", "1", "0", "0"]


def test_sample_predictions_have_the_words(predictions):
    html = samples_html(predictions, 1)
    assert "predicted member, true member" in html
    assert "predicted not a member, true member" in html
    assert html.count("class='wrong'") == 2


def test_the_catalogue_beside_an_explanation_has_the_words(sky, monkeypatch):
    monkeypatch.setattr("galviz.pages.why.Gallery", lambda _, table, *__, **___: table)
    run = SimpleNamespace(target=TARGET)
    why = SimpleNamespace(selection=Selection(), cutouts=sky, one=SimpleNamespace(run=run))
    assert class_words(WhyView.gallery(why), "member") == dict(zip("01", WORDS, strict=True))
