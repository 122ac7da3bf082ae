"""A run of classes on its page: the confusion matrix, the scores of each class, and the diagnostics."""

import asyncio
import re

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import pytest
from bokeh.models import Plot
from sklearn.metrics import precision_recall_fscore_support

from galviz.io.markup import as_html
from galviz.measure.class_scores import class_scores
from galviz.pages.explore_page import ExplorePage
from galviz.pages.explorer import Explorer
from galviz.pages.library import Library
from galviz.pages.page import open_study_page
from galviz.pages.results.class_measures import most_confused, scores_html
from galviz.pages.results.classification import View
from galviz.pages.results.pretext import View as OrdersView
from galviz.runs.predictions import Predictions, joined
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.studies import channels
from galviz.tools.selection.core import Selection

KINDS = ("bird", "cat", "dog")
TARGET = channels.TARGET.replace(classes=KINDS)


@pytest.fixture
def sky(galviz_home):
    """60 colour pictures of three classes."""
    rng = np.random.default_rng(0)
    ids = pd.Index([f"p{k:02d}" for k in range(60)], name="object_id")
    kind = np.array(KINDS, dtype=object)[np.arange(60) % 3]
    sky = CutoutSet(
        images=rng.random((60, 3, 8, 8), dtype=np.float32),
        bands=channels.BANDS,
        catalogue=pd.DataFrame({"class": kind, "bright": rng.random(60)}, index=ids),
        pixel_scale=np.nan,
        unit="display",
    )
    sky.save(galviz_home / "skies" / "animals")
    return sky


@pytest.fixture
def estimates(sky):
    """Classes that are right but for bright cats, which are taken for dogs; the last 6 were seen in training."""
    true = sky.catalogue["class"]
    given = true.where(~((true == "cat") & (sky.catalogue["bright"] > 0.4)), "dog")
    rows = {f"p_{name}": np.where(given == name, 0.8, 0.1) for name in KINDS}
    rows |= {"class": given, "class_true": true, "fold": np.where(np.arange(60) < 54, 0, -1)}
    return Predictions(pd.DataFrame(rows, index=sky.catalogue.index), TARGET)


@pytest.fixture
def orders(sky):
    names = list(channels.TARGETS["order"].variants(channels.BANDS))
    index = pd.MultiIndex.from_product([sky.object_ids, names], names=["object_id", "order"])
    true = index.get_level_values("order").to_numpy(object)
    given = np.where(true == "BGR", "RGB", true)
    rows = {"order_pred": given, "order_true": true, "fold": 0} | {f"p_{name}": given == name for name in names}
    return Predictions(
        pd.DataFrame(rows, index=index).astype({f"p_{name}": float for name in names}), channels.TARGETS["order"]
    )


@pytest.fixture
def make_run(galviz_home, sky):
    def make(name, predictions, target):
        recipes, where = channels.STUDY.recipes_of(target), galviz_home / "skies" / "animals"
        about = {"study": "channels", "target": predictions.target, "recipe": recipes["quick"], "data": where}
        run = Run.create(galviz_home / "runs" / name, **about)
        run.append_metrics({"epoch": 1, "val_loss": 0.5, "val_accuracy": 0.8})
        run.write_state(status="done", epoch=1, epochs=1)
        run.save_predictions(predictions)
        return run

    return make


def last(generator):
    async def drain():
        return [each async for each in generator()][-1]

    return asyncio.run(drain())


def taps():
    return [s for found in hv.streams.Stream.registry.values() for s in found if isinstance(s, hv.streams.Tap)]


def test_every_tab_of_the_page_opens(sky, estimates, orders, make_run):
    make_run("orders", orders, "order")
    make_run("classes", estimates, "class")
    page = open_study_page("channels")
    assert page.page.tabs == ["data", "train", "predictions", "why", "runs", "labels"]
    for run, words in (("classes", "54 held-out objects"), ("orders", "images of one order each")):
        page.page.run = run
        for tab in page.page.tabs:
            page.page.tab = tab
            content = pn.panel(page.body())
            assert content.get_root()
            found = [as_html(pane.object) for pane in content.select(pn.pane.HTML)]
            assert not [one for one in found if "role='alert'" in one and len(one) > 200], (tab, found)
            if tab == "predictions":
                assert words in " ".join(found)
                assert page.results.view.run.name == run
                assert page.results.view.predictions.target.name == {"classes": "class", "orders": "order"}[run]


def test_what_is_kept_of_a_tab_stays_with_another_run_of_the_same_sky(estimates, make_run):
    make_run("first", estimates, "class")
    make_run("second", estimates, "class")
    page = open_study_page("channels")
    page.page.tab, page.page.run = "predictions", "first"
    pn.panel(page.body())
    first = page.results.view
    first.explorer.keep("Diagram", {"reddest": 3.0})
    first.explorer.panes.open("Table")
    page.page.run = "second"
    assert page.results.view is not first
    assert page.results.view.explorer.kept == {"Diagram": {"reddest": 3.0}}
    assert "Table" in page.results.view.explorer.panes.active  # the tabs that are open stay open
    page.results.view.training = True
    assert page.results.view.explorer.kept == {"Diagram": {"reddest": 3.0}}


def test_what_is_kept_of_a_tab_stays_on_the_explorers_page_too(estimates, make_run):
    runs = [str(make_run(name, estimates, "class").path) for name in ("first", "second")]
    page = ExplorePage([], Library.find())
    kept = []
    for path in runs:
        page.selected = path
        page.body()
        kept.append(page.judged.explorer.kept)
        page.judged.explorer.keep("Diagram", {"reddest": 3.0})
    assert kept == [{}, {"Diagram": {"reddest": 3.0}}]


def test_cards_say_when_only_the_selected_objects_are_measured(estimates, sky):
    view = View(estimates, Selection(), sky)
    every = view.judge.measure_cards()
    assert (every[0].name, every[0].value) == ("objects", "54")
    view.selection.where("col('class') == 'dog'")
    count = len(view.selection)
    some = view.judge.measure_cards()
    assert (some[0].name, some[0].value) == ("of the", f"{count} selected")
    assert "all 54" in some[0].about
    assert some[1].value != every[1].value


def test_a_cell_of_the_matrix_selects_its_objects(estimates, sky):
    view = View(estimates, Selection(), sky)
    matrix = view.judge.matrix()
    assert matrix.get_root()
    (figure,) = matrix.get_root().select({"type": Plot})
    assert (figure.xaxis[0].axis_label, figure.yaxis[0].axis_label) == ("Predicted class", "True class")
    taps()[-1].event(x=np.str_("dog"), y=np.str_("cat"))  # as they come from a browser
    table = view.explorer.table
    wrong = table.index[(table["class_true"] == "cat") & (table["class"] == "dog")]
    assert 0 < len(wrong) < 18
    assert view.selection.ids.tolist() == list(wrong)


@pytest.mark.parametrize(("words", "lines", "turn"), [
    (("not a member", "member"), ["not a\nmember", "member"], 0),
    (("early type", "late type"), ["early type", "late type"], 30),
])  # fmt: skip
def test_the_names_of_a_matrix_have_room_in_a_narrow_pane(sky, words, lines, turn):
    target = TARGET.replace(classes=("cat", "dog"), words=words)
    rows = {"class": "cat", "class_true": ["cat", "dog"] * 30, "p_cat": 0.8, "p_dog": 0.2, "fold": 0}
    view = View(Predictions(pd.DataFrame(rows, index=sky.catalogue.index), target), Selection(), sky)
    (figure,) = view.judge.matrix().get_root().select({"type": Plot})
    assert figure.x_range.factors == lines
    assert np.isclose(figure.xaxis[0].major_label_orientation if turn else 0, np.pi * turn / 180)
    taps()[-1].event(x=lines[0], y=lines[1])
    assert view.selection.ids.tolist() == list(sky.catalogue.index[1::2])


def test_the_measures_and_scores_are_those_of_the_selected_objects(estimates, sky):
    view = View(estimates, Selection(), sky)
    held = joined(estimates)[lambda rows: ~rows["in_training"]]
    html = last(view.judge.measures().table)
    assert f"{held['correct'].mean():.4f}" in html
    assert "54 objects with known truth" in html
    table = as_html(last(view.judge.scores().body).object)
    expected = precision_recall_fscore_support(held["class_true"], held["class"], labels=list(KINDS))
    for k, name in enumerate(KINDS):
        cells = [f"{expected[j][k]:.3f}" for j in range(3)]
        row = table.partition(f"<th scope='row'>{name}</th>")[2].partition("</tr>")[0]
        assert re.findall(r"<td>(.*?)(?:<br>|</td>)", row) == [*cells, "18"]
        assert row.count(" to ") == 3
    view.selection.where("correct == 1")
    assert "<td>1.0000</td>" in last(view.judge.measures().table)
    view.training = True
    view.selection.choose([])
    assert "60 objects with known truth" in last(view.judge.measures().table)


def test_the_reliability_is_that_of_the_predicted_class(estimates, sky):
    view = View(estimates, Selection(), sky)
    (figure,) = view.judge.trust().get_root().select({"type": Plot})
    (dots,) = [r.data_source.data for r in figure.renderers if "n" in r.data_source.data]
    assert list(dots["n"]) == [54]
    assert dots["observed"][0] == pytest.approx(view.explorer.table["correct"].mean())
    assert view.explorer.plots[0].x == "probability"
    assert view.__panel__().get_root()


def test_the_diagnostics_name_what_is_wrong(estimates, sky):
    second = Predictions(estimates.table.assign(**{"class": estimates.table["class_true"]}), TARGET)
    view = View(estimates, Selection(), sky, others={"better": lambda: joined(second)})
    closer = view.diagnostics()
    assert "the parts of the catalogue with the largest errors" in closer.view().object
    closer.at = "worst slices"
    slices = closer.view()
    assert not {"correct", "p_cat"} & set(slices.table)
    words = last(slices.lines)
    assert "share wrong" in " ".join(as_html(pane.object) for pane in words.select(pn.pane.HTML))
    closer.at = "suspect labels"
    suspects = closer.view()
    asyncio.run(suspects.find())
    assert suspects.error == ""
    assert set(suspects.found["class_true"][:5]) == {"cat"}
    closer.at = "another run"  # the only one there is
    wrong = int((view.explorer.table["correct"] == 0).sum())
    shown_text = " ".join(as_html(pane.object) for pane in last(closer.view().body).select(pn.pane.HTML))
    assert f"They differ on {wrong} of 54" in shown_text


def test_classes_that_are_not_known_are_left_out(estimates, sky):
    blind = Predictions(estimates.table.assign(class_true=None), TARGET)
    view = View(blind, Selection(), sky)
    assert "not known" in as_html(view.judge.matrix().object)
    assert view.__panel__().get_root()
    some = estimates.table["class_true"].where(np.arange(60) < 30, None)
    scores = class_scores(some.to_numpy(object), estimates.table["class"].to_numpy(object), (*KINDS, "emu"))
    assert scores["support"].tolist() == [10, 10, 10, 0]
    assert scores.loc["emu", ["precision", "recall"]].isna().all()
    assert "<th scope='row'>emu</th><td>undefined</td>" in scores_html(scores)
    none = class_scores(np.array([None], dtype=object), np.array(["cat"], dtype=object), KINDS)
    assert none["support"].tolist() == [0, 0, 0]


def test_names_of_classes_are_no_html():
    table = class_scores(np.array(["<b>"], dtype=object), np.array(["<b>"], dtype=object), ("<b>", "c"))
    assert "<th scope='row'>&lt;b&gt;</th><td>1.000<br>" in scores_html(table)


def test_of_many_classes_those_that_are_confused_most_are_drawn():
    names = [f"c{k:02d}" for k in range(40)]
    counts = pd.DataFrame(np.diag(np.full(40, 9)), names, names)
    assert most_confused(counts.iloc[:30, :30]) == names[:30]
    counts.loc["c39", "c38"] = 5
    drawn = most_confused(counts)
    assert len(drawn) == 30
    assert drawn[-2:] == ["c38", "c39"]


def test_orders_have_a_matrix_of_all_orders(orders, sky):
    view = OrdersView(orders, Selection(), sky)
    assert view.__panel__().get_root()
    assert view.about().startswith("<b>60 held-out objects</b>. They are ")
    assert "360 images of one order each" in view.about()
    assert "360 images of one order with known truth" in last(view.measures().table)
    view.matrix()
    taps()[-1].event(x=np.str_("RGB"), y=np.str_("BGR"))
    assert len(view.selection) == 60
    assert view.explorer.plots[0].x == "orders_correct"


def test_a_sky_with_classes_alone_shows_their_counts(sky):
    table = sky.catalogue.drop(columns="bright").assign(split="train")
    explorer = Explorer(table, sky)
    (plot,) = explorer.plots
    assert (plot.kind, plot.x, plot.y) == ("matrix", "split", "class")
    assert plot.plot().get_root().select({"type": Plot})
    assert Explorer(table[[]]).plots == Explorer(pd.DataFrame({"name": sky.object_ids}, sky.object_ids)).plots == []
