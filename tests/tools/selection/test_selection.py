import json
import random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galviz.tools.selection.core import HOW, Selection

RNG = np.random.default_rng(0)
IDS = [f"12376584912345{k:05d}" for k in range(300)]
TABLE = pd.DataFrame(
    {"z": RNG.uniform(0, 0.6, 300), "richness": RNG.uniform(20, 100, 300)}, index=pd.Index(IDS, name="object_id")
)
SQUARE = [(0.1, 30.0), (0.4, 30.0), (0.4, 80.0), (0.1, 80.0)]


@pytest.fixture
def selection():
    return Selection(TABLE)


def test_a_choice_is_by_id_in_the_order_of_the_table(selection):
    selection.choose([IDS[7], IDS[2]])
    assert selection.ids.tolist() == [IDS[2], IDS[7]]
    assert selection.mask.sum() == len(selection) == 2


def test_neighbouring_long_ids_are_not_confused(selection):
    selection.choose([IDS[8]])
    assert selection.ids.tolist() == [IDS[8]] != [IDS[9]]


def test_a_choice_does_not_depend_on_the_order_of_the_rows():
    shuffled = Selection(TABLE.sample(frac=1, random_state=1))
    straight = Selection(TABLE)
    for one in (shuffled, straight):
        one.where("z < 0.3")
        one.lasso("z", "richness", SQUARE, how="keep")
    assert set(shuffled.ids) == set(straight.ids)
    assert 0 < len(straight) < 300


@pytest.mark.parametrize("how", HOW)
def test_set_operations_are_those_of_sets(selection, how):
    selection.where("z < 0.3")
    low = set(selection.ids)
    selection.box({"richness": (20, 50)}, how=how)
    poor = set(TABLE.index[TABLE.richness.between(20, 50)])
    expected = {"replace": poor, "add": low | poor, "remove": low - poor, "keep": low & poor}
    assert set(selection.ids) == expected[how]


def test_steps_that_were_replaced_are_forgotten_unless_a_subset_came_of_them(selection):
    for bound in (0.1, 0.2, 0.3):
        selection.where(f"z < {bound}")
    selection.keep_as("near")
    selection.where("richness > 40")
    selection.where("richness > 50")
    selection.recall("near", how="add")
    kept = [name for name, _ in selection.steps]
    assert kept == ["where", "keep_as", "where", "recall"]
    again = Selection.from_json(selection.to_json(), TABLE)
    assert again.ids.tolist() == selection.ids.tolist()
    assert selection.undo()
    assert [name for name, _ in selection.steps] == ["where", "keep_as", "where"]


def test_a_box_may_be_open(selection):
    selection.box({"richness": (50, None), "z": (None, float("inf"))})
    assert selection.mask.tolist() == (TABLE["richness"] >= 50).tolist()
    assert "inf" not in selection.python()
    with pytest.raises(ValueError, match="bounds: expected numbers or None"):
        selection.box({"z": (float("nan"), 1)})


def test_invert_and_named_subsets(selection):
    selection.where("z < 0.3")
    near = set(selection.ids)
    selection.keep_as("near")
    selection.invert()
    assert set(selection.ids) == set(IDS) - near
    selection.recall("near", how="add")
    assert len(selection) == 300
    assert selection.names == ("near",)
    selection.forget("near")
    assert selection.names == ()


def test_undo_and_redo_walk_over_every_step(selection):
    seen = [selection.ids.tolist()]
    for k, how in enumerate(["replace", "add", "remove", "keep"]):
        selection.where(f"z < {0.1 * (k + 2)} and richness > {20 + 5 * k}", how=how)
        selection.keep_as(f"s{k}")
        seen.append(selection.ids.tolist())
    for ids in seen[-2::-1]:
        assert selection.undo()
        assert selection.undo()
        assert (selection.ids.tolist(), len(selection)) == (ids, len(ids))
    assert not selection.undo()
    assert selection.names == ()
    for ids in seen[1:]:
        assert selection.redo()
        assert selection.redo()
        assert (selection.ids.tolist(), len(selection)) == (ids, len(ids))
    assert not selection.redo()
    assert selection.names == ("s0", "s1", "s2", "s3")


def test_a_new_step_forgets_what_was_undone(selection):
    selection.where("z < 0.3")
    selection.undo()
    selection.where("z > 0.3")
    assert not selection.redo()


def test_views_hear_of_a_change(selection):
    heard = []
    selection.param.watch(lambda event: heard.append(event.name), ["version", "focus"])
    selection.where("z < 0.3")
    selection.focus = IDS[3]
    selection.undo()
    assert heard == ["version", "focus", "version"]


def test_two_selections_share_nothing():
    one, other = Selection(TABLE), Selection(TABLE)
    one.where("z < 0.3")
    one.keep_as("near")
    assert len(other) == 0
    assert other.names == ()


step = st.one_of(
    st.tuples(st.just("where"), st.floats(0, 0.6), st.sampled_from(HOW)),
    st.tuples(st.just("box"), st.floats(20, 100), st.sampled_from(HOW)),
    st.tuples(st.just("lasso"), st.floats(0.05, 0.5), st.sampled_from(HOW)),
    st.tuples(st.just("choose"), st.floats(0, 299), st.sampled_from(HOW)),
    st.tuples(st.sampled_from(["invert", "undo", "redo", "keep_as", "recall"]), st.just(0.0), st.sampled_from(HOW)),
)


def take(selection, name, number, how):
    if name == "where":
        selection.where(f"z < {number!r}", how=how)
    elif name == "box":
        selection.box({"richness": (20, number)}, how=how)
    elif name == "lasso":
        selection.lasso("z", "richness", [(0, 20), (number, 30), (0.3, 100)], how=how)
    elif name == "choose":
        selection.choose(random.Random(number).sample(IDS, 20), how=how)
    elif name == "keep_as":
        selection.keep_as("kept")
    elif name == "recall":
        if selection.names:
            selection.recall("kept", how=how)
    else:
        getattr(selection, name)()


@given(st.lists(step, max_size=15))
def test_python_and_json_repeat_what_was_done(steps):
    selection = Selection(TABLE)
    for name, number, how in steps:
        take(selection, name, number, how)
    again = Selection(TABLE)
    exec(selection.python("again"), {"again": again})  # noqa: S102 - our own lines
    assert again.ids.tolist() == selection.ids.tolist()
    opened = Selection.from_json(json.loads(json.dumps(selection.to_json())), TABLE)
    assert opened.ids.tolist() == selection.ids.tolist()
    assert opened.names == selection.names


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda s: s.choose(["nobody"]), KeyError, "expected ids of the table, got 'nobody'"),
        (lambda s: s.where("q < 1"), ValueError, "expected a column, got 'q'"),
        (lambda s: s.where("z < 1", how="xor"), ValueError, "how: expected one of replace, add"),
        (lambda s: s.lasso("q", "z", SQUARE), ValueError, "expected a column, got 'q'"),
        (lambda s: s.lasso("z", "richness", SQUARE[:2]), ValueError, "at least 3 finite corners"),
        (lambda s: s.recall("none"), KeyError, "got 'none'"),
        (lambda s: s.keep_as(" "), ValueError, "expected a name"),
        (lambda s: s.replay([("__init__", {})]), ValueError, "expected a step of Selection"),
    ],
)
def test_a_bad_step_is_named_and_changes_nothing(selection, call, error, message):
    selection.where("z < 0.3")
    before = selection.ids.tolist()
    with pytest.raises(error, match=message):
        call(selection)
    assert selection.ids.tolist() == before
    assert len(selection.steps) == 1


def test_double_ids_are_refused():
    with pytest.raises(ValueError, match="expected unique object_ids"):
        Selection(pd.concat([TABLE, TABLE.head(1)]))


def test_without_a_table_there_is_only_a_focus():
    selection = Selection(focus=IDS[1])
    assert (selection.focus, selection.ids.tolist()) == (IDS[1], [])
    with pytest.raises(ValueError, match="String"):
        selection.focus = 3


def test_another_table_is_shown_with_what_it_has_of_the_selection():
    first = pd.DataFrame({"z": [0.1, 0.2, 0.3, 0.4]}, index=pd.Index(["a", "b", "c", "d"], name="object_id"))
    second = pd.DataFrame({"y": [1.0, 2.0, 3.0]}, index=pd.Index(["d", "b", "x"], name="object_id"))
    selection, heard = Selection(first, focus="b"), []
    for name in ("version", "shown"):
        selection.param.watch(lambda event: heard.append((event.name, selection.table is second)), name)
    selection.where("z > 0.25")
    selection.keep_as("far")
    selection.where("z < 0.35")
    heard.clear()
    selection.show(second)
    assert sorted(heard) == [("shown", True), ("version", True)]
    assert (selection.ids.tolist(), selection.focus, selection.names) == (["b"], "b", ("far",))
    assert (selection.undoable, selection.redoable, selection.undo()) == (0, 0, False)
    again = Selection.from_json(selection.to_json(), second)  # the steps are those of the new table
    assert again.ids.tolist() == ["b"]
    again.recall("far")
    assert again.ids.tolist() == ["d"]
    selection.where("y > 1.5")
    assert selection.ids.tolist() == ["b", "x"]
    selection.undo()
    assert selection.ids.tolist() == ["b"]
    selection.focus = "x"
    selection.show(first)
    assert (selection.ids.tolist(), selection.focus) == (["a", "b", "c"], "a")
    steps = selection.steps
    heard.clear()
    selection.show(first)  # the same table again: nothing is forgotten
    assert sorted(heard) == [("shown", False), ("version", False)]
    assert selection.steps == steps
    selection.where("z < 0.15")
    selection.show(first)
    assert selection.undoable == 1
    with pytest.raises(ValueError, match="expected unique object_ids"):
        selection.show(pd.concat([second, second]))
    assert selection.table is first


def test_what_a_table_does_not_have_is_counted_and_comes_back_with_one_that_has_it():
    first, second = (pd.DataFrame(index=pd.Index(list(ids), name="object_id")) for ids in ("abcdef", "cdxy"))
    selection = Selection(first)
    selection.choose("abcd")
    selection.keep_as("four")
    selection.show(second)
    assert (selection.ids.tolist(), selection.absent) == (["c", "d"], 2)
    selection.show(first)
    assert (selection.ids.tolist(), selection.absent) == (list("abcd"), 0)
    selection.show(second)
    selection.choose("x", how="add")  # the others stay selected
    selection.keep_as("three")
    assert selection.absent == 2
    selection.show(first)
    assert selection.ids.tolist() == list("abcd")
    selection.recall("four")
    assert selection.ids.tolist() == list("abcd")
    selection.show(second)
    selection.choose([])  # nothing is meant, here and elsewhere
    assert selection.absent == 0
    selection.undo()
    assert selection.absent == 2
    selection.choose([])
    selection.show(first)
    assert (len(selection), selection.absent) == (0, 0)


def test_what_a_table_decides_is_made_once_until_a_table_is_shown(selection):
    made = []
    for _ in range(2):
        assert selection.once("sum", lambda: made.append(1) or 5) == 5
        selection.where("z < 0.3")
    assert len(made) == 1
    selection.show(TABLE)
    selection.once("sum", lambda: made.append(1) or 5)
    assert len(made) == 2
