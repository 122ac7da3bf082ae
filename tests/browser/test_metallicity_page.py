"""The page of metallicity in Chromium: published predictions side by side, and a network of its own."""

import pandas as pd
import pytest
from playwright.sync_api import expect

from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.mock import write_metallicity_sky
from galviz.studies import metallicity, train

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PUBLISHED = {"predictions": ("0.08489", "0.06506"), "predictions_64": ("0.08792", "0.06780")}  # RMSE, σ_NMAD in dex


def card(driven, name):
    return driven.page.get_by_role("list", name="Measures").get_by_role("listitem").filter(has_text=name).first


def test_the_published_predictions_have_their_published_errors_and_are_compared(serve, real_data, open_page):
    folder = real_data / "wu_boada_oh_p50"
    first, second = (folder / f"{name}-oh_p50.csv" for name in PUBLISHED)
    driven = open_page(serve("metallicity", first).url)
    for name, value in zip(("RMSE", "σ_NMAD"), PUBLISHED["predictions"], strict=True):
        expect(card(driven, name)).to_contain_text(value)
    driven.pane("Second table")
    driven.page.get_by_label("Upload a second table").set_input_files(second)
    rows = driven.page.locator(".panes").get_by_role("row")
    for name, values in zip(("RMSE", "NMAD"), zip(*PUBLISHED.values(), strict=True), strict=True):
        for value in values:
            expect(rows.filter(has_text=name).last).to_contain_text(value)
    driven.until(lambda: driven.figures("The second against the first: 20,466 objects"))

    # The objects on which the two disagree.
    tables = [pd.read_csv(path) for path in (first, second)]
    apart = (tables[0]["prediction"] - tables[1]["prediction"]).abs()
    assert len(apart) == 20_466
    driven.page.get_by_role("button", name="Show these").first.click()
    expect(driven.page.get_by_role("status").filter(has_text="of 20,466 objects selected").first).not_to_contain_text(
        "0 of 20,466 objects selected"
    )


@pytest.fixture(scope="module")
def server(serve):
    server = serve("metallicity")
    sky = CutoutSet.open(write_metallicity_sky(server.home / "skies" / "drawn", 40, size=32, workers=1))
    recipe = metallicity.RECIPES["quick"].with_settings(["epochs=1", "data.tta=1", "network.width=4"])
    run = Run.create(
        server.home / "runs" / "first", study="metallicity", target=metallicity.TARGET, recipe=recipe, data=sky.path
    )
    train(run, sky, devices="cpu")
    return server


def test_the_predictions_of_a_run_are_judged(server, open_page):
    driven = open_page(f"{server.url}?tab=predictions&theme=dark")
    expect(card(driven, "RMSE")).to_contain_text("dex")
    driven.pane("Residuals")
    driven.until(lambda: len(driven.figures()) > 1)
    driven.pane("Tails")
    expect(driven.page.get_by_text("tails").first).to_be_visible()
    driven.pane("Relation")
    driven.until(lambda: [one for one in driven.figures() if one["title"].startswith("Truth: scatter")])
    driven.pane("Baselines")
    driven.page.get_by_role("button", name="Compare with baselines").click()
    for name in metallicity.STUDY.baselines:
        expect(driven.page.get_by_role("columnheader", name=name, exact=True)).to_be_visible()
    for width in (1440, 900):
        assert driven.sticks_out(width) <= 0
