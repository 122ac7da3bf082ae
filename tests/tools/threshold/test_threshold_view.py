import json

import numpy as np
import pandas as pd
import panel as pn
import pytest
from shown import all_text

from galviz.io.tables import write_table
from galviz.measure.threshold_stats import BinnedFractions, ThresholdCurve
from galviz.pages.library import Library
from galviz.pages.threshold_page import ThresholdPage, _from_address, keep_in_address
from galviz.tools.labels.core import Labels
from galviz.tools.selection.core import Selection
from galviz.tools.threshold.core import Meaning
from galviz.tools.threshold.view import ThresholdView

N = 300


@pytest.fixture
def table():
    rng = np.random.default_rng(2)
    p = rng.uniform(0, 1, N)
    ids = pd.Index([str(1237658493878337640 + k) for k in range(N)], name="object_id", dtype=str)
    truth = np.where(rng.random(N) < 0.5, rng.random(N) < p, np.nan).astype(float)
    more = {"truth": truth, "Class4.1": rng.uniform(0, 1, N), "z": rng.uniform(0, 0.2, N)}
    return pd.DataFrame({"p_merger": p, **more}, index=ids)


def numbers(view):
    return dict(view.line._latest["state"]["numbers"])


def shown(view):
    """Ids of both galleries."""
    return [album.ids(0, 400) for album in view.near.albums]


def test_a_tick_moves_everything(table):
    view = ThresholdView(table)
    view.line._handle_msg({"type": "threshold", "client": "x", "seq": 1, "value": 0.8, "done": True})
    assert (view.threshold, view.settled) == (0.8, 1)
    curve = ThresholdCurve(table["p_merger"], table["truth"])
    found = curve.at(0.8)
    assert numbers(view)["Above the line"] == f"{found.above} of {N}"
    assert numbers(view)["Corrected fraction (merger)"].startswith(f"{100 * found.corrected:.2f} % (")
    assert numbers(view)["Calibrated sum of scores"].startswith(f"{100 * view.scored.expected().value:.2f} % (")
    assert view.plots.now.data.above == found.above
    by_hand = BinnedFractions(table["z"], view.binned.edges, table["p_merger"], table["truth"]).at(0.8)
    pd.testing.assert_frame_equal(view.plots.binned.data, by_hand)
    above, below = shown(view)
    scores = table["p_merger"].sort_values()
    assert above == list(scores[scores > 0.8].index[:48])
    assert below == list(scores[scores <= 0.8].index[::-1][:48])
    assert f"{found.fraction.value / 0.5:.3g} (" in view.rates.object
    assert "abstract only" in view.rates.object
    assert "memory" not in view.rates.object
    json.dumps(list(view.line._latest.values()))
    view.t_obs = 0.2
    assert f"{found.fraction.value / 0.2:.3g} (" in view.rates.object


def test_a_new_browser_hears_what_is_shown(table, monkeypatch):
    view, received = ThresholdView(table), []
    monkeypatch.setattr(view.line, "_send_msg", received.append)
    view.line._handle_msg({"type": "hello", "client": "y"})
    assert [message["type"] for message in received] == ["chart", "state"]
    assert sum(received[0]["all"]) == N


def test_keys_relabel_move_the_corrected_fraction_and_are_undone(table, galviz_home):
    view = ThresholdView(table, threshold=0.5)
    before = numbers(view)["Corrected fraction (merger)"]
    near = view.near.exchanges[1]
    for object_id in shown(view)[1][:8]:
        near.receive({"type": "label", "client": "x", "id": object_id, "label": "merger"})
    after = numbers(view)["Corrected fraction (merger)"]
    assert after != before
    labels = Labels(galviz_home / "mergers.csv").to_dict()
    truth = table["truth"].copy()
    truth[list(labels)] = 1
    expected = ThresholdCurve(table["p_merger"], truth).at(0.5).corrected
    assert after.startswith(f"{100 * expected:.2f} %")
    assert view.scored.known.by_hand == 8
    assert "a biased sample" in view.about.object
    for _ in range(8):
        view.near.exchanges[0].receive({"type": "undo", "client": "x"})
    assert numbers(view)["Corrected fraction (merger)"] == before


def test_another_answer_has_its_own_truth_words_and_labels(table):
    view = ThresholdView(table)
    assert view.truth == "truth"
    view.answer = "Class4.1"
    assert view.truth == ""
    assert view.keys == {"m": "spiral: yes", "n": "not spiral: yes"}
    assert view.near.exchanges[0].keys == view.keys
    assert view.labels.path.name == "mergers-Class4.1.csv"
    assert "choose a column with the truth" in view.about.object
    assert numbers(view)["Calibrated sum of scores"] == "–"
    assert not view.rates.object
    assert "Purity" not in numbers(view)
    view.truth = "truth"
    assert "Purity" in numbers(view)
    yes, no = (int((view.scored.truth == value).sum()) for value in (1, 0))
    assert f"Known: {yes} are “spiral: yes”, {no} are not. " in view.about.object


def test_the_choice_of_a_truth_follows_the_score(table):
    view = ThresholdView(table)
    select = next(one for one in view.__panel__().select(pn.widgets.Select) if one.name == "Truth")
    view.answer = "Class4.1"
    assert select.value == ""
    assert list(select.options.values()) == list(view.param.truth.objects.values())


def test_the_histogram_and_its_note_name_both_classes(table):
    one = table.iloc[:5].assign(truth=[1, 0, 0, 0, 0])
    view = ThresholdView(one, meanings={"p_merger": Meaning("member", "not a member", "members.csv")})
    chart = view.line._latest["chart"]
    assert (chart["name"], chart["other"], len(chart["all"])) == ("member", "not a member", 10)
    assert "All are known: 1 is “member”, 4 are not. " in view.about.object


def test_bins_that_cannot_be_read_are_refused_in_words(table):
    view = ThresholdView(table)
    assert view.bins == "z"
    view.bins = "nothing + 1"
    assert "nothing" in view.plots.split[0].object
    view.bins = ""
    assert "No column" in view.plots.split[0].object
    view.bins = "p_merger"
    assert isinstance(view.plots.split[0], pn.pane.HoloViews)


def test_what_lies_above_can_be_chosen(table):
    selection = Selection(table)
    view = ThresholdView(table, None, selection, threshold=0.7)
    view._choose(None)
    assert list(selection.ids) == list(table.index[table["p_merger"] > 0.7])


def test_a_table_without_scores_is_refused(table):
    with pytest.raises(ValueError, match="expected a column of numbers within 0 … 1"):
        ThresholdView(table[["truth"]] * 30)


def test_the_page_opens_a_bare_csv_and_explores_it(table, tmp_path):
    write_table(tmp_path / "t.csv", table, "csv")
    page = ThresholdPage([str(tmp_path / "t.csv")], Library.find())
    page.body()
    assert page.view.scored.at(0.5).above == (table["p_merger"] > 0.5).sum()
    card = page.card
    assert len(card) == 0
    card.collapsed = False
    explorer = page.explorer
    assert explorer.selection is page.view.selection
    assert explorer.gallery.exchange.keys == page.view.keys
    explorer.gallery.exchange.receive({"type": "label", "client": "x", "id": table.index[0], "label": "merger"})
    assert page.view.scored.known.by_hand == 1
    (tmp_path / "bare.csv").write_text("object_id,flux\na,3\nb,4\n")
    assert "0 … 1" in ThresholdPage([str(tmp_path / "bare.csv")], Library.find()).body().object
    assert "expected a table" in ThresholdPage(["nowhere.csv"], Library.find()).body().object
    assert "Nothing is open" in all_text(ThresholdPage([], Library.find()).body())


def test_the_address_says_what_is_looked_at(table, monkeypatch):
    requested = {
        "threshold": "0.3",
        "answer": "Class4.1",
        "truth": "truth",
        "t_obs": "0.2",
        "bins": "z",
        "merging": "-3",
    }
    monkeypatch.setattr("galviz.pages.threshold_page.query", lambda: requested)
    written = {}
    monkeypatch.setattr("galviz.pages.threshold_page.write_query", lambda **changes: written.update(changes))
    view = ThresholdView(table)
    view.param.update(**_from_address(view))
    assert (view.threshold, view.answer, view.truth, view.t_obs, view.merging) == (0.3, "Class4.1", "truth", 0.2, 1.0)
    keep_in_address(view)
    view.truth = ""
    assert written["truth"] == ""
    assert written["threshold"] == "0.3"
    view._set_threshold(0.9, False)  # noqa: FBT003 - while it is dragged
    assert written["threshold"] == "0.3"
    view._set_threshold(0.9, True)  # noqa: FBT003
    assert written["threshold"] == "0.9"


def test_scores_that_are_no_probabilities_are_named(table):
    scores = table["p_merger"].copy()
    scores.iloc[[4, 7]] = [1.5, -0.25]
    view = ThresholdView(table.assign(p_merger=scores))
    named = f"{table.index[4]} (1.5), {table.index[7]} (-0.25)."
    assert f"<b>2 objects are left out, their scores are not within 0 … 1</b>: {named}" in view.about.object
    assert f"{N - 2} objects with a score. " in view.about.object
    scores.iloc[:20] = 1.5
    assert "and 15 others" in ThresholdView(table.assign(p_merger=scores)).about.object
    assert "not within" not in ThresholdView(table).about.object


def test_a_line_that_tells_nothing_apart_says_so(table):
    view = ThresholdView(table, threshold=1.0)
    assert numbers(view)["Corrected fraction (merger)"] == "– : no separation at this threshold"


def test_nothing_is_sent_to_a_plot_that_stays_as_it_is(table):
    view, sent = ThresholdView(table, threshold=0.5), []
    view.plots.now.add_subscriber(lambda data: sent.append(data.threshold))
    view.t_obs = 0.3
    assert sent == []
    view.threshold = 0.6
    assert sent == [0.6]


def test_pictures_are_captioned_with_score_and_truth_in_names_that_fit(table):
    view, received = ThresholdView(table.rename(columns={"p_merger": "a_long_name_of_a_merger_score"})), []
    exchange = view.near.exchanges[0]
    exchange._send = lambda message, _: received.append(message)
    requested = {"type": "window", "client": "x", "request": 1, "first": 0, "count": 3, "side": 8, "pictures": False}
    exchange.receive(requested | {"version": exchange.album.version})
    for tile in received[-1]["tiles"]:
        score, truth = table.loc[tile["id"], ["p_merger", "truth"]]
        assert tile["lines"] == [("score", f"{score:.4g}"), ("truth", "–" if np.isnan(truth) else f"{truth:.4g}")]
    view.truth = ""
    assert exchange.captions == ("score",)
