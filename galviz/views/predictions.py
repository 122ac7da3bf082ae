"""Estimates against the truth, object by object: a point brings its picture, a picture its point."""

from collections.abc import Callable

import pandas as pd
import panel as pn
import param

from galviz.figures.truth import MAX_POINTS, predicted_against_true, residual_against
from galviz.selection import Selection
from galviz.sky.cutouts import CutoutSet
from galviz.sky.predictions import Predictions
from galviz.views.measures import MeasuresView
from galviz.views.picture import PictureView
from galviz.views.points import linked_points
from galviz.views.strip import picture_strip
from galviz.views.table import TableView
from galviz.views.words import GROW, PICTURES, field, text

_ORDERS: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "largest error": lambda table: -table["residual"].abs(),
    "smallest error": lambda table: table["residual"].abs(),
    "highest estimate": lambda table: -table["estimate"],
    "lowest estimate": lambda table: table["estimate"],
}
_PICTURES = 10


class PredictionsView(pn.viewable.Viewer):
    """What a network said of each object, for a target that is a number.

    Parameters
    ----------
    predictions : Predictions
    selection : Selection
    cutouts : CutoutSet, optional
        The sky that it was said of: without it there are no pictures and no columns of its catalogue.
    """

    selection = param.ClassSelector(class_=Selection, constant=True)
    training = param.Boolean(default=False, label="Include objects seen in training")
    density = param.Boolean(default=False, label="Density instead of points")
    against = param.Selector(default="truth", objects=["truth"], label="Residual against")
    order = param.Selector(default="largest error", objects=list(_ORDERS), label="Pictures with the")

    def __init__(
        self, predictions: Predictions, selection: Selection, cutouts: CutoutSet | None = None, **params: object
    ) -> None:
        super().__init__(selection=selection, **params)
        self.label, self.cutouts = predictions.target.label_learned, cutouts
        self.table = joined(predictions, cutouts)
        numbers = [str(name) for name in self.table.select_dtypes("number") if name not in {"residual", "fold"}]
        self.param.against.objects = numbers
        self.against = next((name for name in ("z", "z_spec", "z_phot") if name in numbers), "truth")

    def shown(self) -> pd.DataFrame:
        """Give the rows that are looked at: those held out, and where asked those seen in training."""
        return self.table if self.training else self.table[~self.table["seen"]]

    @param.depends("training", "density")
    def truth_plot(self) -> pn.pane.HoloViews:
        """Show the estimates against the truth."""
        points, plot = predicted_against_true(self.shown(), label=self.label, density=self.density)
        return linked_points(points, plot, self.selection, by_place=self.density or len(points) > MAX_POINTS)

    @param.depends("training", "density", "against")
    def residual_plot(self) -> pn.pane.HoloViews:
        """Show the residuals against a column."""
        names = {"truth": f"True {self.label}", "estimate": f"Estimated {self.label}"}
        named = {"label": self.label, "column_label": names.get(self.against, self.against)}
        points, plot = residual_against(self.shown(), self.against, density=self.density, **named)
        return linked_points(points, plot, self.selection, by_place=self.density or len(points) > MAX_POINTS)

    @param.depends("training", "order")
    def strip(self) -> pn.viewable.Viewable:
        """Show the pictures at one end of an order."""
        if self.cutouts is None:
            return text("The sky of this run is not there: no pictures.")
        known = self.shown().loc[lambda table: table.index.isin(self.cutouts.object_ids)]
        first = known.loc[_ORDERS[self.order](known).dropna().sort_values(kind="stable").index[:_PICTURES]]
        notes = [f"{row.estimate:.2f}, true {row.truth:.2f}" for row in first.itertuples()]
        return picture_strip(self.cutouts, list(first.index), notes, self.selection)

    @param.depends("training")
    def measures(self) -> MeasuresView:
        """Show the metrics of the rows that are looked at."""
        rows = self.shown()
        return MeasuresView(rows["truth"].to_numpy(float), rows["estimate"].to_numpy(float))

    @param.depends("training")
    def rows(self) -> TableView:
        """Show the rows as a table."""
        return TableView(self.shown().drop(columns="seen"), self.selection, rows=8)

    @param.depends("training", "density")
    def about(self) -> str:
        """Say which objects are shown."""
        count, seen = len(self.shown()), int(self.table["seen"].sum())
        if not self.training:
            return f"<b>{count:,} objects that the network has not seen in training</b>; {seen:,} seen are left out."
        return (
            f"<b>{count:,} objects, {seen:,} of them seen in training</b>{'' if self.density else ' (crosses)'}: "
            "figures over these are better than on a new sky."
        )

    def __panel__(self) -> pn.viewable.Viewable:
        switches = [field(self.param[name], type=pn.widgets.Toggle) for name in ("training", "density")]
        controls = pn.FlexBox(field(self.param.against, width=180), *switches, align_items="flex-end")
        plots = pn.Column(self.truth_plot, self.residual_plot, styles=GROW)
        part = self.table["fold"].map(lambda fold: "seen in training" if fold < 0 else f"held out in fold {fold}")
        facts = self.table.drop(columns=["seen", "fold"]).assign(part=part.fillna("new"))
        picture = [] if self.cutouts is None else [PictureView(self.cutouts, self.selection, facts)]
        beside = pn.Column(*picture, field(self.param.order, width=180), self.strip, styles=PICTURES)
        below = pn.FlexBox(pn.Column(self.measures, styles=GROW), pn.Column(self.rows, styles=PICTURES))
        return pn.Column(text(self.about), controls, pn.FlexBox(plots, beside), below)


def joined(predictions: Predictions, cutouts: CutoutSet | None) -> pd.DataFrame:
    """Put estimate, truth, residual and the catalogue side by side, by `object_id`.

    Returns
    -------
    pandas.DataFrame
        Index ``object_id``; columns estimate, truth, residual, spread (where there is one), fold, seen, and those of
        the catalogue that bear other names.
    """
    table = predictions.table
    told = {"estimate": predictions.estimate, "truth": predictions.truth, "residual": predictions.residual}
    spread = f"{predictions.target.name}_spread"
    told |= {"spread": table[spread]} if spread in table else {}
    result = pd.DataFrame(told, index=pd.Index(predictions.object_ids, name="object_id"))
    result = result.assign(fold=table["fold"].to_numpy(), seen=(table["fold"].fillna(0) < 0).to_numpy(bool))
    if cutouts is None:
        return result
    catalogue = cutouts.catalogue
    return result.join(catalogue[[name for name in catalogue.columns if name not in result]], on="object_id")
