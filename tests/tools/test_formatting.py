from html import unescape

import numpy as np
import pandas as pd
import panel as pn
import param
import pytest

from galviz.io.markup import Markup, as_html
from galviz.io.tables import safe_for_page
from galviz.tools.formatting import Choices, Text, data_table, field, shown_error, shown_seconds, shown_value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.5, "1.5"),
        (0.0, "0"),
        (41.41234567, "41.4123"),
        (1e-7, "1.000e-07"),
        (np.float32(2.0), "2"),
        (np.nan, "–"),
        (None, "–"),
        (pd.NA, "–"),
        (1237658493878337919, "1237658493878337919"),
        ("<b>", "<b>"),
    ],
)
def test_values(value, words):
    assert shown_value(value) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(65, "1:05"), (3665, "1:01:05"), (0.4, "0:00"), (None, "–"), (np.inf, "–")]
)
def test_seconds(seconds, words):
    assert shown_seconds(seconds) == words


def test_a_number_that_javascript_cannot_hold_becomes_text():
    table = pd.DataFrame({"spec": [1237658493878337918, 1237658493878337919], "n": [1, 2]})
    shown = safe_for_page(table)
    assert shown["spec"].tolist() == ["1237658493878337918", "1237658493878337919"]
    assert shown["n"].tolist() == [1, 2]


def test_missing_and_extreme_numbers_become_text_too():
    table = pd.DataFrame(
        {
            "a": pd.array([1237658493878337918, None], dtype="Int64"),
            "b": np.array([2**64 - 1, 5], dtype="uint64"),
            "c": [-(2**63), 5],
            "d": pd.array([None, None], dtype="Int64"),
        }
    )
    shown = safe_for_page(table)
    assert shown["a"].iloc[0] == "1237658493878337918"
    assert pd.isna(shown["a"].iloc[1])
    assert shown["b"].tolist() == [str(2**64 - 1), "5"]
    assert shown["c"].tolist() == [str(-(2**63)), "5"]
    assert shown["d"].dtype == "Int64"


def test_errors_are_words():
    assert shown_error(KeyError("ids: <x>")) == "ids: <x>"
    assert shown_error(ValueError("epochs: no")) == "epochs: no"


def test_a_field_and_its_parameter_follow_each_other():
    class Both(param.Parameterized):
        word = param.String(default="a")
        number = param.Integer(default=3, bounds=(1, 9))

    both = Both()
    word, number = field(both.param.word, width=90), field(both.param.number, type=pn.widgets.IntInput)
    both.param.update(word="b", number=5)
    assert (word.value, number.value, word.width) == ("b", 5, 90)
    word.value, number.value = "c", 7
    assert (both.word, both.number) == ("c", 7)


def test_titles_of_a_table_and_labels_of_a_choice_are_escaped():
    name = '<img src=x onerror="alert(1)">'
    (title,) = [one.title for one in data_table(pd.DataFrame({name: [1]})).get_root().columns if one.field == name]
    choice = Choices(options=[name, "z"], value=[name])
    assert as_html(name) == title == choice.get_root().options[0] == choice.get_root().value[0]
    choice._process_events({"value": [as_html(name), "z"]})
    assert choice.value == [name, "z"]
    assert unescape(Text(name).get_root().text) == as_html(name)  # Panel escapes once more on the way
    assert unescape(Text(Markup("<b>a</b>")).get_root().text) == "<b>a</b>"
