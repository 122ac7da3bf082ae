"""An uploaded table with a truth and a prediction: measures, plots, and a second table beside it."""

import asyncio
import os
from pathlib import Path

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import pytest
from bokeh.models import Plot

from galviz.io.markup import as_html
from galviz.measure.metrics import rmse, sigma_nmad
from galviz.pages.explore_page import ExplorePage
from galviz.pages.explorer import Explorer
from galviz.pages.judged_table import JudgedTable
from galviz.pages.library import Library
from galviz.pages.open_any import open_any
from galviz.pages.results import redshifts
from galviz.pages.results.class_measures import ClassesJudge
from galviz.pages.results.number_measures import NumbersJudge
from galviz.pages.second_table import SecondTable
from galviz.tools.diagnostics.compare import CompareView

IDS = pd.Index([f"1237658493878337{k:03d}" for k in range(100)], name="object_id")
EVEN = np.arange(100) % 2


def numbers(seed=0, scatter=0.1):
    truth = np.linspace(8, 9, 100)
    estimate = truth + np.random.default_rng(seed).normal(0, scatter, 100)
    return pd.DataFrame({"oh_p50": truth, "prediction": estimate}, index=IDS)


def classes():
    chance = np.where(EVEN, 0.8, 0.3)
    chance[:10] = np.where(EVEN[:10], 0.4, 0.6)  # the first ten are wrong
    return pd.DataFrame({"kind": np.where(EVEN, "spiral", "smooth"), "p_spiral": chance}, index=IDS)


def last(view):
    """What a view that is computed in a thread gives last, as HTML."""

    async def drain():
        generator = view.table() if hasattr(view, "table") else view.body()
        return [each async for each in generator][-1]

    return asyncio.run(drain())


def words(shown):
    return " ".join(as_html(pane.object) for pane in pn.panel(shown).select(pn.pane.HTML))


def title(shown):
    (figure,) = pn.panel(shown).get_root().select({"type": Plot})
    return figure.title.text


def test_redshifts_have_the_measures_of_their_field_beside_those_of_a_paper():
    rng = np.random.default_rng(3)
    z = pd.Series(np.linspace(0.1, 1.0, 100), IDS)
    rows = pd.DataFrame({"z_spec": z, "z_phot": z + 0.02 * (1 + z) + rng.normal(0, 0.01, 100)})
    rows.loc[IDS[3], "z_spec"] = np.nan
    rows.loc[IDS[4], "z_spec"] = -9.0  # not measured
    judge = JudgedTable(Explorer(rows), ("z_spec", "z_phot"), {})._judge()
    assert list(judge.kinds())[-1] == "Redshifts"
    html = words(last(judge.redshifts()))
    known = rows[rows["z_spec"] > 0]
    delta = (known["z_phot"] - known["z_spec"]) / (1 + known["z_spec"])
    assert "98 objects" in html
    assert f"<th scope='row'>bias</th><td>{delta.mean():.4f}</td>" in html
    assert f"<th scope='row'>σ_NMAD</th><td>{1.4826 * (delta - delta.median()).abs().median():.4f}</td>" in html
    assert "<th scope='row'>wide ResNet</th><td>0.011</td><td>-0.0277</td><td>0.253</td><td>0</td>" in html
    assert "Redshifts" not in JudgedTable(Explorer(numbers()), ("oh_p50", "prediction"), {})._judge().kinds()


def test_redshifts_are_measured_once_for_all_visitors(monkeypatch):
    calls = []
    monkeypatch.setattr(
        redshifts, "photoz_summary", lambda *given: calls.append(given) or pd.DataFrame({"value": [0.0]})
    )
    truth = np.linspace(0.1, 0.47, 37)
    for estimate in (truth, truth.copy(), 2 * truth):
        redshifts.redshift_table(truth, estimate)
    assert len(calls) == 2


def test_numbers_are_judged_in_their_unit():
    rows = numbers()
    judged = JudgedTable(Explorer(rows), ("oh_p50", "prediction"), {"oh_p50": "dex"})
    judge = judged._judge()
    assert isinstance(judge, NumbersJudge)
    assert (judged.kind, judged.unit) == ("numbers", "dex")
    html = last(judge.measures())
    residual = rows["prediction"] - rows["oh_p50"]
    assert f"<th scope='row'>RMSE</th><td>{np.sqrt((residual**2).mean()):.4f}" in html
    assert html.count(" dex</td>") == 5
    judge.cut = 0.1
    share = (residual.abs() > 0.1).mean()
    assert f"<th scope='row'>outlier fraction</th><td>{share:.4f}</td>" in last(judge.measures())
    assert list(judge.kinds()) == ["Residuals", "Tails", "In ranges"]  # the prediction has no error of its own
    assert title(last(judge.ranges())) == "Bias (dex) in ranges of oh_p50 (dex), with 95 % intervals"
    judge.param.update(by="prediction", measure="outliers")
    assert title(last(judge.ranges())).startswith("Share of outliers beyond 0.1 in ranges of prediction")
    judged.explorer.selection.where("oh_p50 > 8.5")
    assert "50 objects with known truth" in last(judge.measures())
    judged.unit = "mag"
    assert " mag</td>" in last(judged._judge().measures())


def titles(shown):
    """The titles of all figures, those of other models last."""
    figures = pn.panel(shown).get_root().select({"type": Plot})
    found = [figure.title.text for figure in figures if figure.title and figure.title.text]
    return sorted(found, key=lambda one: (not one.startswith(("Truth", "prediction")), one))


def test_models_stand_side_by_side_over_the_same_objects():
    rows, other = numbers(), numbers(seed=1, scatter=0.2).iloc[20:]
    judge = JudgedTable(Explorer(rows), ("oh_p50", "prediction"), {"oh_p50": "dex"})._judge()
    residual = rows["prediction"] - rows["oh_p50"]
    (above,) = titles(last(judge.side_by_side()))
    assert above.startswith(f"prediction: RMSE {np.sqrt((residual**2).mean()):.4f} dex, σ_NMAD ")
    assert above.endswith("; 100 objects")
    assert len([*pn.panel(last(judge.side_by_side())).get_root().select({"type": Plot})]) == 2  # residuals below
    judge.offer({"wider": lambda: other, "seen": lambda: other.assign(in_training=True)}, shown=True)
    assert judge.beside == ["wider"]
    first, second = titles(last(judge.side_by_side()))
    assert first.startswith(f"prediction: RMSE {np.sqrt((residual[20:] ** 2).mean()):.4f} dex")
    away = other["prediction"] - other["oh_p50"]
    assert second.startswith(f"wider: RMSE {np.sqrt((away**2).mean()):.4f} dex")
    assert first.endswith("; 80 objects")
    judge.beside = ["seen"]  # nothing that it was trained on counts
    assert "No object that all models predict has a known truth." in words(last(judge.side_by_side()))
    judge.offer({"broken": lambda: other.drop(columns="prediction")}, shown=True)
    assert "broken: expected a column &#39;prediction&#39;, got none." in words(last(judge.side_by_side()))


def test_compressed_tails_are_named_and_corrected():
    rows = numbers(scatter=0.01)
    rows["prediction"] = 8.5 + 0.6 * (rows["prediction"] - 8.5)
    judge = JudgedTable(Explorer(rows), ("oh_p50", "prediction"), {"oh_p50": "dex"})._judge()
    shown = last(judge.tails())
    assert "The tails are compressed. Slope of predicted against true values: 0.60" in words(shown)
    assert "10 % of the true values lie above 8.9 dex, and 0.0 % of the predictions" in words(shown)
    before = float(titles(shown)[0].split("RMSE ")[1].split()[0])
    judge.stretched = True
    (after,) = titles(last(judge.tails()))
    assert after.startswith("Corrected against true: RMSE 0.0096 dex")
    assert before > 0.1


def test_the_tails_of_one_object_are_said_to_be_undefined():
    judge = JudgedTable(Explorer(numbers().iloc[:1]), ("oh_p50", "prediction"), {})._judge()
    assert "The slope is undefined" in words(last(judge.tails()))
    judge = JudgedTable(Explorer(numbers(scatter=0).iloc[:2]), ("oh_p50", "prediction"), {})._judge()
    shown_text = words(last(judge.tails()))
    assert "No compression of the tails is measured. Slope of predicted against true values: 1.000. 10 %" in shown_text


def test_truth_and_prediction_have_their_scatter_around_another_column():
    mass = np.linspace(8.5, 11.5, 100)
    rows = numbers(scatter=0.0).assign(lgm_tot_p50=mass[::-1], other=1.0)
    rows["prediction"] += np.where(EVEN, 0.05, -0.05)
    judge = JudgedTable(Explorer(rows), ("oh_p50", "prediction"), {"oh_p50": "dex"})._judge()
    assert "Relation" in judge.kinds()
    assert judge.against == "lgm_tot_p50"
    truth, prediction = sorted(titles(last(judge.relation())))
    assert truth == "Truth: scatter 0.000 dex (rms), σ_NMAD 0.000 dex"
    assert prediction.startswith("prediction: scatter 0.05")
    assert "Relation" not in JudgedTable(Explorer(numbers()), ("oh_p50", "prediction"))._judge().kinds()


REAL = Path(os.environ.get("GALVIZ_REAL", Path(__file__).parents[3] / "shared/data")) / "wu_boada_oh_p50"


@pytest.mark.skipif(not REAL.exists(), reason="the published predictions of Wu & Boada are not at hand")
def test_the_published_predictions_have_their_published_errors():
    for name, root, nmad in [("predictions", "0.08489", "0.06506"), ("predictions_64", "0.08792", "0.06780")]:
        opened = open_any(REAL / f"{name}-oh_p50.csv")
        judge = JudgedTable(Explorer(opened.table), opened.pair, opened.units)._judge()
        truth, estimate = judge.arrays()
        assert len(truth) == 20_466
        assert f"{rmse(truth, estimate):.5f}" == root
        assert f"{sigma_nmad(truth, estimate):.5f}" == nmad
        assert titles(last(judge.side_by_side()))[0] == (
            f"prediction: RMSE {rmse(truth, estimate):.4f}, σ_NMAD {sigma_nmad(truth, estimate):.4f}; 20,466 objects"
        )
        assert "The tails are compressed" in words(last(judge.tails()))


def test_a_prediction_with_an_error_has_its_coverage_and_pit():
    rows = numbers().assign(prediction_err=0.1)
    rows.loc[IDS[:3], "prediction_err"] = [0.0, np.nan, -1.0]
    judged = JudgedTable(Explorer(rows), ("oh_p50", "prediction"))
    judge = judged._judge()
    assert judged.sigma == "prediction_err"
    assert list(judge.kinds()) == ["Coverage", "PIT", "Residuals", "Tails", "In ranges"]
    assert "PIT histogram" in title(judge.pit())
    assert "2 objects whose prediction_err is not above 0 are left out." in words(judge.pit())
    assert "Coverage of the intervals" in title(judge.coverage())
    judged.sigma = ""
    assert "PIT" not in judged._judge().kinds()
    judged.sigma = "oh_p50"
    assert "expected a column of its own for the error" in words(judged.refused())
    judged.sigma = ""
    assert judged.error == ""
    assert pn.panel(judged).get_root()


def test_classes_have_their_matrix_beside_the_gallery_and_a_cell_selects():
    explorer = Explorer(classes())
    judged = JudgedTable(explorer, ("kind", "p_spiral"))
    assert (judged.kind, judged.positive) == ("classes", "spiral")
    judge = judged._judge()
    assert isinstance(judge, ClassesJudge)
    assert explorer.panes.names[0][0] == "Confusion matrix"
    assert explorer.panes.names[-1][0] in ("Table", "Gallery")  # below it, on the same screen
    assert "accuracy</th><td>0.9000</td>" in last(judge.measures())
    pn.panel(judge.matrix()).get_root()
    taps = [s for streams in hv.streams.Stream.registry.values() for s in streams if isinstance(s, hv.streams.Tap)]
    taps[-1].event(x="smooth", y="spiral")
    assert list(explorer.selection.ids) == list(IDS[1:10:2])
    explorer.selection.choose([])
    assert title(last(judge.roc())).startswith("ROC of spiral: area 0.990 (")  # 25 of 2,500 pairs are out of order
    assert title(last(judge.purity())).startswith("Purity against completeness of spiral")
    assert "Reliability of the probability of spiral" in title(judge.trust())
    table = words(last(judge.scores()))
    assert "<th scope='row'>spiral</th><td>0.900<br>" in table
    assert pn.panel(judged).get_root()


@pytest.mark.parametrize("only", ["spiral", "smooth"])
def test_one_class_alone_is_undefined_and_the_page_lives(only):
    rows = classes()[lambda rows: rows["kind"] == only]
    judged = JudgedTable(Explorer(rows), ("kind", "p_spiral"))
    judge = judged._judge()
    judge.one = "spiral"
    assert "Undefined: it needs objects of spiral and others" in words(last(judge.roc()))
    assert "undefined" in words(last(judge.scores()))
    assert "known truth" in last(judge.measures())
    assert pn.panel(judged).get_root()
    if only == "smooth":
        assert "0 known objects of spiral and 50 others" in words(last(judge.purity()))


def test_no_truth_at_all_is_said():
    rows = numbers().assign(oh_p50=np.nan)
    judged = JudgedTable(Explorer(rows), ("oh_p50", "prediction"))
    assert "oh_p50: expected some known values" in words(judged.refused())
    assert pn.panel(judged).get_root()
    judged.truth = ""
    assert (judged.error, judged.kind) == ("", "")
    rows = numbers()
    rows.loc[IDS[:50], "oh_p50"] = np.nan
    judged = JudgedTable(Explorer(rows), ("oh_p50", "prediction"))
    judged.explorer.selection.choose(IDS[:10])
    assert "not known" in last(judged._judge().measures())
    assert "Undefined" in words(last(judged._judge().ranges()))


def test_any_two_columns_are_chosen_by_hand():
    rows = numbers().rename(columns={"oh_p50": "a", "prediction": "b"}).assign(name="x")
    judged = JudgedTable(Explorer(rows))
    assert (judged.pair, judged.kind) == (None, "")
    judged.param.update(truth="a", estimate="b")
    assert judged.kind == "numbers"
    judged.estimate = "name"
    assert "classes in one and numbers in the other" in words(judged.refused())
    assert judged.pair is None


def second_of(pair_table, names, folder, table):
    explorer = Explorer(pair_table)
    judged = JudgedTable(explorer, names)
    second = SecondTable(explorer, "first.csv", lambda: folder, pair=judged.pair)
    file = folder / "second.csv"
    table.to_csv(file)
    second.receive(file)
    return second


def test_a_second_table_is_joined_on_the_ids(tmp_path):
    first, other = numbers(), numbers(1, 0.2).rename(columns={"prediction": "mine"})
    second = second_of(first, ("oh_p50", "prediction"), tmp_path, other[["oh_p50", "mine"]][10:][::-1])
    assert (second.error, second.estimate) == ("", "mine")
    view = second.compared()
    assert isinstance(view, CompareView)
    assert view.names == ("first.csv", "second.csv")
    pairs, sentences = view.compared()
    assert len(pairs) == 90
    np.testing.assert_allclose(pairs["estimate_b"], other["mine"][10:])
    assert "The errors of first.csv are smaller by" in sentences[0]
    measures = words(last(view.measures(pairs, 0.3)))
    rmse = [np.sqrt(((one - first["oh_p50"])[10:] ** 2).mean()) for one in (first["prediction"], other["mine"])]
    assert f"<td>{rmse[0]:.4f}</td><td>{rmse[1]:.4f}</td>" in measures
    assert "within the cut in both: " in measures
    view.plane(pairs)
    boxes = [s for each in hv.streams.Stream.registry.values() for s in each if isinstance(s, hv.streams.BoundsXY)]
    boxes[-1].event(bounds=(8.5, 0, 10, 20))
    assert set(view.selection.ids) == set(first.index[10:][first["prediction"][10:] >= 8.5])


def test_a_second_table_needs_no_truth_of_its_own(tmp_path):
    second = second_of(numbers(), ("oh_p50", "prediction"), tmp_path, numbers(1)[["prediction"]])
    pairs, sentences = second.compared().compared()
    assert pairs["truth"].notna().all()
    assert "on the 100 objects in both" in sentences[0]


def test_probabilities_are_compared_as_classes(tmp_path):
    better = classes()
    better["p_spiral"] = np.where(EVEN, 0.9, 0.1)
    second = second_of(classes(), ("kind", "p_spiral"), tmp_path, better)
    view = second.compared()
    pairs, sentences = view.compared()
    assert "The errors of second.csv are smaller by 0.10" in sentences[0]
    found = words(last(view.measures(pairs, None)))
    assert "right in second.csv only: 10" in found
    assert title(view.plane(pairs)) == "Classes that changed: second.csv against first.csv"


def test_a_second_table_that_does_not_fit_says_why(tmp_path):
    second = second_of(numbers(), ("oh_p50", "prediction"), tmp_path, numbers().rename(index=lambda one: f"x{one}"))
    _, sentences = second.compared().compared()
    assert sentences == ["No object in both: first.csv and second.csv cannot be compared."]
    (tmp_path / "nothing.csv").write_text("")
    second.receive(tmp_path / "nothing.csv")
    assert "nothing.csv" in words(second.compared())
    assert str(tmp_path) not in words(second.compared())


def test_the_explore_page_judges_the_published_predictions(real_data):
    page = ExplorePage([str(real_data / "wu_boada_oh_p50" / "predictions-oh_p50.csv")], Library.find())
    page.body()
    html = last(page.judged._judge().measures())
    assert "<th scope='row'>RMSE</th><td>0.08489</td>" in html
    assert "<th scope='row'>σ<sub>NMAD</sub></th><td>0.06506</td>" in html
    assert "20,466 objects with known truth" in html
