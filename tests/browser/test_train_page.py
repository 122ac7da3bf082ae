"""The page of a user's own images in Chromium: a column is chosen, learned, predicted and explained."""

import signal
from contextlib import contextmanager

import numpy as np
import pytest
from playwright.sync_api import expect

from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ROWS = 40


@pytest.fixture(scope="module")
def server(serve, make_sky, tmp_path_factory):
    """The page, started on a sky whose column ``bright`` is 0 or 1, with two missing values."""
    sky, path = make_sky(ROWS, 1237658493878337900), tmp_path_factory.mktemp("skies") / "mine"
    bright = (sky.catalogue["richness"] > sky.catalogue["richness"].median()).astype(float)
    bright.iloc[:2] = np.nan
    more = {"bands": sky.bands, "pixel_scale": sky.pixel_scale, "unit": sky.unit}
    catalogue = sky.catalogue.assign(bright=bright)
    CutoutSet(images=np.asarray(sky.images), catalogue=catalogue, **more).save(path)
    return serve("train", path)


@contextmanager
def halted(server):
    """Halt the server, as one that is busy: what the page shows meanwhile, it shows by itself."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_what_is_not_there_yet_is_said_at_once(server, open_page):
    """A click on a tab, and pictures that are scrolled to: the page needs no word of the server."""
    # So low that the last pictures are not among those fetched ahead.
    driven = open_page(f"{server.url}?tab=data", width=900, height=520)
    page = driven.page
    gallery = page.locator(".galviz-gallery")
    driven.pane("Gallery")  # a narrow page shows one pane at a time
    driven.until(lambda: gallery.locator(".cell.here canvas").count() >= 8)
    expect(gallery.locator(".loading")).to_be_hidden()
    driven.rests()
    with halted(server):
        gallery.locator(".view").evaluate("view => { view.scrollTop = 5000 }")
        expect(gallery.locator(".loading")).to_be_visible()
        page.get_by_role("tab", name="Runs", exact=True).click()
        expect(page.get_by_text("Opening Runs …")).to_be_visible()
    expect(page.get_by_text("No run yet. Train one on the tab Train.")).to_be_visible()
    expect(page.get_by_text("Opening Runs …")).to_be_hidden()
    driven.tab("Data")
    expect(gallery.locator(".loading")).to_be_hidden()


def test_a_column_is_chosen_learned_and_explained(server, open_page):
    driven = open_page(f"{server.url}?tab=train")
    page = driven.page
    page.get_by_text("Target: choose a column to learn.").first.wait_for()
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("alert").get_by_text("Target: choose a column to learn.")).to_be_visible()

    # The task of the column is guessed, and its values are shown.
    page.get_by_label("Target", exact=True).select_option("bright")
    page.get_by_text("bright: 2 values (0, 1) → classification, positive 1").wait_for()
    page.get_by_text(f"bright: {ROWS - 2} known, 2 missing").wait_for()
    bars = driven.until(lambda: [
        line["objects"] for figure in driven.figures() for line in figure["lines"] if "objects" in line
    ])  # fmt: skip
    assert sorted(bars[0]) == [18, 20]
    driven.until(lambda: page.get_by_label("Recipe", exact=True).input_value() == "quick")

    # The settings are closed at first; the command to copy has what is set.
    assert not page.get_by_label("epochs", exact=True).is_visible()
    for group in ("Advanced", "network", "data", "validation"):
        page.get_by_role("button", name=group, exact=True).click()
    for label, value in {"epochs": 2, "batch": 8, "tta": 1, "folds": 2, "width": 4}.items():
        driven.set_field(label, value)
    driven.set_field("Name of the new run", "first")
    command = page.locator("pre.command")
    driven.until(lambda: "network.width=4" in command.inner_text() and "/runs/first" in command.inner_text())
    assert "--target bright --recipe quick" in command.inner_text()
    assert "epochs=2 batch=8" in command.inner_text()
    page.get_by_role("button", name="Start training").click()
    page.get_by_text("✔ done").wait_for()
    run = Run.open(server.home / "runs" / "first")
    held_out = run.predictions().held_out().table
    assert {"bright", "bright_true", "p_0", "p_1"} <= set(held_out.columns)
    assert (run.recipe.epochs, run.recipe.network.width, run.target.positive) == (2, 4, "1")

    # A threshold over the probability of the positive class, with its truth.
    driven.tab("Threshold")
    page.get_by_text("that the network has not seen in training").wait_for()
    driven.until(lambda: page.get_by_label("Truth").first.input_value() == "bright = 1, known (p_1_true)")
    above = f"{(held_out['p_1'] > 0.5).sum()} of {len(held_out)}"
    driven.until(lambda: page.locator(".galviz-threshold dd").first.inner_text() == above)

    # Why the network says so.
    driven.tab("Why")
    driven.drawer("right")
    page.get_by_label("Output").first.wait_for()
    assert "probability of bright = 1" in page.get_by_label("Output").first.inner_text()
    page.locator(".galviz-occlusion .readout", has_text="unchanged image:").wait_for()

    # The predictions.
    driven.tab("Predictions")
    page.locator(".measures").first.wait_for()
    driven.until(lambda: "accuracy" in page.locator(".measures").first.inner_text().lower())
    page.get_by_text(f"{len(held_out):,} held-out objects").wait_for()
    page.locator(".measures caption", has_text="Class by class").wait_for()
    expect(page.get_by_text("Computing")).to_have_count(0)


def test_an_empty_page_says_what_to_do(serve, open_page):
    server = serve("train")
    driven = open_page(server.url)
    driven.page.get_by_text("galviz ingest FOLDER --out SKY").wait_for()
    for label, value in {"Objects": 12, "Side in pixels": 16}.items():
        driven.set_field(label, value)
    driven.page.get_by_role("button", name="Make a synthetic sky").click()
    driven.page.get_by_text("0 of 12 objects selected").first.wait_for()
    driven.tab("Train")
    driven.page.get_by_label("Target", exact=True).select_option("richness")
    driven.page.get_by_text("richness: 12, all known").wait_for()


@pytest.mark.parametrize("theme", ["default", "dark"])
def test_nothing_sticks_out(server, open_page, theme):
    driven = open_page(f"{server.url}?tab=train&theme={theme}", width=1500)
    driven.page.get_by_label("Target", exact=True).select_option("bright")
    driven.page.get_by_text("bright: 38 known").wait_for()
    driven.page.get_by_role("button", name="Advanced", exact=True).click()
    for width in (900, 1500, 2560):
        assert driven.sticks_out(width) <= 0
