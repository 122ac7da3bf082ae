import asyncio
import re

import numpy as np
import pandas as pd
import panel as pn
import pytest
from bokeh.models import Plot

from galviz.measure import votes as judged
from galviz.pages.library import Library
from galviz.pages.results.results import Results
from galviz.pages.results.view import run_opening
from galviz.pages.results.vote_figures import VoteFigures
from galviz.pages.results.vote_measures import VoteMeasures
from galviz.pages.results.votes import View as VotesView
from galviz.pages.state import PageState
from galviz.runs.predictions import Predictions, joined
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky import galaxy_zoo
from galviz.sky.galaxy_zoo import COLUMNS, MERGER
from galviz.studies.mergers import TARGET
from galviz.tasks.target import Target
from galviz.tools.selection.core import Selection
from galviz.tools.votes import figure as figures

TRUE = [f"{name}_true" for name in COLUMNS]


def fractions(rows, seed):
    rng = np.random.default_rng(seed)
    each = np.concatenate([rng.dirichlet(np.ones(len(q.answers)), rows) for q in galaxy_zoo.QUESTIONS], axis=1)
    return galaxy_zoo.cumulative(each)


@pytest.fixture
def estimates(sky):
    """Votes about the tiny sky; every other object was seen in training."""
    n = len(sky)
    estimate = pd.DataFrame(fractions(n, 0), columns=COLUMNS, index=sky.catalogue.index)
    truth = pd.DataFrame(fractions(n, 1), columns=TRUE, index=sky.catalogue.index)
    return Predictions(estimate.join(truth).assign(fold=np.where(np.arange(n) % 2, -1, 0)), TARGET)


@pytest.fixture
def unknown(estimates):
    """The same of a new sky: no object was seen, no truth is known."""
    new = pd.array([pd.NA] * len(estimates), dtype="Int64")
    return Predictions(estimates.table.assign(**dict.fromkeys(TRUE, np.nan), fold=new), TARGET)


def last(view):
    async def all_of_it():
        return [html async for html in view.html()][-1]

    return asyncio.run(all_of_it())


def cells(html, head):
    """The cells of the row of a table with this head."""
    row = re.search(rf"<th scope='row'>{re.escape(head)}</th>(.*?)</tr>", html).group(1)
    return re.findall(r"<td>(.*?)</td>", row)


def test_all_answers_stand_in_the_explorers_table_of_objects_not_seen(estimates, sky):
    view = VotesView(estimates, Selection(), sky)
    shown = view.explorer.table
    assert list(shown.index) == list(sky.object_ids[::2])
    pd.testing.assert_frame_equal(shown[list(COLUMNS)], estimates.table.loc[shown.index, list(COLUMNS)])
    view.training = True
    assert len(view.explorer.table) == 12
    assert "6 of them training objects" in view.about()


def test_another_answer_changes_plots_captions_and_measures(estimates, sky):
    view = VotesView(estimates, Selection(), sky)
    assert (view.answer, view.explorer.plots[0].y) == (MERGER, MERGER)
    chosen = sky.object_ids[[0, 4]]
    view.explorer.selection.choose(chosen)
    view.answer = "Class4.1"
    first, second = view.explorer.plots
    assert (first.x, first.y) == ("Class4.1_true", "Class4.1")
    (figure,) = first.plot().get_root().select({"type": Plot})
    assert figure.xaxis[0].axis_label == "True votes, spiral: yes"
    (figure,) = second.plot().get_root().select({"type": Plot})
    assert figure.yaxis[0].axis_label == "Predicted − true votes, spiral: yes"
    assert view.explorer.gallery.captions == ["Class4.1", "Class4.1_true"]
    assert list(view.explorer.selection.ids) == list(chosen)  # stays
    assert pn.panel(view.measured()).get_root()
    truth, estimate, _ = view.judge_of_answer().measures()._pairs
    np.testing.assert_array_equal(truth, estimates.table.loc[chosen, "Class4.1_true"])
    np.testing.assert_array_equal(estimate, estimates.table.loc[chosen, "Class4.1"])
    closer = view.diagnostics()
    assert (closer.truth, closer.estimate) == ("Class4.1_true", "Class4.1")
    assert not {MERGER, "Class1.1_true"} & set(closer.table)
    pd.testing.assert_series_equal(closer.table["Class4.1"], view.explorer.table["Class4.1"])
    view.training = True
    assert view.explorer.plots[0].y == "Class4.1"


def test_cards_plots_and_drawer_have_one_judge(estimates, sky):
    view = VotesView(estimates, Selection(), sky)
    plot = view.leads()["In ranges"]()
    cards = view.cards()[0]
    assert plot.get_root()
    assert cards.get_root()
    judge = view.judge_of_answer()
    judge._open("bias")  # a click on the card
    (measure,) = (one for one in plot.select(pn.widgets.Select) if one.label == "Measure")
    assert measure.value == "bias"
    judge._open("MAE")
    assert measure.value == "MAE"
    view.training = True
    assert view.judge_of_answer() is not judge
    assert view.judge_of_answer(training=False) is judge
    view.answer = "Class4.1"
    assert view.judge_of_answer(training=False).explorer is judge.explorer


def test_the_answer_is_chosen_by_its_name_under_its_question(estimates):
    view = VotesView(estimates, Selection())
    select = next(one for one in view.__panel__().select(pn.widgets.Select) if one.label == "Answer")
    assert list(select.groups)[2] == "3 · bar"
    assert sum(map(len, select.groups.values())) == 37
    select.value = select.groups["1 · smooth / features or disc …"]["smooth"]
    assert view.answer == "Class1.1"
    view.answer = "Class5.4"
    assert select.value == "Class5.4"


def test_a_saved_view_brings_its_answer(estimates, sky):
    view = VotesView(estimates, Selection(), sky)
    assert view.explorer.gallery.captions == [MERGER, f"{MERGER}_true"]
    view.answer = "Class7.2"
    view.explorer.gallery.captions = ["z"]
    kept = view.kept.content()
    other = VotesView(estimates, Selection(), sky)
    other.explorer.restore(kept["state"])
    assert other.answer == "Class7.2"
    assert other.explorer.gallery.captions == ["z"]  # the visitor's own
    first = other.explorer.plots[0]
    first.x = "Class1.1"  # a plot of the visitor's own: about no answer
    first.y = "Class2.1"
    assert other.answer == "Class7.2"
    assert (first.x, first.y) == ("Class1.1", "Class2.1")


def test_objects_above_the_threshold_are_chosen_and_shown_largest_first(estimates, sky):
    view = VotesView(estimates, Selection(), sky, answer="Class1.1", threshold=0.4)
    view.training = True
    view.choose_above()
    expected = estimates.table["Class1.1"][estimates.table["Class1.1"] > 0.4].sort_values(ascending=False)
    assert 0 < len(expected) < 12
    assert set(view.explorer.selection.ids) == set(expected.index)
    assert list(view.explorer.gallery.album.ids(0, 100)) == list(expected.index)


def test_all_answers_are_judged_beside_the_guess_of_the_training_objects(estimates):
    table = joined(estimates)
    held, seen = table[~table["in_training"]], table[table["in_training"]]
    html = last(VoteMeasures(table, held))
    estimate, truth = held[list(COLUMNS)].to_numpy(), held[TRUE].to_numpy()
    mean = seen[TRUE].to_numpy().mean(axis=0)
    assert cells(html, "RMSE of all 37")[0] == f"{np.sqrt(((estimate - truth) ** 2).mean()):.4f}"
    assert cells(html, "RMSE of the guess")[0] == f"{np.sqrt(((mean - truth) ** 2).mean()):.4f}"
    paper = np.mean(estimate.argmax(1) == truth.argmax(1))
    assert cells(html, "accuracy over all 37")[0] == f"{paper:.4f}"
    each = judged.question_scores(truth, estimate, galaxy_zoo.SLICES, galaxy_zoo.PARENTS)
    right = (each["n"] * each["accuracy"]).sum() / each["n"].sum()
    assert cells(html, "accuracy by question")[0] == f"{right:.4f}"
    odd = cells(html, "6 · odd")
    assert odd[:2] == ["6", f"{each.loc[5, 'accuracy']:.3f}"]
    always = truth[:, 13:15].argmax(1) == mean[13:15].argmax()
    assert odd[3] == f"{always.mean():.3f}"
    assert odd[4] == f"{np.sqrt(((estimate - truth)[:, 13:15] ** 2).mean()):.3f}"
    mse = np.mean((estimate - truth) ** 2)
    assert cells(html, "this table of predictions") == [f"{mse:.4g}", f"{mse**0.5:.4f}", f"{paper:.4f}"]
    assert cells(html, "CNN") == ["0.0106", "0.1030", "0.7677"]
    assert cells(html, "default ResNet50") == ["0.009102", "0.0954", "0.7655"]
    assert cells(html, "optimized ResNet50") == ["0.009899", "0.0995", "0.8185"]
    assert "seen in training" in html
    assert "6 objects with known truth" in html


def test_the_interval_covers_what_it_should():
    truth = np.full((4000, 37), 0.5)
    rng, inside = np.random.default_rng(0), 0
    for _ in range(20):
        estimate = truth + rng.normal(0, 0.1, (4000, 1))  # errors of an object go together
        row = judged.votes_summary(truth, estimate, truth[0], n=200).loc["RMSE of all 37"]
        inside += row["low"] < 0.1 < row["high"]
        expected = 2 * 1.96 * 0.1 / np.sqrt(2 * 4000)
        assert row["high"] - row["low"] == pytest.approx(expected, rel=0.3)
    assert inside >= 16


def test_no_truth_at_all_is_said_and_figures_show_what_there_is(unknown, sky):
    view = VotesView(unknown, Selection(), sky)
    measures = VoteMeasures(view.table, view.explorer.table)
    assert "not known" in last(measures)
    shown = VoteFigures(measures, view.explorer.selection, sky)
    for make in shown.cards.values():
        assert make().get_root()
    assert "no labels" in shown.histograms()[0].object
    assert view.__panel__().get_root()


def test_figures_are_made_when_their_card_is_opened(estimates, sky, monkeypatch):
    view = VotesView(estimates, Selection(), sky)
    made = []
    monkeypatch.setattr(figures, "truth_panels", lambda *given: made.append(1) or figures.vote_histograms(given[0]))
    cards = view.together()[1].__panel__().select(pn.Card)
    assert [len(card) for card in cards] == [0, 0, 0, 0]
    assert not made
    cards[0].collapsed = False
    cards[0].collapsed = True
    cards[0].collapsed = False
    assert made == [1]
    assert len(cards[0].select(pn.pane.HoloViews)) == 1


def test_the_correlation_of_labels_predictions_or_their_difference(estimates):
    table = joined(estimates)
    shown = VoteFigures(VoteMeasures(table, table), Selection(table)).correlations()
    which, pane = shown
    labels, shown_text = (np.corrcoef(table[names], rowvar=False)[0, 1] for names in (TRUE, list(COLUMNS)))
    for name, expected in (
        ("labels", labels),
        ("predictions", shown_text),
        ("predictions − labels", shown_text - labels),
    ):
        which.value = name
        (figure,) = pane.get_root().select({"type": Plot})
        data = figure.renderers[0].data_source.data
        place = [pair == ("smooth", "features or disc") for pair in zip(data["one"], data["other"], strict=True)]
        assert np.array(data["r"])[place] == pytest.approx(expected)
        assert figure.title.text.startswith(f"Correlation of answers: {name}")


def test_prototypes_are_shown_with_their_ids_and_can_be_chosen(estimates, sky):
    table = joined(estimates, sky)
    selection = Selection(table)
    button, html = VoteFigures(VoteMeasures(table, table), selection, sky).prototypes()
    by_label, by_network = table["Class8.6_true"].idxmax(), table[MERGER].idxmax()
    merger = html.object.split("<b>merger</b>")[1].split("</div></div>")[0]
    assert re.findall(r"note'>(\d+)<", merger) == [by_label, by_network]
    assert f"labels {table['Class8.6_true'].max():.2f}" in merger
    assert html.object.count("class='sheet'") == 74
    button.clicks += 1
    every = {table[name].idxmax() for name in (*TRUE, *COLUMNS)}
    assert set(selection.ids) == every
    assert "sheet'" not in VoteFigures(VoteMeasures(table, table), selection).prototypes()[1].object


def test_the_lines_of_python_make_the_same_table(estimates, sky, galviz_home):
    recipe = Recipe(name="quick", epochs=2, batch=4, optimiser={"learning_rates": {"encoder": 1e-3, "head": 1e-3}})
    where = galviz_home / "skies" / "tiny"
    run = Run.create(galviz_home / "runs" / "votes", study="mergers", target=TARGET, recipe=recipe, data=where)
    run.save_predictions(estimates)
    view = VotesView(estimates, Selection(), sky, run)
    for training in (False, True):
        view.training = training
        made: dict = {}
        exec(run_opening(run, sky, in_training=training), made)  # noqa: S102 - our own lines
        pd.testing.assert_frame_equal(made["table"], view.explorer.table)
    results = Results(Library.find(), PageState(run="votes"))
    assert pn.panel(results.predictions()).get_root()
    assert isinstance(results.view, VotesView)


def test_another_run_is_compared_about_the_answer(estimates, sky):
    second = Predictions(estimates.table.assign(**{"Class1.1": estimates.table["Class1.1_true"]}), TARGET)
    view = VotesView(estimates, Selection(), sky, others={"better": lambda: joined(second), "none": lambda: None})
    view.answer = "Class1.1"
    closer = view.diagnostics()
    found = closer.others["better"]()
    np.testing.assert_array_equal(found[closer.estimate], found[closer.truth])
    assert closer.others["none"]() is None
    closer.param.update(at="another run", other="better")
    assert pn.panel(closer).get_root()


def test_votes_of_own_columns(sky):
    """Fractions of two answers that are not Galaxy Zoo's: the same view, without what only Galaxy Zoo has."""
    target = Target("disc", "votes", ("smooth", "disc"), "disc")
    true = np.linspace(0.1, 0.8, len(sky))
    columns = {"smooth": 0.9 - true, "disc": true + 0.1, "smooth_true": 1 - true, "disc_true": true, "fold": 0}
    view = VotesView(Predictions(pd.DataFrame(columns, index=sky.catalogue.index), target), Selection(), sky)
    assert (view.answer, view.threshold) == ("disc", 0.5)
    (measures,) = view.together()  # no figures of Galaxy Zoo's answers
    assert cells(last(measures), "disc")[4] == "0.100"  # RMSE: all are 0.1 off
    pn.panel(view).get_root()
    view.choose_above()
    assert len(view.selection) == (true + 0.1 > 0.5).sum()
    view.answer = "smooth"
    assert (view.explorer.plots[0].x, view.explorer.plots[0].y) == ("smooth_true", "smooth")
    assert "disc" not in view.judged()
