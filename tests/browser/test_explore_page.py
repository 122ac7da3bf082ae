"""The explorer's own page in Chromium: a table from elsewhere, with pictures, used as a visitor would."""

import json
import re
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from pages import opened, serving
from PIL import Image
from playwright.sync_api import expect

from galviz.io.expressions import matches
from galviz.io.tables import read_table, write_table
from galviz.measure import metrics
from galviz.measure.score_curves import roc

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ROWS = 200

# Keep what the field for uploads says.
WATCH = """() => {
  window.seen = []
  const find = (root) => {
    for (const one of root.querySelectorAll("*")) {
      if (one.matches(".status")) return one
      const inside = one.shadowRoot && find(one.shadowRoot)
      if (inside) return inside
    }
  }
  const status = find(document)
  new MutationObserver(() => window.seen.push(status.textContent)).observe(status, { childList: true, subtree: true })
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_sky):
    """A table of estimates that fail at high z, and a picture of each object."""
    folder = tmp_path_factory.mktemp("explore")
    sky, rng = make_sky(ROWS, 1237658493878337900), np.random.default_rng(2)
    table = sky.catalogue
    error = rng.normal(0, 0.05, ROWS) + np.where(table["z"] > 0.22, 1.0, 0.0)
    truth = np.log(table["richness"])
    write_table(folder / "table.csv", table.assign(ln_richness_true=truth, ln_richness=truth + error), "csv")
    (folder / "pictures").mkdir()
    for image, object_id in zip(sky.images, sky.object_ids, strict=True):
        grey = np.clip(255 * image[2][::-1], 0, 255).astype(np.uint8)
        Image.fromarray(grey).save(folder / "pictures" / f"{object_id}.png")
    return folder


@pytest.fixture(scope="module")
def server(serve, folder):
    return serve("explore", folder / "table.csv", folder / "pictures")


def test_a_table_with_pictures_is_explored(server, folder, open_page):
    driven = open_page(server.url)
    table = read_table(folder / "table.csv").table
    driven.page.get_by_text(f"{ROWS} objects, 4 columns").wait_for()
    (plot,) = driven.until(lambda: driven.figures("ln_richness against ln_richness_true"))
    assert len(plot["points"]) == ROWS
    driven.set_field("Select where", "z > 0.22")
    count = int((table["z"] > 0.22).sum())
    driven.page.get_by_text(f"{count} of {ROWS} objects selected").first.wait_for()

    # A picture is that of its id, in colours.
    object_id = table.index[41]
    driven.set_field("Go to object_id", object_id)
    driven.until(lambda: driven.shows(object_id))

    # The view is saved, and opens the same in a page that knows nothing of it.
    with driven.page.expect_download() as download:
        driven.drawer("left", "Saved views")
        driven.page.get_by_text("Save this view").click()
    saved = folder / "view.json"
    download.value.save_as(saved)
    assert json.loads(saved.read_text())["state"]["selection"]["focus"] == object_id
    other = open_page(server.url)
    other.page.locator("input[type=file][accept='.json']").set_input_files(saved)
    other.page.get_by_text(f"{count} of {ROWS} objects selected").first.wait_for()
    other.until(lambda: other.shows(object_id))

    # The defect is found, and its button chooses its objects.
    driven.page.get_by_role("button", name="Clear", exact=True).click()
    driven.page.get_by_text(f"0 of {ROWS} objects selected").first.wait_for()
    driven.pane("Diagnostics")
    driven.page.get_by_role("combobox", name="Diagnostics", exact=True).select_option("worst slices")
    driven.page.get_by_text("z above").first.wait_for()
    driven.page.get_by_role("button", name="Show these").first.click()
    driven.until(
        lambda: (
            "0 of"
            not in driven.page.get_by_role("status").filter(has_text=f"of {ROWS} objects selected").first.inner_text()
        )
    )
    shown_text = driven.page.get_by_role("status").filter(has_text=f"of {ROWS} objects selected").first.inner_text()
    assert "where" in shown_text
    expression = shown_text.partition("where ")[2].strip()
    assert shown_text.startswith(f"{matches(expression, table).sum()} of {ROWS}")


def test_a_table_without_ids_opens_with_its_rows_numbered(serve, folder, open_page):
    (folder / "plain.csv").write_text("z,r\n" + "".join(f"{k / 100},{20 + k}\n" for k in range(30)))
    driven = open_page(serve("explore", folder / "plain.csv").url)
    expect(driven.page.get_by_text("30 objects, 2 columns")).to_be_visible()
    expect(driven.page.get_by_text("The ids are row numbers").first).to_be_visible()
    expect(driven.page.get_by_text("row-01").first).to_be_visible()


def write_large(path, rows=30_000):
    """A CSV of more than 20 MB, which is the most that Bokeh takes in one message; its rows are few but long."""
    line = f"12376584938783{{:06d}},0.123456789012345,21.12345678901234,{{:06d}},{'f' * 808},0.98765432109876\n"
    path.write_text("object_id,z,r,n,text,q\n" + "".join(line.format(k, k) for k in range(rows)))
    assert path.stat().st_size > 24e6
    return path


def test_a_file_beyond_the_limit_of_a_message_is_uploaded_with_progress_behind_a_prefix(chromium, tmp_path):
    """What works behind a prefix works without one: addresses are relative."""
    script = "from galviz.pages.explore_page import explore_page\n\nexplore_page().servable()\n"
    file = write_large(tmp_path / "large (ü) 100%.csv")
    with serving(tmp_path, script) as url, opened(chromium, url, "text=up to 2.0 GB") as page:
        page.set_default_timeout(120_000)
        page.evaluate(WATCH)
        page.get_by_label("Or upload a table").set_input_files(file)
        expect(page.get_by_text(f"{file.name}: 26.7 MB, uploaded.")).to_be_visible()
        expect(page.get_by_text("30,000 objects, 5 columns")).to_be_visible()
        assert len([line for line in page.evaluate("window.seen") if "of 26.7 MB" in line]) > 5
        page.reload()
        expect(page.get_by_text("30,000 objects, 5 columns")).to_be_visible()


@pytest.fixture(scope="module")
def predictions(tmp_path_factory):
    """Two tables of predictions like published ones, and one of probabilities."""
    folder, rng = tmp_path_factory.mktemp("predictions"), np.random.default_rng(5)
    ids = np.arange(300) + 1237658493878337000
    truth = rng.normal(8.9, 0.2, 300)
    for name, scatter in (("predictions", 0.08), ("predictions_64", 0.12)):
        rows = {"objID": ids, "oh_p50": truth.round(6), "prediction": (truth + rng.normal(0, scatter, 300)).round(6)}
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    spiral = np.arange(300) % 3 == 0
    chance = np.clip(np.where(spiral, 0.7, 0.3) + rng.normal(0, 0.25, 300), 0, 1).round(4)
    rows = {"objID": ids, "kind": np.where(spiral, "spiral", "smooth"), "p_spiral": chance}
    pd.DataFrame(rows).to_csv(folder / "kinds.csv", index=False)
    return folder


def test_uploaded_predictions_are_judged_and_compared_with_a_second_table(serve, predictions, open_page):
    driven = open_page(serve("explore").url)
    page, tables = driven.page, [pd.read_csv(predictions / f"{name}.csv") for name in ("predictions", "predictions_64")]
    rmse = [f"{metrics.rmse(table['oh_p50'], table['prediction']):.4f}" for table in tables]
    nmad = [f"{metrics.sigma_nmad(table['oh_p50'], table['prediction']):.4f}" for table in tables]
    page.get_by_label("Or upload a table").set_input_files(predictions / "predictions.csv")
    driven.drawer("right")
    expect(page.get_by_text("300 objects with known truth")).to_be_visible()
    row = page.get_by_role("row")
    expect(row.filter(has_text="RMSE").first).to_contain_text(rmse[0])
    expect(row.filter(has_text="NMAD").first).to_contain_text(nmad[0])
    driven.set_field("Unit", "dex")
    expect(row.filter(has_text="RMSE").first).to_contain_text(f"{rmse[0]} dex")
    driven.pane("In ranges")
    driven.until(lambda: driven.figures("Bias (dex) in ranges of oh_p50 (dex)"))

    # The measures follow the selection.
    driven.set_field("Select where", "oh_p50 > 8.9")
    count = int((tables[0]["oh_p50"] > 8.9).sum())
    expect(page.get_by_text(f"{count} objects with known truth")).to_be_visible()
    page.get_by_role("button", name="Clear", exact=True).click()

    driven.pane("Second table")
    page.get_by_label("Upload a second table").set_input_files(predictions / "predictions_64.csv")
    expect(page.get_by_text("On the same objects")).to_be_visible()
    row = page.locator(".panes").get_by_role("row")
    compared = row.filter(has_text="RMSE").last
    expect(compared).to_contain_text(f"{rmse[0]} dex")
    expect(compared).to_contain_text(f"{rmse[1]} dex")
    expect(row.filter(has_text="NMAD").last).to_contain_text(f"{nmad[1]} dex")
    driven.until(lambda: driven.figures("The second against the first: 300 objects"))
    truth, cut = tables[0]["oh_p50"], metrics.usual_cut(tables[0]["oh_p50"], tables[0]["prediction"])
    good = [(table["prediction"] - truth).abs() <= cut for table in tables]
    changed = int((good[0] & ~good[1]).sum())
    expect(page.get_by_text(f"within the cut in predictions.csv only: {changed}", exact=True)).to_be_visible()
    page.get_by_role("button", name="Show these").nth(1).click()
    expect(page.get_by_role("status").filter(has_text="of 300 objects selected").first).to_contain_text(
        f"{changed} of 300"
    )

    # After a reload the first table and its columns are there.
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.locator("b", has_text="0 of 300 objects selected")).to_be_visible()
    page.wait_for_url(re.compile(re.escape(quote('"ids":[]'))))  # the address follows a moment later
    page.reload()
    driven.drawer("right")
    expect(page.get_by_role("row").filter(has_text="RMSE").first).to_contain_text(rmse[0])


@pytest.mark.parametrize("theme", ["default", "dark"])
def test_uploaded_classes_have_their_matrix_beside_the_gallery(serve, predictions, open_page, theme):
    driven = open_page(f"{serve('explore').url}?theme={theme}", width=1440, height=900)
    page, table = driven.page, pd.read_csv(predictions / "kinds.csv")
    page.get_by_label("Or upload a table").set_input_files(predictions / "kinds.csv")
    right = (table["kind"] == "spiral") == (table["p_spiral"] >= 0.5)
    driven.until(lambda: driven.figures("Confusion of classes"))
    driven.pane("Gallery")
    expect(page.get_by_text("300 objects · 0 selected")).to_be_in_viewport()  # it is on the same screen
    driven.drawer("right")
    expect(page.get_by_role("row").filter(has_text="accuracy")).to_contain_text(f"{right.mean():.4f}")
    driven.pane("ROC")
    area = roc(table["kind"] == "spiral", table["p_spiral"], n=1).area.value
    driven.until(lambda: driven.figures(f"ROC of spiral: area {area:.3f} ("))
    driven.pane("Purity–completeness")
    driven.until(lambda: driven.figures("Purity against completeness of spiral"))
    driven.pane("Reliability")
    driven.until(lambda: driven.figures("Reliability of the probability of spiral"))
    for width in (900, 1440, 2560):
        assert driven.sticks_out(width) <= 0, width


@pytest.mark.parametrize(("theme", "widths"), [("default", (900, 3840)), ("dark", (3840, 900))])
def test_nothing_sticks_out(server, open_page, theme, widths):
    driven = open_page(f"{server.url}?theme={theme}", width=widths[0])
    driven.page.get_by_text(f"{ROWS} objects, 4 columns").wait_for()
    driven.until(lambda: driven.figures("ln_richness against"))
    for width in widths:
        assert driven.sticks_out(width) <= 0, width
