"""The page of mergers: the threshold among the tabs of a study, over runs as they come, tables and skies."""

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
import pytest
from panel.io.location import Location
from PIL import Image
from shown import all_text, script_of

from galviz.io.tables import write_table
from galviz.pages.library import Library
from galviz.pages.page import open_study_page, study_page
from galviz.pages.runs import RunsPanel, run_row
from galviz.pages.sky import SkyView
from galviz.pages.sky_maker import SkyMaker
from galviz.pages.state import TABS, PageState
from galviz.pages.tabs import TabBar
from galviz.pages.threshold_page import ThresholdPage
from galviz.runs.predictions import Predictions
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.galaxy_zoo import COLUMNS, MERGER, THRESHOLD
from galviz.sky.mock import write_members_sky, write_mergers_sky
from galviz.studies import members, mergers, open_study
from galviz.work import processes as jobs


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
        estimates = (truth + rng.normal(0, 0.05, truth.shape)).clip(0, 1)
        fold = np.where(np.arange(len(zoo)) % 3, 0, -1)
        table = estimates.join(truth.add_suffix("_true")).assign(fold=fold)
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
    tab = ThresholdPage([], Library.find(study=mergers.STUDY))
    assert tab.param.selected.objects == {"–": "", "run first": str(run.path)}
    about, view = all_text(tab.body()), tab.view
    assert "8 objects that the network has not seen in training" in about
    assert "slightly too good" not in about
    assert len(view.table) == 8
    assert (view.answer, view.truth, view.threshold) == (MERGER, f"{MERGER}_true", THRESHOLD)
    assert set(view.param.answer.objects.values()) <= set(COLUMNS) | {f"{name}_true" for name in COLUMNS}
    view.answer = "Class1.1"
    assert view.truth == "Class1.1_true"
    truth = run.predictions().held_out().table["Class1.1_true"]
    assert view.scored.known.yes == (truth > 0.5).sum()


def test_a_bare_table_of_votes_begins_at_the_threshold_of_the_paper(make_votes, table):
    run = make_votes("first")
    tab = ThresholdPage([str(run.path / "predictions.parquet")], Library.find(study=mergers.STUDY))
    tab.body()
    assert (tab.view.answer, tab.view.threshold) == (MERGER, THRESHOLD)
    tab = ThresholdPage([str(table)], Library.find(study=mergers.STUDY))
    tab.body()
    assert tab.view.threshold == 0.5


def test_a_page_of_members_opens_on_the_probability_of_member(galviz_home):
    sky = CutoutSet.open(write_members_sky(galviz_home / "skies" / "fields", 24, size=16))
    chance = np.linspace(0.01, 0.99, len(sky))
    rows = pd.DataFrame({"p_0": 1 - chance, "p_1": chance}, index=sky.catalogue.index)
    given = np.where(chance >= 0.5, "1", "0")
    true = sky.catalogue["member"].map({1: "1", 0: "0"})
    rows = rows.assign(member=given, member_true=true, fold=0)
    about = {"study": "members", "target": members.TARGET, "data": galviz_home / "skies" / "fields"}
    run = Run.create(galviz_home / "runs" / "first", recipe=members.RECIPES["quick"], **about)
    run.write_state(status="done")
    run.save_predictions(Predictions(rows, members.TARGET))
    paths = [str(galviz_home / "skies" / "fields"), str(run.path)]
    tab = threshold(open_study_page("members", paths))
    assert tab.selected == str(run.path)
    assert (tab.view.answer, tab.view.meaning.yes, tab.view.meaning.no) == ("p_1", "member", "not a member")
    assert tab.view.labels.path.name == "member-labels.csv"
    tab.selected = ""  # the sky itself
    tab.body()
    assert tab.view.labels.path.name.startswith("members-")


def test_what_chose_the_epoch_is_said_to_be_judged_too_well(make_votes):
    make_votes("first", validation={"keep": "best"})
    assert "slightly too good" in all_text(ThresholdPage([], Library.find(study=mergers.STUDY)).body())


def test_the_explorer_shows_what_its_lines_of_python_make(make_votes):
    make_votes("first")
    tab = ThresholdPage([], Library.find(study=mergers.STUDY))
    tab.body()
    tab.opened[-1].collapsed = False
    made: dict = {}
    tab.view.threshold = 0.02
    tab.view._choose(None)
    assert 0 < len(tab.view.selection) < 8
    exec(script_of(tab.explorer.out), made)  # noqa: S102 - our own lines
    pd.testing.assert_frame_equal(made["table"], tab.explorer.table, check_dtype=False)
    assert list(made["ids"]) == list(tab.view.selection.ids)


def test_the_threshold_is_first_where_there_is_something_to_lay_it_on(
    make_votes, galviz_home, table, make_run, estimates
):
    make_run("richness", predictions=estimates)
    sky = galviz_home / "skies" / "zoo"
    assert open_study_page("mergers").page.tab == open_study_page("mergers", [str(sky)]).page.tab == "data"
    assert open_study_page("mergers", [str(table)]).page.tab == "threshold"
    assert open_study_page("mergers", ["nowhere.csv"]).page.tab == "threshold"
    assert "expected a table" in all_text(threshold(open_study_page("mergers", ["nowhere.csv"])).body())
    assert "Nothing is open" in all_text(threshold(open_study_page("mergers")).body())
    assert threshold(open_study_page("mergers", [str(table)])).view.scored.at(0.5).above == 25
    assert len(threshold(open_study_page("mergers", [str(sky)])).view.table) == 12
    make_votes("older")
    make_votes("newer")
    page = open_study_page("mergers")
    assert (page.page.tab, page.page.sky, page.page.run) == ("threshold", "zoo", "newer")
    given = open_study_page("mergers", [str(galviz_home / "runs" / "older")])
    assert given.page.run == "older"
    assert "older" in all_text(threshold(given).body())


def test_every_tab_is_there_and_the_first_is_the_threshold(make_votes):
    make_votes("first")
    page = open_study_page("mergers")
    (bar,) = page.main().select(TabBar)
    assert bar.names == ["threshold", *TABS]
    bodies = []
    for tab in page.page.tabs:
        page.page.tab = tab
        assert page.body() is page.body()
        bodies.append(page.body())
        assert list(page.tabs) == page.page.tabs[: len(bodies)]
    assert len(set(map(id, bodies))) == len(bodies)
    assert isinstance(study_page("mergers"), pmui.Page)


def test_a_run_that_ends_while_the_page_is_open_can_be_chosen(make_votes):
    page = open_study_page("mergers")
    tab = threshold(page)
    select = tab.choice()
    assert select.options == {"–": ""}
    run = make_votes("first")
    for _ in range(12):  # the folders are read now and then
        page.poll()
    assert select.options == {"–": "", "run first": str(run.path)}
    assert (tab.selected, page.page.run) == (str(run.path), "first")  # nothing else was open
    second = make_votes("second")
    for _ in range(12):
        page.poll()
    assert "run second" in select.options
    assert tab.selected == str(run.path)
    assert second.path.exists()


def test_the_run_of_the_page_and_that_of_the_threshold_agree(make_votes, table):
    make_votes("first")
    make_votes("second")
    make_votes("third", "stopped")
    page = open_study_page("mergers")
    tab = threshold(page)
    select = tab.choice()
    assert tab.selected.endswith("second")
    select.value = select.options["run first"]
    assert page.page.run == "first"
    page.page.run = "second"
    assert tab.selected.endswith("second")
    page.page.run = "third"  # has nothing to show
    assert tab.selected.endswith("second")
    of_table = open_study_page("mergers", [str(table)])
    tab = threshold(of_table)
    of_table.page.run = "first"
    assert tab.given == [str(table)]


def test_what_is_open_comes_back_after_a_reload(make_votes, table, location, bring):
    make_votes("first")
    tab = threshold(open_study_page("mergers", [str(table)]))
    select = tab.choice()
    assert select.options[table.name] == ""
    select.value = select.options["run first"]
    assert "open=run+first" in location.search
    assert "first" in all_text(threshold(open_study_page("mergers", [str(table)])).body())
    bring(tab, "up.csv", table.read_bytes())
    assert "open" not in location.search
    again = threshold(open_study_page("mergers", [str(table)]))
    assert "up.csv" in all_text(again.body())
    location.search = location.search.replace("tab=threshold", "tab=why")
    assert open_study_page("mergers", [str(table)]).page.tab == "why"


def test_the_form_has_the_network_of_each_recipe_and_starts_its_command(zoo, monkeypatch):
    started = []
    monkeypatch.setattr(jobs, "start", lambda command, _: started.append(list(command)) or 1)
    train = open_study_page("mergers").train
    assert train.param.recipe.objects == list(mergers.RECIPES)
    for name, recipe in mergers.RECIPES.items():
        train.recipe = name
        used = {key for key in recipe.flat() if key.startswith("network.")}
        others = {
            "network.stages",
            "network.replicate",
            "network.apart",
            "network.head",
            "network.clip",
            "network.pooling",
            "network.standardise",
        }  # not for votes
        assert {key for key in train.form.widgets if key.startswith("network.")} == used - others
    train.recipe = "paper"
    train.form.widgets["network.votes"].value = "tree"
    train.start()
    assert started[0][:2] == ["train", "mergers"]
    assert started[0][started[0].index("--recipe") :] == [
        *("--recipe", "paper", "--devices", "cpu", "--set", "network.votes=tree")
    ]
    (encoder,) = [one for one in train.learned() if one.label == "Start from the encoder of"]
    assert not encoder.visible  # no run of this study has one to lend


def test_a_sky_is_drawn_at_the_size_of_its_study():
    assert SkyMaker(open_study("mergers"), Library.find(), PageState()).size == 68
    assert SkyMaker(open_study("richness"), Library.find(), PageState()).size == 64


def test_a_sky_of_pictures_is_shown_by_the_votes_for_mergers(zoo, monkeypatch):
    shown = []
    monkeypatch.setattr("galviz.pages.page.SkyView", lambda *given: shown.append(SkyView(*given)) or shown[-1])
    page = open_study_page("mergers")
    page.data()
    explorer = shown[0].explorer
    assert [plot.x for plot in explorer.plots] == [MERGER, "redshift"]
    assert set(COLUMNS) <= set(explorer.table)


def test_a_sky_that_comes_from_elsewhere_is_taken_where_there_is_none(galviz_home):
    page = open_study_page("mergers")
    assert "No data yet" in page.data()[0].object
    write_mergers_sky(galviz_home / "skies" / "zoo", 12, size=16)
    for _ in range(12):
        page.poll()
    assert page.page.sky == "zoo"


def test_broken_pictures_are_named_and_the_others_shown(table, tmp_path):
    (tmp_path / "pictures").mkdir()
    for k in range(20, 40):
        Image.fromarray(np.full((8, 8, 3), 5 * k, np.uint8)).save(tmp_path / "pictures" / f"a{k}.png")
    (tmp_path / "pictures" / "a30.png").write_bytes(b"no picture")
    tab = ThresholdPage([str(table), str(tmp_path / "pictures")], Library.find(study=mergers.STUDY))
    assert "50 objects · <b>pictures in pictures</b>, of 20 of them" in all_text(tab.body())
    assert "cannot be read" not in tab.unread().object
    sent = []
    exchange = tab.view.near.exchanges[0]
    exchange._send = lambda message, png: sent.append((message, png))
    requested = {"type": "window", "client": "x", "request": 1, "first": 0, "count": 20, "side": 8, "pictures": True}
    exchange.receive(requested | {"version": exchange.album.version})
    assert len(sent[-1][0]["tiles"]) == 20
    assert sent[-1][1].startswith(b"\x89PNG")
    assert list(tab.broken) == ["a30"]
    assert "so far 1" in tab.unread().object
    assert "a30.png, which cannot be read" in tab.unread().object


def test_an_empty_upload_is_said_to_be_empty(table, bring):
    tab = ThresholdPage([str(table)], Library.find(study=mergers.STUDY))
    bring(tab, "nothing.csv", b"")
    assert "nothing.csv, which is empty" in all_text(tab.body())


def test_the_explorer_of_a_threshold_shows_its_score_below_the_pictures(make_votes):
    make_votes("first")
    tab = ThresholdPage([], Library.find(study=mergers.STUDY))
    tab.body()
    tab.view.answer = "Class4.1"
    card = tab.opened[-1]
    tab.view.answer = "Class4.1"
    card.collapsed = False
    assert tab.explorer.gallery.captions == ["Class4.1", "Class4.1_true"]


def test_the_quick_recipe_offers_how_votes_obey_the_tree_and_dropout(zoo):
    form = open_study_page("mergers").train.form
    assert form.widgets["network.votes"].options == ["tree", "dieleman", "sigmoid"]
    form.widgets["network.dropout"].value = 0.4
    form.widgets["network.votes"].value = "sigmoid"
    assert form.settings() == ["network.votes=sigmoid", "network.dropout=0.4"]
    assert form.changed().network.dropout == 0.4


def test_a_run_of_votes_without_predictions_has_the_mae_of_its_best_epoch(make_votes):
    run = make_votes("first")
    assert run_row(run)["result"].startswith("MAE of Class8.6 0.0")
    (run.path / "predictions.parquet").unlink()
    assert run_row(run)["result"] == "–"
    for epoch, loss, right in ((1, 0.04, 0.5), (2, 0.0225, 0.75), (3, 0.09, 0.25)):
        run.append_metrics({"epoch": epoch, "val_loss": loss, "val_accuracy": right, "val_mae": 2 * loss})
    assert run_row(run)["result"] == "MAE of 37 columns 0.0450 (best epoch, while training)"
    assert run_row(run)["target"] == "37 votes"


def test_runs_are_compared_epoch_by_epoch(make_votes, make_run):
    runs = [make_votes(name) for name in ("first", "second", "third")]
    make_run("richness")
    for k, run in enumerate(runs[:2]):
        run.append_metrics({"epoch": 1, "val_loss": 0.1 + k, "val_accuracy": 0.5, "val_mae": 0.2})
    page = PageState(run="first")
    curves = RunsPanel(Library.find(), page).curves
    assert curves.picked == ["first", "second"]  # those that learn the same, and have begun to
    loss, accuracy, mae = (hv.render(column[0].object) for column in curves.curves())
    assert [item.label.value for item in loss.legend[0].items] == ["first", "second"]
    assert loss.title.text == "Loss, held out"
    assert accuracy.title.text == "Accuracy (largest of all votes, as the paper's), held out"
    assert mae.yaxis[0].axis_label == "MAE"
    curves.picked = ["second", "richness"]
    assert hv.render(curves.curves()[1][0].object).title.text == "Accuracy, held out"
    page.run = "second"
    assert curves.picked == ["second", "richness"]  # the visitor's own stay
    curves.picked = []
    assert "Pick runs" in curves.curves().object
    page.param.update(run="nowhere", found=1)
    assert curves.picked == []
    untouched = RunsPanel(Library.find(), PageState()).curves
    assert untouched.picked == []
    untouched.page.run = "second"
    assert untouched.picked == ["second", "first"]
