"""Several models under one threshold."""

import numpy as np
import pandas as pd
import pytest

from galviz.tools.threshold.view import ThresholdView

N = 200


@pytest.fixture
def table():
    rng = np.random.default_rng(1)
    truth = (rng.random(N) < 0.5).astype(float)
    scores = {"p_merger": np.clip(truth * 0.4 + rng.random(N) * 0.6, 0, 1), "p_second": rng.random(N)}
    return pd.DataFrame(scores | {"truth": truth}, index=pd.Index([f"g{k}" for k in range(N)], name="object_id"))


def rows(view):
    """Model → its cells."""
    html = view.models.rows.object
    found = {}
    for row in html.split("<tr>")[2:]:
        name, *cells = row.replace("<th scope='row'>", "").replace("</th>", "").split("<td>")
        found[name] = [cell.split("</td>")[0] for cell in cells]
    return found


def test_another_column_and_another_run_follow_the_line(table):
    other = table.assign(p_merger=1 - table["p_merger"])
    view = ThresholdView(table, others={"second run": lambda: other}, answer="p_merger", truth="truth")
    assert view.models.rows.object == ""  # nothing is compared before it is wanted
    offered = view.models.param.chosen.objects
    assert offered[0] == "second run"
    assert "column p_second" in offered
    view.models.chosen = ["second run", "column p_second"]
    for threshold in (0.5, 0.8):
        view.threshold = threshold
        cells = rows(view)
        columns = {"this one (p_merger)": table["p_merger"], "second run": other["p_merger"]}
        columns["column p_second"] = table["p_second"]
        assert list(cells) == list(columns)
        for name, values in columns.items():
            above = values > threshold
            assert cells[name][0] == f"{above.sum()} of {N}"
            assert cells[name][2].startswith(f"{100 * table.loc[above, 'truth'].mean():.2f} %")
            assert cells[name][3].startswith(f"{100 * above[table['truth'] == 1].mean():.2f} %")


def test_models_are_offered_only_where_there_are_any(table):
    view = ThresholdView(table[["p_merger", "truth"]].assign(z=table["p_second"]), answer="p_merger")
    choice = view.models.__panel__()[0]
    assert not choice.visible
    view.models.others = {"second run": lambda: table}
    view.models.show(view.scored, "truth", 0.5)
    assert choice.visible


def test_a_run_without_that_score_is_named(table):
    view = ThresholdView(table, others={"bare": lambda: table.drop(columns="p_merger")}, answer="p_merger")
    view.models.chosen = ["bare"]
    assert "bare: expected a column p_merger" in view.models.error
    view.models.chosen = []
    assert view.models.error == ""


def test_names_are_text(table):
    view = ThresholdView(table, others={"<b>x": lambda: table}, answer="p_merger")
    view.models.chosen = ["<b>x"]
    assert "&lt;b&gt;x" in view.models.rows.object
