import asyncio
import sys
import threading

import numpy as np
import pandas as pd
import panel as pn

from galviz.io.expressions import matches
from galviz.io.markup import as_html
from galviz.runs.predictions import joined
from galviz.tools.diagnostics.compare import CompareView
from galviz.tools.diagnostics.slices import SlicesView
from galviz.tools.diagnostics.suspects import SuspectsView
from galviz.tools.gallery.view import GalleryGrid
from galviz.tools.selection.core import Selection

FIRST = 1237658493878337640
NASTY = "<img src=x onerror=alert(1)>'\""


def table(rows=400, seed=0, noise=0.1):
    """A table as `joined` gives it: every fourth object was seen in training."""
    rng = np.random.default_rng(seed)
    index = pd.Index([str(FIRST + k) for k in range(rows)], name="object_id")
    truth = np.linspace(2, 5, rows)
    result = pd.DataFrame({"estimate": truth + rng.normal(0, noise, rows), "truth": truth}, index=index)
    result["residual"] = result["estimate"] - truth
    facts = np.random.default_rng(99)
    result["in_training"] = np.arange(rows) % 4 == 0
    return result.assign(z=facts.uniform(0, 0.5, rows), **{NASTY: facts.choice(["plain", NASTY], rows)})


def given(generator):
    """What an asynchronous method of a view gives first and last."""

    async def drain():
        return [each async for each in generator()]

    given = asyncio.run(drain())
    return given[0], given[-1]


def buttons(shown):
    return list(shown.select(pn.widgets.Button))


def words(shown):
    """The HTML of all words, as the browser gets it."""
    return " ".join(as_html(pane.object) for pane in shown.select(pn.pane.HTML))


def press(button):
    button.clicks += 1


def spoiled(rows):
    """Larger errors at z > 0.4."""
    return rows.assign(estimate=rows["estimate"].where(rows["z"] <= 0.4, rows["truth"] + 0.5 + 0 * rows["z"]))


def test_a_slice_is_told_in_words_and_opens_to_its_objects():
    rows = table()
    selection = Selection(rows)
    view = SlicesView(rows, (rows["z"] > 0.4) * 1.0, selection)
    first, last = given(view.lines)
    assert "Looking" in first.object
    assert "z above 0.4 (" in words(last)
    assert "share wrong 1.0" in words(last)
    press(buttons(last)[0])
    assert selection.steps == [("where", {"expression": "z > 0.4", "how": "replace"})]
    assert set(selection.ids) == set(rows.index[rows["z"] > 0.4])


def test_a_slice_opens_to_the_objects_counted_and_no_others():
    rows = table()
    selection = Selection(rows)
    loss = ((rows["z"] > 0.4) * 1.0).where(~rows["in_training"])
    view = SlicesView(rows, loss, selection)
    _, last = given(view.lines)
    press(buttons(last)[0])
    assert set(selection.ids) == set(rows.index[(rows["z"] > 0.4) & ~rows["in_training"]])
    bare = Selection(rows[[]])
    SlicesView(rows, loss, bare).show("z > 0.4")
    assert list(bare.ids) == list(selection.ids)


def test_names_and_values_are_escaped():
    rows = table()
    view = SlicesView(rows, (rows[NASTY] == NASTY) * 1.0, Selection(rows))
    _, last = given(view.lines)
    assert "<img" not in words(last)
    assert "&lt;img" in words(last)
    press(buttons(last)[0])
    assert set(view.selection.ids) == set(rows.index[rows[NASTY] == NASTY])
    pair = CompareView(rows, table(seed=1), None, Selection(rows), (NASTY, "B"))
    assert "<img" not in words(given(pair.body)[1])


def test_what_there_is_not_is_said():
    rows = table()
    view = SlicesView(rows, rows["truth"] * np.nan, Selection(rows))
    assert "0 objects with known truth: too few" in words(given(view.lines)[1])
    view = SlicesView(rows, rows["truth"] * 0 + 1, Selection(rows))
    assert "No slice is worse than the rest beyond chance" in words(given(view.lines)[1])
    view = SlicesView(rows, rows["truth"] * np.inf, Selection(rows))
    assert "got infinity for" in words(given(view.lines)[1])
    view = SlicesView(rows, (rows["z"] > 0.4) * 1.0, Selection(rows[:5]))
    view.show("z > 0.4")
    assert "which is not in it" in view.error


def test_the_page_does_not_wait(monkeypatch):
    """What takes long runs in another thread than the page's."""
    threads = []

    def slow(*_, **__):
        threads.append(threading.current_thread())
        raise ValueError("<late>")

    for name in ("slices.worst_slices", "compare.disagreement", "suspects.suspects"):
        monkeypatch.setattr(f"galviz.tools.diagnostics.{name}", slow)
    rows = table()
    slices, pair = SlicesView(rows, rows["z"], Selection(rows)), CompareView(rows, rows, None, Selection(rows))
    for generator in (slices.lines, pair.body):
        assert "&lt;late&gt;" in given(generator)[1].object
    view = SuspectsView(rows, Selection(rows))
    asyncio.run(view.find())
    assert view.error == "<late>"
    assert not view.searching
    assert len(threads) == 3
    assert threading.current_thread() not in threads


def test_two_runs_are_compared_on_what_neither_was_trained_on():
    first, second = table(seed=1, noise=0.3), spoiled(table(seed=2)).iloc[10:]
    first.loc[first.index[-8:], "in_training"] = True
    selection = Selection(first)
    view = CompareView(first, second, None, selection, ("old", "new"))
    _, last = given(view.body)
    held_out = set(first.index[~first["in_training"]]) & set(second.index[~second["in_training"]])
    shown_text = words(last)
    assert "The errors of new are smaller by 0." in shown_text
    assert f"on the {len(held_out)} objects that neither was trained on (MAE: old 0." in shown_text
    assert "7 more objects of old and 6 of new are left out" in shown_text
    assert "Where new does worst compared with old" in shown_text
    wanted = abs(first["estimate"] - second["estimate"]).loc[sorted(held_out)].sort_values(ascending=False).index
    view.count = 5
    by = {button.label: button for button in buttons(last)}
    press(by["Show where they differ most"])
    assert set(selection.ids) == set(wanted[:5])
    gain = abs(first["estimate"] - first["truth"]) - abs(second["estimate"] - second["truth"])
    press(by["Show where new has the smaller error"])
    assert set(selection.ids) == set(gain.loc[sorted(held_out)].nlargest(5).index)
    press(by["Show where old has the smaller error"])
    assert set(selection.ids) == set(gain.loc[sorted(held_out)].nsmallest(5).index)


def test_the_slices_of_a_comparison_are_those_in_which_the_second_fails():
    first, second = table(seed=1), spoiled(table(seed=2))
    selection = Selection(first[~first["in_training"]])
    view = CompareView(first, second, None, selection, ("old", "new"))
    _, last = given(view.body)
    worse, _ = (pane.object.__self__ for pane in last.select(pn.param.ParamMethod) if pane.object.__name__ == "lines")
    _, lines = given(worse.lines)
    assert "z above 0.4 (" in words(lines)
    assert "error of new minus error of old 0." in words(lines)
    press(buttons(lines)[0])
    assert selection.steps[-1] == ("where", {"expression": "z > 0.4", "how": "replace"})
    assert (selection.mask == matches("z > 0.4", selection.table)).all()


def test_objects_on_which_they_differ_most_are_shown(estimates, sky):
    first = joined(estimates, sky)
    second = first.assign(ln_richness=first["ln_richness"] + np.linspace(-1, 2, len(first)))
    selection, columns = Selection(sky.catalogue), {"truth": "ln_richness_true", "estimate": "ln_richness"}
    view = CompareView(first, second, sky, selection, **columns)
    _, last = given(view.body)
    (grid,) = last.select(GalleryGrid)
    exchange = grid.on_message.__self__
    apart = (first["ln_richness"] - second["ln_richness"]).abs()[~first["in_training"]]
    assert exchange.album.ids(0, 20) == list(apart.sort_values(ascending=False).index)
    assert exchange.captions == ("estimate_a", "estimate_b", "truth")
    followers = len(selection.param.watchers["version"]["value"])
    _, last = given(view.body)
    assert len(selection.param.watchers["version"]["value"]) == followers  # those of what was shown before are gone
    view.close()
    assert len(selection.param.watchers["version"]["value"]) < followers
    same = CompareView(first, first, sky, selection, **columns)
    shown_text = words(given(same.body)[1])
    assert "Both predict the same for every object" in shown_text
    assert "left out" not in shown_text


def test_runs_that_cannot_be_compared_say_why():
    first = table()
    view = CompareView(first, first.assign(truth=np.exp(first["truth"])), None, Selection(first))
    assert "truth: expected the same in a and b" in given(view.body)[1].object
    view = CompareView(first[first["in_training"]], first, None, Selection(first))
    assert "No object that neither was trained on" in words(given(view.body)[1])
    without = first.assign(truth=np.nan)
    view = CompareView(without, without.assign(estimate=0.0), None, Selection(first))
    shown_text = words(given(view.body)[1])
    assert "Errors cannot be compared: the truth of 0 of the 300 objects that neither was trained on" in shown_text


def test_classes_can_be_compared():
    rows = table().drop(columns=["residual", "in_training"])
    first = rows.assign(truth=np.where(rows["z"] > 0.2, "u", "g"), estimate="u")
    second = first.assign(estimate=first["truth"])
    view = CompareView(first, second, None, Selection(first))
    _, last = given(view.body)
    differ = int((first["truth"] == "g").sum())
    assert f"They differ on {differ} of 400" in words(last)
    assert "on the 400 objects in both (share wrong: A 0." in words(last)
    press(next(button for button in buttons(last) if "differ" in button.label))
    assert set(view.selection.ids) == set(first.index[first["truth"] == "g"][:24])


def test_suspect_labels_are_listed_and_shown():
    rows = table()
    wrong = rows.index[[1, 201]]
    rows.loc[wrong, "truth"] = [4.9, 2.1]
    rows.loc[rows.index[0], "truth"] = 99.0  # seen in training: not looked at
    selection = Selection(rows)
    view = SuspectsView(rows, selection)
    assert view.lines().object == ""
    asyncio.run(view.find())
    every, *each = buttons(view.lines())
    assert [button.label for button in each[:2]] == list(view.found.index[:2])
    assert set(view.found.index[:2]) == set(wrong)
    assert len(each) == 20
    assert "label 4.9, estimate 1.994 · " in words(view.lines())
    assert "20 least trusted labels of 300 objects" in words(view.lines())
    press(each[1])
    assert selection.focus == view.found.index[1]
    press(every)
    assert set(selection.ids) == set(view.found.index)
    view.searching = True
    assert "Looking" in view.lines().object


def test_suspect_classes_are_found_by_their_probability():
    rows = table(40).drop(columns=["residual", "in_training"])
    rows = rows.assign(truth="u", estimate="u", p_u=0.9, p_g=0.1, p_mem=np.nan)
    rows.loc[str(FIRST + 7), ["p_u", "p_g"]] = 0.2, 0.8
    view = SuspectsView(rows, Selection(rows), classes=("u", "g"))
    asyncio.run(view.find())
    assert view.found.index[0] == str(FIRST + 7)
    assert "label u, estimate u · trust 0.2 of 1" in words(view.lines())


def test_without_cleanlab_the_cure_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab.regression.rank", None)
    view = SuspectsView(table(), Selection())
    asyncio.run(view.find())
    assert "pip install 'galviz[labels]'" in view.error
