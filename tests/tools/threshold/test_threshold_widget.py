import numpy as np
import pandas as pd
import pytest
import traitlets

from galviz.measure.threshold_stats import ThresholdCurve
from galviz.tools.labels.core import Labels
from galviz.tools.messages import check
from galviz.tools.threshold import messages
from galviz.tools.threshold.widget import MOST, ThresholdWidget


@pytest.fixture
def table():
    rng = np.random.default_rng(5)
    p = rng.uniform(0, 1, 3000)
    ids = pd.Index([str(1237658493878337640 + k) for k in range(3000)], name="object_id", dtype=str)
    truth = rng.random(3000) < p
    return pd.DataFrame({"p_merger": p, "is_merger": truth, "Class4.1": rng.uniform(0, 1, 3000)}, index=ids)


def test_traitlets_can_be_read_set_and_observed(table):
    widget, heard = ThresholdWidget(table), []
    widget.observe(lambda change: heard.append((change["name"], change["new"])), ["threshold", "count"])
    widget.threshold = 0.8
    found = ThresholdCurve(table["p_merger"], table["is_merger"]).at(0.8)
    assert sorted(heard) == [("count", found.above), ("threshold", 0.8)]
    assert widget.fraction == found.fraction.value
    assert widget.interval == (found.fraction.low, found.fraction.high)
    assert widget.corrected == pytest.approx(found.corrected)
    assert widget.corrected_interval[0] < widget.corrected < widget.corrected_interval[1]
    assert (widget.purity, widget.completeness) == (found.purity.value, found.completeness.value)
    assert list(widget.ids()) == list(table.index[table["p_merger"] > 0.8])
    assert set(widget.selection) == set(widget.ids())
    widget.threshold = 0.1
    nearest = table["p_merger"][table["p_merger"] > 0.1].sort_values().index
    assert widget.selection == list(nearest[:MOST])
    with pytest.raises(traitlets.TraitError):
        widget.count = 3
    with pytest.raises(traitlets.TraitError):
        widget.threshold = 1.5


def test_the_line_can_be_dragged(table):
    widget, received = ThresholdWidget(table), []
    widget.send = received.append
    widget._receive({"type": "hello", "client": "x"})
    assert [message["type"] for message in received] == ["chart", "state"]
    for message in received:
        check(message, messages.TO_BROWSER)
    assert sum(received[0]["all"]) == 3000
    widget._receive({"type": "threshold", "client": "x", "seq": 7, "value": 0.25, "done": False})
    assert widget.threshold == 0.25
    assert received[-1]["acknowledged"] == {"x": 7}
    assert received[-1]["numbers"][0] == ("Above the line", f"{widget.count:,} of 3,000")


def test_another_answer_takes_its_own_truth(table):
    widget = ThresholdWidget(table, threshold=0.3)
    assert (widget.answer, widget.truth) == ("p_merger", "is_merger")
    widget.answer = "Class4.1"
    assert widget.truth == ""
    assert widget.count == (table["Class4.1"] > 0.3).sum()
    assert np.isnan(widget.corrected)
    widget.truth = "is_merger"
    assert np.isfinite(widget.completeness)
    with pytest.raises(
        ValueError, match=r"expected a column of the table within 0…1 \(p_merger, Class4\.1\), got 'none'"
    ):
        widget.answer = "none"
    assert widget.answer == "Class4.1"


def test_relabelling_moves_the_corrected_fraction(table, tmp_path):
    labels = Labels(tmp_path / "labels.csv")
    widget = ThresholdWidget(table, labels, threshold=0.5)
    before = widget.corrected
    wrong = table.index[table["is_merger"] & (table["p_merger"] < 0.5)][0]
    labels.set(wrong, "not a merger")
    widget.relabel()
    assert widget.corrected < before
    labels.undo()
    widget.relabel()
    assert widget.corrected == before


def test_a_table_without_a_score_is_refused(table):
    with pytest.raises(ValueError, match="expected a column of numbers within"):
        ThresholdWidget(table[["is_merger"]])


def test_what_is_refused_changes_nothing(table):
    table = table.assign(g=np.linspace(14, 20, len(table)))
    widget = ThresholdWidget(table, threshold=0.5)
    before = widget.count
    for name in ("answer", "truth"):
        with pytest.raises(ValueError, match=f"{name}: expected a column of the table within 0…1"):
            setattr(widget, name, "g")
    with pytest.raises(traitlets.TraitError):
        widget.truth_cut = 4
    assert (widget.answer, widget.truth, widget.count, widget.truth_cut) == ("p_merger", "is_merger", before, 0.5)


def test_the_cut_of_the_truth_is_a_traitlet(table):
    votes = table.assign(p_merger_true=np.linspace(0, 1, len(table)))
    widget = ThresholdWidget(votes, truth_cut=0.3)
    assert widget.truth == "p_merger_true"
    assert widget.scored.known.yes == (votes["p_merger_true"] > 0.3).sum()
    before = widget.corrected
    widget.truth_cut = 0.8
    assert widget.corrected != before
    assert widget.corrected == pytest.approx(
        ThresholdCurve(votes["p_merger"], votes["p_merger_true"] > 0.8).at(0.5).corrected
    )


def test_a_table_that_is_not_indexed_by_ids_is_refused(table):
    with pytest.raises(TypeError, match="object_id: expected strings"):
        ThresholdWidget(table.reset_index(drop=True))
