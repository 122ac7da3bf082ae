import json

import numpy as np
import pandas as pd
import pytest

from galviz.measure.class_scores import class_scores, scores_by_region
from galviz.measure.red_sequence import REGIONS, RedSequence, region_of
from galviz.measure.score_curves import purity_completeness, roc
from galviz.tasks.pair import pair_of, pair_of_target
from galviz.tasks.target import Target
from galviz.tools.diagram.core import ALL, DRAWN, Diagram, Regions, member_class, redshift_column, suits
from galviz.tools.diagram.exchange import Exchange
from galviz.tools.diagram.text import line_words
from galviz.tools.diagram.widget import DiagramWidget
from galviz.tools.plots.defaults import magnitude_and_colour
from galviz.tools.selection.core import Selection

N = 1200
LINE = RedSequence(-0.03, 1.6, 0.06, 17.0)


@pytest.fixture
def table():
    rng = np.random.default_rng(1)
    member, r = rng.random(N) < 0.5, rng.uniform(14, 20, N)
    red = rng.random(N) < np.where(member, 0.8, 0.3)
    colour = np.where(red, rng.normal(LINE.colour(r), LINE.scatter), rng.normal(1.0, 0.3, N))
    chance = np.round(1 / (1 + np.exp(-rng.normal(np.where(member, 1, -1), 1.2))), 2)
    names = np.array(["field", "member"], dtype=object)
    columns = {"g": r + 0.7 * colour, "r": r, "z": r - 0.3 * colour, "kind_true": names[member.astype(int)]}
    columns |= {"kind": names[(chance >= 0.5).astype(int)], "p_member": chance, "p_field": 1 - chance}
    columns |= {"group": rng.integers(0, 12, N).astype(str), "zspec": rng.uniform(0.005, 0.04, N)}
    columns |= {"spread": rng.uniform(0, 1, N)}
    found = pd.DataFrame(columns, index=pd.Index([f"galaxy-{k}" for k in range(N)], name="object_id"))
    found.loc["galaxy-3", "kind_true"] = None
    found.loc["galaxy-4", "z"] = 99.0  # not measured
    found.loc["galaxy-5", ["g", "z"]] = 99.0  # their difference is a number
    return found


@pytest.fixture
def pair(table):
    return pair_of(table, "kind_true", "kind")


def made(table, pair, **more):
    """An exchange, what it has sent, and the messages of its last state."""
    sent = []
    selection = Selection(table)
    exchange = Exchange(table, pair, selection, lambda message, _: sent.append(message), fits=0, **more)
    exchange.receive({"type": "hello"})
    return exchange, selection, sent


def tell(exchange, kind, **content):
    exchange.receive({"type": kind, "client": "c", "seq": 1, **content})


@pytest.mark.parametrize(
    "regions",
    [
        Regions(LINE),
        Regions(RedSequence(0.1, 1.4, 0.1, 17.0), edges=(-3, -1, 1)),
        Regions(LINE, faintest=18.0),
        Regions(LINE, reddest=1.0),
    ],
)
def test_regions_are_those_of_the_red_sequence(table, pair, regions):
    known = table[table["z"].lt(90) & table["kind_true"].notna()]
    colour = (known["g"] - known["z"]).to_numpy()
    kept = np.ones(len(known), dtype=bool)
    if regions.faintest is not None:
        kept &= known["r"].to_numpy() < regions.faintest
    if regions.reddest is not None:
        kept &= regions.sequence.offset(known["r"], colour) / regions.sequence.scatter < regions.reddest
    known, colour = known[kept], colour[kept]
    region = region_of(regions.sequence, known["r"], colour, regions.listed)
    truth, estimate = (known[name].to_numpy(object) for name in ("kind_true", "kind"))
    expected = scores_by_region(truth, estimate, region, pair.classes, [one.name for one in REGIONS], n=0)
    diagram = Diagram(table, pair, "r", "g - z")
    diagram.matrices(Regions(RedSequence(0.3, 1.0, 0.1, 17.0), faintest=regions.faintest))  # nothing of it is left over
    found = {name: scores for name, _, scores in diagram.scores(regions)}
    for one in REGIONS:
        pd.testing.assert_frame_equal(found[one.name], expected.loc[one.name])
    assert found[ALL].loc["accuracy", "support"] == len(known)


def test_whole_groups_are_resampled(table, pair):
    known = table[table["z"].lt(90) & table["kind_true"].notna()]
    arrays = (known[name].to_numpy(object) for name in ("kind_true", "kind"))
    expected = class_scores(*arrays, pair.classes, groups=known["group"], averages=True, n=300)
    found = {name: table for name, _, table in Diagram(table, pair, "r", "g - z").scores(Regions(LINE), n=300)}
    alone = Diagram(table.drop(columns="group"), pair, "r", "g - z").scores(Regions(LINE), n=300)
    wide = [each.loc["member", "f1_high"] - each.loc["member", "f1_low"] for each in (found[ALL], next(alone)[2])]
    assert found[ALL].loc["member", "f1"] == expected.loc["member", "f1"]
    for end in ("f1_low", "f1_high"):
        assert found[ALL].loc["member", end] == pytest.approx(expected.loc["member", end], abs=0.02)
    assert wide[0] != wide[1]


def test_a_few_groups_are_not_resampled(table, pair):
    two = table.assign(group=np.where(np.arange(N) % 2, "a", "b"))
    alone = Diagram(table.drop(columns="group"), pair, "r", "g - z").scores(Regions(LINE), n=100)
    found = Diagram(two, pair, "r", "g - z").scores(Regions(LINE), n=100)
    for (_, _, ours), (_, _, theirs) in zip(found, alone, strict=True):
        pd.testing.assert_frame_equal(ours, theirs)


@pytest.mark.parametrize(("kind", "exact"), [("ROC", roc), ("purity", purity_completeness)])
def test_curves_of_a_region_are_exact_for_few_scores(table, pair, kind, exact):
    diagram, regions = Diagram(table, pair, "r", "g - z"), Regions(LINE)
    here = diagram.members("red sequence", regions)
    rows = table.iloc[diagram.rows[here]]
    expected = exact((rows["kind_true"] == "member").to_numpy(), rows["p_member"], n=0)
    found = diagram.curve(kind, "member", here)
    assert found.area == pytest.approx(expected.area.value)
    assert diagram.curve(kind, "member", np.zeros_like(here)) is None


def test_regions_need_increasing_edges():
    with pytest.raises(ValueError, match="edges: expected increasing offsets from blue to red, got 1, 0, 2"):
        Regions(LINE, edges=(1, 0, 2))


def test_columns_and_class_are_guessed(table, pair):
    assert magnitude_and_colour(table) == ("r", "g - z")
    assert redshift_column(table) == "zspec"
    assert redshift_column(table.rename(columns={"zspec": "other"})) == ""  # z is a magnitude here
    assert (member_class(pair), suits(table, pair)) == ("member", True)
    assert not suits(table.drop(columns=["g", "z"]), pair)


def test_a_column_of_a_colour_beside_a_magnitude_is_enough(table, pair):
    listed = table.assign(g_r=table["g"] - table["r"], g_z=table["g"] - table["z"]).drop(columns=["g", "z"])
    assert magnitude_and_colour(listed) == ("r", "g_z")
    assert suits(listed, pair)
    assert magnitude_and_colour(listed.drop(columns="g_z")) == ("r", "g_r")
    assert magnitude_and_colour(listed.drop(columns="r")) is None


def test_a_line_is_fitted_and_a_drag_changes_the_report(table, pair):
    exchange, _, sent = made(table, pair)
    first = sent[-1]
    assert first["line"]["slope"] == pytest.approx(LINE.slope, abs=0.01)
    assert first["line"]["scatter"] == pytest.approx(LINE.scatter, abs=0.02)
    assert "Fitted to 597 objects of the true class member: slope −0.0" in first["words"]
    assert first["moved"] == ""
    assert all(one["ends"] for one in first["regions"])
    line = {name: first["line"][name] for name in ("slope", "scatter")}
    tell(exchange, "move", intercept=first["line"]["intercept"] + 0.2, done=False, **line)
    dragged = sent[-1]
    assert dragged["moved"].startswith("Moved by +0.200 mag")
    assert dragged["regions"][1] != first["regions"][1]
    assert not any(one["ends"] for one in dragged["regions"])  # not while it is dragged
    assert dragged["regions"][0]["objects"] == first["regions"][0]["objects"]
    tell(exchange, "move", intercept=first["line"]["intercept"] + 0.2, done=True, **line)
    assert sent[-1]["regions"][0]["ends"]
    tell(exchange, "act", name="fit")
    assert sent[-1]["line"] == first["line"]


def test_intervals_of_another_line_are_forgotten(table, pair):
    waiting = []
    exchange, _, sent = made(table, pair, background=lambda work, then: waiting.append((work, then)))
    while waiting:
        work, then = waiting.pop(0)
        then(work())
    tell(exchange, "set", name="edge2", value=3.0)
    tell(exchange, "set", name="edge2", value=1.0)
    (first, received), (second, shown) = waiting
    before = len(sent)
    received(first())
    assert len(sent) == before
    shown(second())
    assert sent[-1]["edges"] == [-5, -2, 1.0]
    assert sent[-1]["busy"] == ""


@pytest.mark.parametrize("region", [ALL, "red sequence", "green valley"])
def test_a_cell_selects_its_objects_by_a_condition(table, pair, region):
    exchange, selection, sent = made(table, pair)
    tell(exchange, "set", name="faintest", value=19.0)
    tell(exchange, "set", name="reddest", value=1.5)
    tell(exchange, "set", name="region", value=region)
    tell(exchange, "cell", true=1, given=0)
    assert len(selection) == sent[-1]["matrix"][1][0] > 0
    rows = table.loc[selection.ids]
    assert set(rows["kind_true"]) == {"member"}
    assert set(rows["kind"]) == {"field"}
    if region != ALL:  # else the 99s, which are in no condition, would have to be named
        assert selection.steps[-1][0] == "where"
    again = Selection(table)
    again.replay(selection.steps)
    assert list(again.ids) == list(selection.ids)


@pytest.mark.parametrize("columns", [("kind_true", "p_member"), ("number_true", "number")])
def test_a_cell_of_a_probability_or_of_numbers_is_a_condition_too(table, columns):
    numbers = {f"number{end}": (table[f"kind{end}"] == "member").astype(int) for end in ("", "_true")}
    table = table.assign(**numbers).drop(index=["galaxy-4", "galaxy-5"])
    exchange, selection, sent = made(table, pair_of(table, *columns))
    tell(exchange, "cell", true=0, given=1)
    assert len(selection) == sent[-1]["matrix"][0][1] > 0
    assert selection.steps[-1][0] == "where"


def test_a_lasso_is_a_region_and_a_selection(table, pair):
    exchange, selection, sent = made(table, pair)
    tell(exchange, "lasso", polygon=[(15, 1), (18, 1), (18, 2), (15, 2)])
    colour = table["g"] - table["z"]
    inside = table["r"].between(15, 18) & colour.between(1, 2) & table["z"].lt(90)
    assert set(selection.ids) == set(table.index[inside])
    assert sent[-1]["region"] == DRAWN
    assert np.sum(sent[-1]["matrix"]) == (inside & table["kind_true"].notna()).sum()
    tell(exchange, "cell", true=1, given=1)
    assert len(selection) == sent[-1]["matrix"][1][1]
    tell(exchange, "lasso", polygon=[(15, 1), (18, 1)])
    assert "three corners" in sent[-1]["error"]


def test_cuts_say_what_remains(table, pair):
    exchange, _, sent = made(table, pair)
    tell(exchange, "set", name="faintest", value=17.0)
    tell(exchange, "set", name="reddest", value=0.0)
    bright = table["r"].lt(17) & table["kind_true"].notna() & table["z"].lt(90)
    assert sent[-1]["left"]["faintest"] == bright.sum()
    assert sent[-1]["left"]["reddest"] == sent[-1]["regions"][0]["objects"] < bright.sum()
    tell(exchange, "set", name="faintest", value=None)
    tell(exchange, "set", name="reddest", value=None)
    assert sent[-1]["left"] == {}


def test_line_cuts_and_region_are_undone_one_by_one(table, pair):
    exchange, _, sent = made(table, pair)
    first = sent[-1]
    assert first["undoable"] == 0
    line = {name: first["line"][name] for name in ("slope", "scatter")}
    for up, done in ((0.1, False), (0.15, False), (0.2, True)):
        tell(exchange, "move", intercept=first["line"]["intercept"] + up, done=done, **line)
    moved = sent[-1]["line"]
    for value, done in ((19.0, False), (18.0, True)):
        tell(exchange, "set", name="faintest", value=value, done=done)
    tell(exchange, "lasso", polygon=[(15, 1), (18, 1), (18, 2), (15, 2)])
    assert (sent[-1]["undoable"], len(sent[-1]["polygon"])) == (3, 4)  # a drag is one change
    tell(exchange, "act", name="undo")
    assert (sent[-1]["polygon"], sent[-1]["region"], sent[-1]["faintest"]) == ([], ALL, 18.0)
    tell(exchange, "act", name="undo")
    assert (sent[-1]["faintest"], sent[-1]["line"]) == (None, moved)
    tell(exchange, "act", name="undo")
    assert (sent[-1]["line"], sent[-1]["undoable"]) == (first["line"], 0)
    assert sent[-1]["regions"] == first["regions"]
    tell(exchange, "act", name="undo")
    assert sent[-1]["line"] == first["line"]


def test_what_was_changed_is_kept_and_restored(table, pair):
    kept = []
    exchange, _, sent = made(table, pair, on_change=kept.append)
    assert (kept, exchange.to_json()) == ([], {})  # what is guessed and fitted is not stored
    first = sent[-1]
    line = {name: first["line"][name] for name in ("slope", "scatter")}
    tell(exchange, "move", intercept=first["line"]["intercept"] + 0.1, done=False, **line)
    assert kept == []
    tell(exchange, "move", intercept=first["line"]["intercept"] + 0.2, done=True, **line)
    tell(exchange, "set", name="reddest", value=3.0)
    tell(exchange, "lasso", polygon=[(15, 1), (18, 1), (18, 2), (15, 2)])
    tell(exchange, "set", name="kind", value="purity")
    state = json.loads(json.dumps(kept[-1]))
    other, _, again = made(table, pair, kept=state)
    for name in ("line", "reddest", "polygon", "region", "kind", "moved", "matrix"):
        assert again[-1][name] == sent[-1][name], name
    other.restore({})
    assert again[-1]["line"] == pytest.approx(first["line"])
    assert (again[-1]["polygon"], again[-1]["reddest"], again[-1]["region"]) == ([], None, ALL)
    other.restore(state | {"fields": {"colour": "g - r"}})
    assert again[-1]["line"] == sent[-1]["line"]
    assert again[-1]["fields"]["colour"] == "g - r"


@pytest.mark.parametrize(
    "state",
    [{"fields": {"colour": "nothing"}}, {"edges": [3, 2, 1]}, {"sequence": {"slope": 1}}, {"polygon": 7}, {"some": 1}],
)
def test_a_saved_view_that_does_not_fit_changes_nothing(table, pair, state):
    _, _, sent = made(table, pair, kept=state | {"reddest": 3.0})
    assert "does not fit this table" in sent[-1]["error"]
    assert sent[-1]["reddest"] is None
    assert sent[-1]["line"] is not None


def test_probable_stars_are_counted_and_selected(table, pair):
    exchange, selection, sent = made(table, pair)
    low = table["zspec"].lt(0.01) & table["kind"].eq("member")
    assert sent[-1]["stars"] == low.sum() > 0
    tell(exchange, "set", name="light", value="spread")
    tell(exchange, "set", name="below", value="0.1")
    both = (table["zspec"].lt(0.01) | table["spread"].lt(0.1)) & table["kind"].eq("member")
    assert sent[-1]["stars"] == both.sum() > low.sum()
    tell(exchange, "act", name="stars")
    assert set(selection.ids) == set(table.index[both])
    tell(exchange, "set", name="light", value="nothing")
    assert "nothing" in sent[-1]["error"]
    assert sent[-1]["fields"]["light"] == "spread"


@pytest.mark.parametrize("region", [ALL, "red sequence", DRAWN])
def test_the_objects_of_the_region_of_the_report_are_selected(table, pair, region):
    exchange, selection, sent = made(table, pair)
    tell(exchange, "lasso", polygon=[(15.0, 1.0), (18.0, 1.0), (18.0, 2.0), (15.0, 2.0)])
    tell(exchange, "set", name="region", value=region)
    selection.choose([])
    tell(exchange, "act", name="region")
    count = next(one["objects"] for one in sent[-1]["regions"] if one["name"] == region)
    assert len(selection) == count > 10
    assert set(selection.ids) == set(table.index[exchange.mask()])


def test_a_region_without_unknown_objects_is_selected_by_its_condition(table, pair):
    known = table[table["kind_true"].notna()]
    exchange, selection, _ = made(known, pair_of(known, pair.truth, pair.estimate))
    exchange.choose("red sequence")
    tell(exchange, "act", name="region")
    step, given = selection.steps[-1]
    assert step == "where"
    assert "isfinite" in given["expression"]


def test_the_extent_of_the_light_is_used_where_it_is_known(table, pair):
    known = table.assign(extent=np.where(np.arange(N) % 50 == 0, 0.1, 0.7))
    _, _, sent = made(known, pair_of(known, pair.truth, pair.estimate))
    small = (known["extent"].lt(0.3) | known["zspec"].lt(0.01)) & known["kind"].eq("member")
    assert sent[-1]["stars"] == small.sum() > 0


def test_other_columns_are_fitted_again_and_wrong_ones_refused(table, pair):
    exchange, _, sent = made(table, pair)
    tell(exchange, "set", name="colour", value="g - r")
    assert sent[-1]["line"]["intercept"] == pytest.approx(0.7 * LINE.intercept, abs=0.02)
    tell(exchange, "set", name="colour", value="kind")
    assert "expected numbers" in sent[-1]["error"]
    assert sent[-1]["fields"]["colour"] == "g - r"


def test_a_few_far_objects_do_not_squeeze_the_others(table, pair):
    table.loc["galaxy-7", "g"] = 60.0
    _, _, sent = made(table, pair)
    chart = next(one for one in sent if one["type"] == "chart")
    assert chart["y"][1] < 4
    assert (chart["outside"], chart["missing"]) == (1, 2)


def test_classes_are_shown_by_what_they_are_called(table, pair):
    target = Target("kind", "classification", ("kind",), "kind", classes=("0", "1"), words=("not a member", "member"))
    numbers = {name: (table[name] == "member").astype(int).where(table[name].notna()) for name in ("kind", "kind_true")}
    table = table.assign(**numbers, p_1=table["p_member"], p_0=table["p_field"])
    _, _, sent = made(table, pair_of_target(target.replace(positive="1"), "kind_true", "kind", table))
    chart = next(one for one in sent if one["type"] == "chart")
    assert (chart["classes"], chart["names"]) == (["0", "1"], ["not a member", "member"])
    assert chart["unknown"] == (1, 0)  # a sign of its own in the legend
    assert "of the true class member" in sent[-1]["words"]
    assert pair_of(table, "kind_true", "kind").text("1") == "kind = 1"
    assert pair.text("member") == "member"


def test_many_objects_are_drawn_as_a_density(table, pair, monkeypatch):
    monkeypatch.setattr("galviz.tools.diagram.chart.MAX_POINTS", 100)
    sent = []
    exchange = Exchange(table, pair, Selection(table), lambda message, data: sent.append((message, data)), fits=0)
    exchange.receive({"type": "hello"})
    chart, data = next(one for one in sent if one[0]["type"] == "chart")
    counts = np.frombuffer(data, "<f4", chart["wide"] * chart["high"])
    assert (chart["points"], counts.sum()) == (0, 1198)
    exchange.selection.choose(table.index[:3])
    message, data = sent[-1]
    assert (message["count"], np.frombuffer(data, np.uint8).sum()) == (3, 3)


def test_line_words_have_intervals_only_where_there_are_some(table, pair):
    diagram = Diagram(table, pair, "r", "g - z")
    assert "(" not in line_words(diagram.fit("member", None, None), "member")
    words = line_words(diagram.fit("member", None, None, n=10), "member")
    assert words.startswith("Fitted to")
    assert words.count(" to ") == 3 + 2
    assert "95 % intervals" in words


def test_a_widget_answers_in_a_notebook(table):
    widget = DiagramWidget(table, ("kind_true", "kind"))
    before = widget.report["red sequence"]
    widget.intercept += 0.3
    assert widget.report["red sequence"] != before
    assert widget.exchange.regions.sequence.intercept == widget.intercept
    widget.region = "blue cloud"
    widget.exchange.select_cell("field", "field")
    assert len(widget.selection) == widget.report["blue cloud"][0][0]
    with pytest.raises(ValueError, match="region: expected one of all, red shoulder"):
        widget.region = "nowhere"
    widget.close()
    with pytest.raises(ValueError, match="got numbers in r"):
        DiagramWidget(table, ("g", "r"))
