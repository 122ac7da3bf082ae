"""The page of mergers: the threshold among the tabs of a study, over runs as they come, tables and skies."""

import numpy as np
import pandas as pd
import panel as pn
import pytest
from panel.io.location import Location

from galviz import jobs
from galviz.runs import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.mock import write_mergers_sky
from galviz.sky.predictions import Predictions
from galviz.sky.tables import write_table
from galviz.sky.votes import COLUMNS, MERGER
from galviz.studies import mergers
from galviz.views.library import Library
from galviz.views.mergers_page import mergers_page, mergers_study
from galviz.views.recipe_form import flat
from galviz.views.sky import SkyView
from galviz.views.sky_maker import SkyMaker
from galviz.views.state import TABS, PageState
from galviz.views.threshold_page import ThresholdPage


@pytest.fixture
def location(monkeypatch):
    location = Location()
    monkeypatch.setattr(type(pn.state), "location", property(lambda _: location))
    return location


@pytest.fixture
def zoo(galviz_home):
    return CutoutSet.open(write_mergers_sky(galviz_home / "skies" / "zoo", 12, size=16))


@pytest.fixture
def make_votes(zoo, galviz_home):
    """Maker of runs that know the votes but for some noise; every third object was seen in training."""

    def make(name, status="done", **recipe):
        truth = zoo.catalogue[list(COLUMNS)]
        rng = np.random.default_rng(0)
        told = (truth + rng.normal(0, 0.05, truth.shape)).clip(0, 1)
        fold = np.where(np.arange(len(zoo)) % 3, 0, -1)
        table = told.join(truth.add_suffix("_true")).assign(fold=fold)
        given = {"study": "mergers", "target": mergers.TARGET, "data": galviz_home / "skies" / "zoo"}
        run = Run.create(galviz_home / "runs" / name, recipe=mergers.RECIPES["quick"].replace(**recipe), **given)
        run.write_state(status=status)
        if status == "done":
            run.save_predictions(Predictions(table, mergers.TARGET))
        return run

    return make


@pytest.fixture
def table(tmp_path):
    ids = pd.Index([f"a{k}" for k in range(50)], name="object_id", dtype=str)
    write_table(tmp_path / "t.csv", pd.DataFrame({"p_merger": np.linspace(0, 1, 50)}, index=ids), "csv")
    return tmp_path / "t.csv"


def threshold(page):
    """Open the tab, and give what is in it."""
    page.page.tab = "threshold"
    page.body()
    tab = page.tabs["threshold"]
    tab.body()
    return tab


def test_a_run_of_votes_offers_all_answers_with_their_truth(make_votes):
    run = make_votes("first")
    tab = ThresholdPage([], Library.find(study=mergers))
    assert tab.param.chosen.objects == {"–": "", "run first": str(run.path)}
    body, view = tab.body(), tab.view
    assert "8 objects that the network has not seen in training" in body[0].object
    assert "slightly too good" not in body[0].object
    assert len(view.table) == 8
    assert (view.answer, view.truth, view.threshold) == (MERGER, f"{MERGER}_true", mergers.THRESHOLD)
    assert set(view.param.answer.objects.values()) <= set(COLUMNS) | {f"{name}_true" for name in COLUMNS}
    view.answer = "Class1.1"
    assert view.truth == "Class1.1_true"
    truth = run.predictions().held_out().table["Class1.1_true"]
    assert view.scored.known.yes == (truth > 0.5).sum()


def test_what_chose_the_epoch_is_said_to_be_judged_too_well(make_votes):
    make_votes("first", keep="best")
    assert "slightly too good" in ThresholdPage([], Library.find(study=mergers)).body()[0].object


def test_the_explorer_shows_what_its_lines_of_python_make(make_votes):
    make_votes("first")
    tab = ThresholdPage([], Library.find(study=mergers))
    tab.body()[-1].collapsed = False
    made: dict = {}
    tab.view.threshold = 0.02
    tab.view._choose(None)
    assert 0 < len(tab.view.selection) < 8
    exec(tab.explorer.out.handover.script, made)  # noqa: S102 - our own lines
    pd.testing.assert_frame_equal(made["table"], tab.explorer.table, check_dtype=False)
    assert list(made["ids"]) == list(tab.view.selection.ids)


def test_the_threshold_is_first_where_there_is_something_to_lay_it_on(make_votes, galviz_home, table, make_run, told):
    make_run("richness", predictions=told)
    sky = galviz_home / "skies" / "zoo"
    assert mergers_study().page.tab == mergers_study([str(sky)]).page.tab == "data"
    assert mergers_study([str(table)]).page.tab == "threshold"
    assert mergers_study(["nowhere.csv"]).page.tab == "threshold"
    assert "expected a table" in threshold(mergers_study(["nowhere.csv"])).body().object
    assert "Nothing is open" in threshold(mergers_study()).body().object
    assert threshold(mergers_study([str(table)])).view.scored.at(0.5).above == 25
    assert len(threshold(mergers_study([str(sky)])).view.table) == 12
    make_votes("older")
    make_votes("newer")
    page = mergers_study()
    assert (page.page.tab, page.page.sky, page.page.run) == ("threshold", "zoo", "newer")
    given = mergers_study([str(galviz_home / "runs" / "older")])
    assert given.page.run == "older"
    assert "older" in threshold(given).body()[0].object


def test_every_tab_is_there_and_the_first_is_the_threshold(make_votes):
    make_votes("first")
    page = mergers_study()
    assert page.__panel__()[0].names == ["threshold", *TABS]
    for tab in page.page.tabs:
        page.page.tab = tab
        assert page.body() is page.tabs[tab]
    assert isinstance(mergers_page(), pn.template.BootstrapTemplate)


def test_a_run_that_ends_while_the_page_is_open_can_be_chosen(make_votes):
    page = mergers_study()
    tab = threshold(page)
    select = tab.choice()
    assert select.options == {"–": ""}
    run = make_votes("first")
    for _ in range(12):  # the folders are read now and then
        page.look()
    assert select.options == {"–": "", "run first": str(run.path)}
    assert (tab.chosen, page.page.run) == (str(run.path), "first")  # nothing else was open
    second = make_votes("second")
    for _ in range(12):
        page.look()
    assert "run second" in select.options
    assert tab.chosen == str(run.path)
    assert second.path.exists()


def test_the_run_of_the_page_and_that_of_the_threshold_agree(make_votes, table):
    make_votes("first")
    make_votes("second")
    make_votes("third", "stopped")
    page = mergers_study()
    tab = threshold(page)
    select = tab.choice()
    assert tab.chosen.endswith("second")
    select.value = select.options["run first"]
    assert page.page.run == "first"
    page.page.run = "second"
    assert tab.chosen.endswith("second")
    page.page.run = "third"  # has nothing to show
    assert tab.chosen.endswith("second")
    of_table = mergers_study([str(table)])
    tab = threshold(of_table)
    of_table.page.run = "first"
    assert tab.given == [str(table)]


def test_what_is_open_comes_back_after_a_reload(make_votes, table, location):
    make_votes("first")
    tab = threshold(mergers_study([str(table)]))
    select = tab.choice()
    assert select.options[table.name] == ""
    select.value = select.options["run first"]
    assert "open=run+first" in location.search
    assert "first" in threshold(mergers_study([str(table)])).body()[0].object
    tab._upload(type("Event", (), {"new": table.read_bytes(), "obj": type("File", (), {"filename": "up.csv"})}))
    assert "open" not in location.search
    again = threshold(mergers_study([str(table)]))
    assert "up.csv" in again.body()[0].object
    location.search = location.search.replace("tab=threshold", "tab=why")
    assert mergers_study([str(table)]).page.tab == "why"


def test_the_form_has_the_network_of_each_recipe_and_starts_its_command(zoo, monkeypatch):
    started = []
    monkeypatch.setattr(jobs, "start", lambda command, _: started.append(list(command)) or 1)
    train = mergers_study().train
    assert train.param.recipe.objects == list(mergers.RECIPES)
    for name, recipe in mergers.RECIPES.items():
        train.recipe = name
        assert train.form.widgets.keys() == flat(recipe).keys() >= {"network.architecture"}
    train.recipe = "paper"
    train.form.widgets["network.votes"].value = "tree"
    train.start()
    assert started[0][:2] == ["train", "mergers"]
    assert started[0][started[0].index("--recipe") :] == [
        *("--recipe", "paper", "--devices", "cpu", "--set", "network.votes=tree")
    ]
    (encoder,) = [one for one in train.choices() if one.label == "Start from the encoder of"]
    assert not encoder.visible  # no run of this study has one to lend


def test_a_sky_is_drawn_at_the_size_of_its_study():
    assert SkyMaker("mergers", Library.find(), PageState()).size == 68
    assert SkyMaker("richness", Library.find(), PageState()).size == 64


def test_a_sky_of_pictures_is_shown_by_the_votes_for_mergers(zoo, monkeypatch):
    shown = []
    monkeypatch.setattr("galviz.views.page.SkyView", lambda *given: shown.append(SkyView(*given)) or shown[-1])
    page = mergers_study()
    page.data()
    explorer = shown[0].explorer
    assert [plot.x for plot in explorer.plots] == [MERGER, "redshift"]
    assert set(COLUMNS) <= set(explorer.table)


def test_a_sky_that_comes_from_elsewhere_is_taken_where_there_is_none(galviz_home):
    page = mergers_study()
    assert "No sky yet" in page.data()[0].object
    write_mergers_sky(galviz_home / "skies" / "zoo", 12, size=16)
    for _ in range(12):
        page.look()
    assert page.page.sky == "zoo"
