"""Results of regression: the first number against its truth, and the errors that the network estimates of itself."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import panel as pn
import param

from galviz.measure.intervals import pit, pit_histogram
from galviz.measure.metrics import bias, mae, outlier_fraction, sigma_nmad, usual_cut
from galviz.measure.ranges import in_ranges
from galviz.pages.explorer import Explorer
from galviz.pages.results.judge import JudgeView, Later
from galviz.pages.results.measures import MeasuresView
from galviz.pages.results.view import ResultsView, judged_plots
from galviz.tasks.pair import Pair, pair_of_target
from galviz.tasks.target import Target
from galviz.tools.diagnostics.figure import ranges_plot
from galviz.tools.formatting import field, filling, note
from galviz.tools.intervals.figure import pit_plot
from galviz.tools.intervals.view import CoverageView

_REDSHIFTS = ("z", "z_spec", "z_phot")
_IN_RANGES = ("mae", "bias", "sigma_nmad", "outlier_fraction")
_MOST = 200  # columns offered as ranges


class NumbersJudge(JudgeView):
    """Judges predicted numbers; parameters as in `JudgeView`.

    Parameters
    ----------
    target : Target, optional
        Of a run: errors are then also shown in other units.
    """

    cut = param.Number(default=None, bounds=(0, None), inclusive_bounds=(False, True), label="Outliers beyond")
    by = param.Selector(default="", objects=[""], label="Ranges of", doc="column whose ranges are drawn")
    measure = param.Selector(default="bias", objects=["bias", "scatter", "MAE", "outliers"], label="Measure")

    def __init__(self, pair: Pair, explorer: Explorer, target: Target | None = None, **params: object) -> None:
        self.target = target
        super().__init__(pair, explorer, **params)
        names = [pair.truth, pair.estimate]
        names += [str(name) for name in explorer.table.select_dtypes("number") if name not in names][:_MOST]
        self.param.by.objects, self.by = names, pair.truth

    def kinds(self) -> dict[str, Callable[[], Any]]:
        """Return the plots: coverage and PIT only where the prediction has an error of its own."""
        own = {"Coverage": self.coverage, "PIT": self.pit} if self.pair.sigma else {}
        return own | {"In ranges": self.ranges}

    def of(self, kind: str) -> list[param.Parameter]:
        """Return the parameters that change a plot."""
        return [self.param.by, self.param.measure, self.param.cut] if kind == "In ranges" else []

    def controls(self, kind: str) -> list[Any]:
        """Return the controls of the ranges."""
        if kind != "In ranges":
            return []
        return [field(self.param.by, width=160), field(self.param.measure, width=110)]

    def _cut(self) -> float | None:
        return self.cut or usual_cut(*self.arrays())

    def measures(self) -> MeasuresView:
        """Return the metrics of the selected objects, in several units."""
        return MeasuresView(*self.arrays(), target=self.target, cut=self._cut(), unit=self.pair.unit)

    def coverage(self) -> CoverageView | pn.viewable.Viewable:
        """Return how often the intervals of the selected objects contain the truth."""
        return self._with_errors(
            lambda rows: CoverageView(
                rows, self.pair.name, truth=self.pair.truth, estimate=self.pair.estimate, sigma=self.pair.sigma
            )
        )

    def pit(self) -> pn.viewable.Viewable:
        """Draw the histogram of PIT values of the selected objects."""
        columns = [self.pair.truth, self.pair.estimate, self.pair.sigma]
        return self._with_errors(
            lambda rows: filling(pit_plot(pit_histogram(pit(*(rows[name].to_numpy(float) for name in columns)))))
        )

    def _with_errors(self, show: Callable[[pd.DataFrame], Any]) -> Any:
        """Show the objects with a truth and an error; an error of 0 or less is none."""
        columns = [self.pair.truth, self.pair.estimate, self.pair.sigma]
        rows = self.rows().dropna(subset=columns)
        usable = rows[rows[self.pair.sigma] > 0]
        if not len(usable):
            return note("Undefined: no object has a known truth and an error above 0.")
        left = len(rows) - len(usable)
        words = f"{left:,} objects whose {self.pair.sigma} is not above 0 are left out."
        return pn.Column(*([note(words)] if left else []), show(usable), sizing_mode="stretch_both")

    def ranges(self) -> Later | pn.viewable.Viewable:
        """Draw a measure in ranges of a column."""
        rows, cut = self.rows(), self._cut()
        truth, estimate, by = (*self.arrays(), rows[self.by].to_numpy(dtype=float, na_value=float("nan")))
        metrics = {"bias": bias, "scatter": sigma_nmad, "MAE": mae}
        if self.measure == "outliers" and cut is None:
            return note("Undefined: the scatter is 0. Set a cut under “Outliers beyond”.")
        metrics |= {"outliers": lambda *pair: outlier_fraction(*pair, cut or 1.0)}
        words = {
            "bias": "Bias",
            "scatter": "σ_NMAD",
            "MAE": "MAE",
            "outliers": f"Share of outliers beyond {cut or 0:g}",
        }
        unit = f" ({self.pair.unit})" if self.pair.unit and self.measure != "outliers" else ""
        axis = self.explorer.axes.get(self.by, self.pair.name if self.by == self.pair.truth else self.by)

        def show(found: pd.DataFrame) -> pn.viewable.Viewable:
            if found.empty:
                return note("Undefined: no object has a known truth and a value of that column.")
            return filling(ranges_plot(found, axis, words[self.measure] + unit, zero=self.measure == "bias"))

        chosen = {self.measure: metrics[self.measure]}
        return Later(lambda: in_ranges(by, truth, estimate, chosen), show, fills=True)

    def outliers(self) -> pn.widgets.Widget:
        """Return the field of the cut."""
        unit = f" ({self.pair.unit})" if self.pair.unit else ""
        return field(
            self.param.cut, type=pn.widgets.FloatInput, label=f"Outliers beyond{unit}", width=150,
            placeholder="3 σ_NMAD", step=0.05,
        )  # fmt: skip

    def tables(self) -> list[Any]:
        """Return the metrics in several units, and the cut of outliers."""
        return [self.outliers(), self.live(self.note), self.live(self.measures, self.param.cut)]

    def summarised(self) -> dict[str, Any]:
        """Return the unit, the cut, and the metrics that can be drawn in ranges."""
        return {"unit": self.pair.unit, "cut": self._cut(), "opens": _IN_RANGES}

    def carded(self) -> list[param.Parameter]:
        """Return the cut of outliers."""
        return [self.param.cut]

    def opened_by(self, card: str) -> str:
        """Draw the measure of a card in ranges."""
        self.measure = {"MAE": "MAE", "bias": "bias", "σ_NMAD": "scatter"}.get(card, "outliers")
        return "In ranges"

    def __panel__(self) -> pn.viewable.Viewable:
        wide = {"sizing_mode": "stretch_width"}
        return pn.Column(self.cards(), *self.tables(), pn.Tabs(*((k, m()) for k, m in self.tabs().items())), **wide)


class View(ResultsView):
    """Estimates against the truth; parameters as in `ResultsView`."""

    def plots(self) -> list[Mapping[str, Any]]:
        """Return the estimate against the truth, and the residual against the redshift or the truth."""
        names = (name for name in _REDSHIFTS if name in self.table and name != self.estimate)
        return judged_plots(self.truth, self.estimate, "residual", next(names, self.truth))

    def axes(self) -> dict[str, str]:
        """Return column → axis label."""
        label, errors = self.target.label_learned, {"spread": "Spread of the estimate ({})"}
        errors["sigma"] = "Estimated error, 1 σ ({})"
        axes = {self.truth: f"True {label}", self.estimate: f"Estimated {label}"}
        axes |= {"residual": f"Estimate − truth ({label})"}
        return axes | {f"{self.estimate}_{name}": words.format(label) for name, words in errors.items()}

    def make_judge(self) -> NumbersJudge:
        """Return the view that judges the objects shown."""
        pair = pair_of_target(self.target, self.truth, self.estimate, self.table)
        return NumbersJudge(pair, self.explorer, self.target)

    def measure(self) -> str:
        """Return the name of the mean error."""
        return f"MAE in {self.target.label_learned}"
