"""What judges predicted numbers: residuals, tails, relations, ranges, and the errors that a network estimates."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.measure.intervals import pit, pit_histogram
from galviz.measure.metrics import bias, mae, outlier_fraction, rmse, sigma_nmad, usual_cut
from galviz.measure.ranges import in_ranges
from galviz.measure.relation import relation
from galviz.measure.score_columns import is_redshift
from galviz.measure.tails import Tails, corrected, tails
from galviz.pages.explorer import Explorer
from galviz.pages.results.judge import JudgeView, Later
from galviz.pages.results.measures import MeasuresView
from galviz.pages.results.redshifts import redshift_table, redshifts_html
from galviz.pages.workspace import fills
from galviz.tasks.pair import Pair
from galviz.tasks.target import Target
from galviz.tools.diagnostics.figure import density_plot, ends_of, ranges_plot
from galviz.tools.formatting import REFUSED, Choices, drawn, field, filling, note, shown_error, text
from galviz.tools.intervals.figure import pit_plot
from galviz.tools.intervals.view import CoverageView
from galviz.tools.selection.buttons import held_out

REDSHIFTS = ("z", "z_spec", "z_phot")
_IN_RANGES = ("mae", "bias", "sigma_nmad", "outlier_fraction")
_MOST = 200  # columns offered as ranges
_BESIDE = 2  # models beside the own one
_RELATED = ("lgm_tot_p50", "log_mass", "mass", *REDSHIFTS)  # what numbers are usually drawn against

Models = Mapping[str, Callable[[], pd.DataFrame | None]]
"""Name of another model → function that returns a table with the same columns, as of `Library.judged`."""


class NumbersJudge(JudgeView):
    """Judges predicted numbers; parameters as in `JudgeView`.

    Parameters
    ----------
    target : Target, optional
        Of a run: errors are then also shown in other units.
    models : mapping of str to callable, optional
        Other predictions of the same objects, for the plot of several models side by side.
    """

    models = param.Dict(default={}, doc="other predictions, as `Models`")
    beside = param.ListSelector(default=[], objects=[], label="Beside", doc="names of the models shown beside this one")
    against = param.Selector(default="", objects=[""], label="Against", doc="column of the relation")
    stretched = param.Boolean(default=False, label="Corrected")
    cut = param.Number(default=None, bounds=(0, None), inclusive_bounds=(False, True), label="Outliers beyond")
    by = param.Selector(default="", objects=[""], label="Ranges of", doc="column whose ranges are drawn")
    measure = param.Selector(default="bias", objects=["bias", "scatter", "MAE", "outliers"], label="Measure")

    def __init__(
        self,
        pair: Pair,
        explorer: Explorer,
        target: Target | None = None,
        models: Models | None = None,
        called: str = "",
        **params: object,
    ) -> None:
        self.target, self.called = target, called or pair.estimate
        self.compared: Callable[[], Markup] = Markup  # baselines for redshifts, of a run
        super().__init__(pair, explorer, **params)
        self.offer(models or {})
        names = [pair.truth, pair.estimate]
        names += [str(name) for name in explorer.table.select_dtypes("number") if name not in names][:_MOST]
        self.param.by.objects, self.by = names, pair.truth
        related = [name for name in names[2:] if name not in (pair.sigma, "residual", "fold")]
        first = next((name for name in _RELATED if name in related), related[0] if related else "")
        self.param.against.objects, self.against = related or [""], first

    def offer(self, models: Models, *, shown: bool = False) -> None:
        """Offer other models to be shown beside this one; `shown`: and show the first of them."""
        self.param.beside.objects = list(models)
        beside = [name for name in self.beside if name in models]
        self.param.update(models=dict(models), beside=list(models)[:1] if shown and not beside else beside)

    def kinds(self) -> dict[str, Callable[[], Any]]:
        """Return the plots: coverage and PIT only where the prediction has an error of its own."""
        own = {"Coverage": self.coverage, "PIT": self.pit} if self.pair.sigma else {}
        related = {"Relation": self.relation} if self.against else {}
        redshift = {"Redshifts": self.redshifts} if is_redshift(self.pair.truth) else {}
        always = {"Residuals": self.side_by_side, "Tails": self.tails} | related | {"In ranges": self.ranges}
        return own | always | redshift

    def of(self, kind: str) -> list[param.Parameter]:
        """Return the parameters that change a plot."""
        changes = {"In ranges": ["by", "measure", "cut"], "Residuals": ["beside", "models"], "Tails": ["stretched"]}
        changes["Relation"] = ["against", "beside", "models"]
        return [self.param[name] for name in changes.get(kind, [])]

    def controls(self, kind: str) -> list[Any]:
        """Return the controls of a plot."""
        if kind == "In ranges":
            return [field(self.param.by, width=160), field(self.param.measure, width=110)]
        if kind == "Tails":
            return [field(self.param.stretched)]
        related = [field(self.param.against, width=160)] if kind == "Relation" else []
        there = self.param.models.rx().rx.pipe(bool)
        beside = field(self.param.beside, type=Choices, width=260, max_items=_BESIDE, visible=there)
        return [*related, beside] if kind in ("Residuals", "Relation") else []

    def side(self) -> tuple[pd.DataFrame, dict[str, str]]:
        """Return the selected objects that all shown models have, a column for each, and column → name of the model.

        Raises
        ------
        ValueError
            If no such object has a known truth.
        """
        rows = self.rows()
        table = pd.DataFrame({"truth": self.pair.true(rows), "model 0": self.pair.given(rows)}, index=rows.index)
        names = {"model 0": self.called}
        for name in self.beside[:_BESIDE]:
            try:
                other = self.models[name]()
            except (*REFUSED, KeyError, TypeError) as error:
                raise ValueError(f"{name}: {shown_error(error)}") from error
            if other is None or self.pair.estimate not in other:
                raise ValueError(f"{name}: expected a column {self.pair.estimate!r}, got none.")
            column = f"model {len(names)}"
            names[column] = name
            table[column] = pd.Series(self.pair.given(held_out(other)), held_out(other).index).reindex(table.index)
        table = table.dropna()
        if table.empty:
            shared = "that all models predict" if len(names) > 1 else "with a prediction"
            raise ValueError(f"No object {shared} has a known truth.")
        return table, names

    def side_by_side(self) -> Later:
        """Draw each model against the truth, and below it its residuals: the same objects for all."""

        def show(found: tuple[pd.DataFrame, dict[str, str]]) -> pn.viewable.Viewable:
            table, names = found
            truth, every = table["truth"].to_numpy(), table[list(names)].to_numpy()
            plane, unit = ends_of(np.append(truth, every.ravel())), f" {self.pair.unit}" if self.pair.unit else ""
            apart = ends_of((every - truth[:, None]).ravel(), symmetric=True)
            columns, name = [], self.pair.name
            for column, model in names.items():
                estimate = table[column].to_numpy()
                scatter = f"RMSE {rmse(truth, estimate):.4f}{unit}, σ_NMAD {sigma_nmad(truth, estimate):.4f}{unit}"
                words = f"{model}: {scatter}; {len(table):,} objects"
                axes = f"True {name}", f"Predicted {name}"
                upper = density_plot(truth, estimate, axes, words, limits=(plane, plane), line="1:1", bar=False)
                axes, more = (f"True {name}", "Residual"), {"line": "zero", "bar": False}
                lower = density_plot(truth, estimate - truth, axes, "", limits=(plane, apart), **more)
                columns.append(fills(_share(upper.opts(xlabel=""), 3), _share(lower.opts(yticks=4), 2)))
            return pn.Row(*columns, sizing_mode="stretch_both", margin=0)

        return Later(self.side, show, fills=True)

    def tails(self) -> Later:
        """Draw whether high and low values are predicted right, and what a correction would change."""

        def found() -> tuple[np.ndarray, np.ndarray, Tails]:
            truth, estimate = self.arrays()
            known = np.isfinite(truth) & np.isfinite(estimate)
            truth, estimate = truth[known], estimate[known]
            measured = tails(truth, estimate)
            return truth, corrected(truth, estimate) if self.stretched else estimate, measured

        def show(of: tuple[np.ndarray, np.ndarray, Tails]) -> pn.viewable.Viewable:
            (truth, estimate, measured), unit = of, f" {self.pair.unit}" if self.pair.unit else ""
            ends, steep = ends_of(np.append(truth, estimate)), measured.slope
            fit = (1.0, 0.0) if self.stretched else (steep.value, estimate.mean() - steep.value * truth.mean())
            word = "Corrected" if self.stretched else "Predicted"
            title = f"{word} against true: RMSE {rmse(truth, estimate):.4f}{unit}; dashed: equal"
            axes = (f"True {self.pair.name}", f"{word} {self.pair.name}")
            plot = density_plot(truth, estimate, axes, title, limits=(ends, ends), line="1:1", fit=fit, bar=False)
            return fills(text(tails_words(measured, self.pair.unit)), _share(plot, 3))

        return Later(found, show, fills=True)

    def redshifts(self) -> Later:
        """Show the metrics of photometric redshifts, and of baselines."""
        return Later(
            lambda: (redshift_table(*self.arrays()), self.compared()),
            lambda found: text(redshifts_html(found[0]) + found[1]),
        )

    def relation(self) -> Later:
        """Draw the truth and each model against another column, with the scatter around the running median."""

        def found() -> tuple[np.ndarray, pd.DataFrame, dict[str, str]]:
            table, names = self.side()
            by = self.rows()[self.against].reindex(table.index).to_numpy(dtype=float, na_value=np.nan)
            known = np.isfinite(by)
            if not known.any():
                raise ValueError(f"No object has a value of {self.against}.")
            return by[known], table[known], names

        def show(of: tuple[np.ndarray, pd.DataFrame, dict[str, str]]) -> pn.viewable.Viewable:
            by, table, names = of
            limits = ends_of(by), ends_of(table.to_numpy().ravel())
            unit, plots = f" {self.pair.unit}" if self.pair.unit else "", []
            for column, name in ({"truth": "Truth"} | names).items():
                values = table[column].to_numpy()
                scatter = relation(by, values)
                words = f"{name}: scatter {scatter.rms:.3f}{unit} (rms), σ_NMAD {scatter.sigma_nmad:.3f}{unit}"
                axes = (self.explorer.axes.get(self.against, self.against), self.pair.name)
                plots.append(filling(density_plot(by, values, axes, words, limits=limits, bar=False)))
            return pn.Row(*plots, sizing_mode="stretch_both", margin=0)

        return Later(found, show, fills=True)

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


def _share(plot: Any, parts: int) -> pn.Column:
    """Return a figure that takes so many parts of the height of its pane, 60 px each at least."""
    lowest = 60 * parts
    figure = drawn(plot.opts(height=None, min_height=lowest), sizing_mode="stretch_both", min_height=lowest)
    return pn.Column(figure, sizing_mode="stretch_both", margin=0, styles={"flex": f"{parts} 1 0", "min-height": "0"})


def tails_words(found: Tails, unit: str = "") -> str:
    """Return in sentences how much the tails are compressed."""
    unit, steep = f" {unit}" if unit else "", found.slope
    words = "The tails are compressed." if steep.high < 1 else "The tails are stretched." if steep.low > 1 else ""
    words = words or "No compression of the tails is measured."
    # A few objects have no interval: some resamples have one true value only.
    span = f" ({steep.low:.3f} to {steep.high:.3f})" if np.isfinite([steep.low, steep.high]).all() else ""
    low, high = (f"{100 * share:.1f} % of the predictions" for share in found.shares)
    return (
        f"{words} Slope of predicted against true values: {steep.value:.3f}{span}. "
        f"10 % of the true values lie above {found.ends[1]:.4g}{unit}, and {high}; 10 % lie below "
        f"{found.ends[0]:.4g}{unit}, and {low}. A correction makes high and low values right on average, and makes "
        "individual predictions noisier."
    )
