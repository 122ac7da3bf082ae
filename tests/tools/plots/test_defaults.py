"""A table opens with the plots that an astronomer would choose."""

import numpy as np
import pandas as pd
import pytest

from galviz.io.tables import NUMBERED, read_table
from galviz.tasks.pair import pair_of
from galviz.tools.plots.defaults import default_plots, is_magnitude, magnitude_columns

N = 500
RNG = np.random.default_rng(1)


def table(**columns):
    return pd.DataFrame(columns, index=pd.Index([f"id{k}" for k in range(N)], name="object_id"))


SKY = {"RAJ2000": RNG.uniform(0, 360, N), "DEJ2000": RNG.uniform(-5, 60, N)}
UGRIZ = {band: RNG.normal(20 - k / 2, 1, N) for k, band in enumerate("ugriz")}


def drawn(plots):
    return [(plot["kind"], plot.get("x"), plot.get("y")) for plot in plots]


def test_a_cluster_catalogue_opens_as_a_sky_map_and_richness_against_redshift():
    clusters = table(Ng=RNG.integers(1, 99, N), **SKY, zlambda=RNG.uniform(0.1, 0.6, N), e_zlambda=0.01)
    clusters["lambda"] = np.exp(RNG.normal(3.5, 0.4, N))
    plots = default_plots(clusters)
    assert drawn(plots)[:2] == [("sky map", "RAJ2000", "DEJ2000"), ("scatter", "zlambda", "lambda")]
    assert plots[1]["log_y"]
    assert not any("Ng" in (plot.get("x"), plot.get("y")) for plot in plots)


def test_a_pair_comes_first_with_the_one_to_one_line_and_the_running_median():
    truth = RNG.normal(8.6, 0.2, N)
    rows = table(oh_p50=truth, prediction=truth + RNG.normal(0, 0.1, N), **SKY)
    for pair in (("oh_p50", "prediction"), pair_of(rows, "oh_p50", "prediction")):
        first, second, third, *_ = default_plots(rows, pair=pair)
        assert first == {"kind": "scatter", "x": "oh_p50", "y": "prediction", "guide": "1:1 line", "median": True}
        assert (second["y"], second["guide"]) == ("prediction - oh_p50", "zero and medians")
        assert third["kind"] == "sky map"
    assert default_plots(rows, pair=("oh_p50", "gone"))[0]["kind"] == "sky map"


def test_the_probability_of_a_class_is_a_histogram():
    rows = table(ring=RNG.integers(0, 2, N), p_ring=RNG.uniform(0, 1, N))
    assert default_plots(rows, pair=("ring", "p_ring"))[0] == {"kind": "histogram", "x": "p_ring"}


def test_magnitudes_open_as_a_colour_magnitude_plot_and_z_is_then_no_redshift():
    plots = default_plots(table(**UGRIZ))
    assert drawn(plots)[0] == ("scatter", "g - r", "r")
    assert magnitude_columns(table(**UGRIZ))["z"] == "z"
    both = table(**UGRIZ | {"z": RNG.uniform(0, 0.5, N), "richness": RNG.uniform(1, 9, N)})
    assert drawn(default_plots(both))[:2] == [("scatter", "z", "richness"), ("scatter", "g - r", "r")]


def test_a_column_of_a_colour_opens_against_the_magnitude_beside_it():
    rows = table(r=RNG.normal(18, 1, N), size=RNG.uniform(1, 9, N), g_r=RNG.normal(1, 0.2, N))
    assert drawn(default_plots(rows))[0] == ("scatter", "g_r", "r")


@pytest.mark.parametrize(
    "names", ["MAG_AUTO_{}", "modelMag_{}", "{}mag", "{}_mag", "mag_{}", "petroMag_{}", "dered_{}", "{}_auto"]
)
def test_magnitudes_are_known_by_their_usual_names(names):
    rows = table(**{names.format(band): RNG.normal(20, 1, N) for band in "gri"}, flux_r=RNG.uniform(1, 99, N))
    assert magnitude_columns(rows) == {band: names.format(band) for band in "gri"}
    assert is_magnitude(rows, names.format("r"))
    assert not is_magnitude(rows, "flux_r")
    assert not is_magnitude(rows, "gone")


def test_a_unit_says_what_a_magnitude_is():
    rows = table(brightness=RNG.normal(20, 1, N), r=RNG.normal(20, 1, N), k=RNG.normal(20, 1, N))
    assert not is_magnitude(rows, "brightness")
    assert is_magnitude(rows, "brightness", {"brightness": "mag"})
    assert not is_magnitude(rows, "r", {"r": "arcsec"})
    assert not is_magnitude(rows, "r")  # a radius, perhaps: there is no g beside it


def test_neither_ids_nor_errors_nor_bookkeeping_are_drawn():
    mass = RNG.normal(10, 1, N)
    rows = table(
        specobjid=np.arange(N) + 2**60, run=np.arange(N), e_mass=mass / 100, one=1.0,
        size=RNG.normal(size=N), colour=mass + RNG.normal(0, 0.1, N), lum=mass, same=mass,
    )  # fmt: skip
    first, last = default_plots(rows)
    assert drawn([first]) == [("scatter", "colour", "lum")]
    assert last["kind"] == "histogram"


def test_tables_without_numbers_count_classes_and_an_empty_one_has_no_plot():
    assert default_plots(table(a=["x"] * N, b=["y"] * N)) == [{"kind": "matrix", "x": "b", "y": "a"}]
    assert default_plots(table()) == []
    assert default_plots(table(a=np.full(N, np.nan))) == default_plots(table(a=np.full(N, np.nan))[:0])
    assert default_plots(table(a=RNG.normal(size=N))) == [{"kind": "histogram", "x": "a"}]


@pytest.mark.parametrize(
    ("file", "first"),
    [
        ("redmapper_dr8/redmapper_lambda.csv", [("sky map", "RAJ2000", "DEJ2000"), ("scatter", "zlambda", "lambda")]),
        ("sdss_skyserver_10k/skyserver_10k.csv", [("sky map", "ra", "dec"), ("scatter", "g - r", "r")]),
        ("stripe82_griz_specz/stripe82_galaxies.csv", [("scatter", "MAG_AUTO_G - MAG_AUTO_R", "MAG_AUTO_R")]),
        ("galaxyzoo2_svl/catalog.csv", [("sky map", "ra", "dec"), ("scatter", "smooth_debiased", "spiral_debiased")]),
    ],
)
def test_real_tables_open_as_astronomers_expect(file, first, real_data):
    numbered = None if file.startswith(("galaxyzoo2", "redmapper")) else NUMBERED
    keyed = read_table(real_data / file, id_column=numbered)
    assert drawn(default_plots(keyed.table, keyed.units))[: len(first)] == first
