"""The threshold over merger probabilities in Chromium: what the page says is what the library computes."""

import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from galviz.io.tables import read_table, write_table
from galviz.measure.threshold_stats import ThresholdCurve
from galviz.runs.headline import headline
from galviz.runs.run import Run
from galviz.tools.labels.core import Labels

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ROWS = 240


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_sky):
    """A table of scores, half of them with a truth, and a picture of each object with its id burned in."""
    folder = tmp_path_factory.mktemp("mergers")
    sky, rng = make_sky(ROWS, 1237658493878337900), np.random.default_rng(4)
    p = rng.uniform(0, 1, ROWS)
    truth = np.where(rng.random(ROWS) < 0.5, rng.random(ROWS) < p, np.nan).astype(float)
    more = {"p_merger": p, "truth": truth, "Class4.1": rng.uniform(0, 1, ROWS)}
    write_table(folder / "table.csv", sky.catalogue[["z"]].assign(**more), "csv")
    (folder / "pictures").mkdir()
    for image, object_id in zip(sky.images, sky.object_ids, strict=True):
        grey = np.clip(255 * image[2][::-1], 0, 255).astype(np.uint8)
        Image.fromarray(grey).save(folder / "pictures" / f"{object_id}.png")
    return folder


@pytest.fixture
def table(folder):
    return read_table(folder / "table.csv").table


@pytest.fixture(scope="module")
def server(serve, folder):
    return serve("mergers", folder / "table.csv", folder / "pictures")


def received(driven):
    """The numbers beside the histogram, by name."""
    names, values = (driven.page.locator(f".galviz-threshold {tag}").all_inner_texts() for tag in ("dt", "dd"))
    return dict(zip(names, values, strict=True))


def percents(text):
    return [float(number) for number in re.findall(r"\d+\.\d+", text)]


def says(driven, found):
    """Wait until the page says the numbers of a threshold."""
    expected = [100 * v for v in (found.fraction.value, found.fraction.low, found.fraction.high)]

    def holds():
        now = received(driven)
        return now["Above the line"] == f"{found.above} of {ROWS}" and (
            percents(now["Raw fraction"]) == pytest.approx(expected, abs=0.0051)
        )

    driven.until(holds)


def ids(driven, gallery):
    cells = driven.page.locator(".galviz-gallery").nth(gallery).locator(".cell.here")
    return cells.evaluate_all(
        "cells => cells.map((cell) => [cell.position, cell.dataset.id]).sort((a, b) => a[0] - b[0])"
    )


def nearest(driven, table, threshold):
    """Wait until both galleries show the nearest objects, in order."""
    scores = table["p_merger"].sort_values()
    sides = (list(scores[scores > threshold].index), list(scores[scores <= threshold].index[::-1]))
    for gallery, side in enumerate(sides):
        driven.until(lambda gallery=gallery, side=side: (
            (shown := [one for _, one in ids(driven, gallery)]) and shown == side[: len(shown)]
        ))  # fmt: skip
    return sides


def test_the_nearest_are_seen_first_wherever_the_focus_is(server, table, open_page):
    scores = table["p_merger"].sort_values()
    focus = scores[scores > 0.3].index[40]
    driven = open_page(f"{server.url}?threshold=0.3&object={focus}")
    nearest(driven, table, 0.3)
    driven.rests()
    gallery = driven.page.locator(".galviz-gallery").first
    gallery.get_by_text("objects").first.wait_for()
    assert gallery.locator(".view").evaluate("view => view.scrollTop") == 0
    gallery.locator(".view").focus()
    driven.page.keyboard.press("ArrowRight")  # from the object in focus, which comes into view
    driven.until(lambda: gallery.locator(".view").evaluate("view => view.scrollTop") > 0)


def test_the_line_the_numbers_the_galleries_and_the_labels(server, table, open_page):
    driven = open_page(f"{server.url}?threshold=0.3")
    page = driven.page
    curve = ThresholdCurve(table["p_merger"], table["truth"])
    page.locator(".galviz-threshold dd").first.wait_for()
    says(driven, curve.at(0.3))
    nearest(driven, table, 0.3)

    # The line is dragged, the slider moved by keys, the number typed.
    box = page.locator(".galviz-threshold .chart > svg").bounding_box()
    x = [box["x"] + 58 + part * (box["width"] - 70) for part in (0.3, 0.8)]
    page.mouse.move(x[0], box["y"] + 60)
    page.mouse.down()
    page.mouse.move(x[1], box["y"] + 60, steps=5)
    page.mouse.up()
    typed = page.locator(".galviz-threshold input[type=number]")
    at = driven.until(lambda: float(typed.input_value()))
    assert at == pytest.approx(0.8, abs=0.005)
    says(driven, curve.at(at))
    driven.until(lambda: f"threshold={at}" in page.url)
    page.locator(".galviz-threshold input[type=range]").press("ArrowLeft")
    says(driven, curve.at(round(at - 0.001, 3)))
    typed.fill("0.55")
    typed.press("Enter")
    says(driven, curve.at(0.55))
    found, boot = curve.at(0.55), curve.resampled(0.55)["corrected"]
    corrected = percents(received(driven)["Corrected fraction (merger)"])
    assert corrected == pytest.approx([100 * v for v in (boot.value, boot.low, boot.high)], abs=0.0051)
    assert percents(received(driven)["Purity"])[0] == pytest.approx(100 * found.purity.value, abs=0.0051)
    driven.until(lambda: "computed" not in received(driven)["Calibrated sum of scores"])
    expected = 100 * curve.expected(n=2).value
    assert percents(received(driven)["Calibrated sum of scores"])[0] == pytest.approx(expected, abs=0.0051)
    _, below = nearest(driven, table, 0.55)

    # The point moves on the curve.
    (figure,) = driven.until(lambda: driven.figures("Purity against completeness"))
    (point,) = [line["completeness"][0] for line in figure["lines"] if set(line) == {"completeness", "purity"}]
    assert point == pytest.approx(found.completeness.value)

    # Keys: right, then m three times, then undo one; the corrected fraction follows and the file holds two.
    page.locator(".galviz-gallery .view").nth(1).focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "m", "n", "m"):
        page.keyboard.press(key)
    page.get_by_text("3 of them labelled by you").wait_for()
    page.keyboard.press("u")
    labels = {below[0]: "merger", below[1]: "not a merger"}
    driven.until(lambda: Labels(server.home / "mergers.csv").to_dict() == labels)
    truth = table["truth"].copy()
    truth[list(labels)] = [1, 0]
    expected = 100 * ThresholdCurve(table["p_merger"], truth).at(0.55).corrected
    driven.until(
        lambda: percents(received(driven)["Corrected fraction (merger)"])[0] == pytest.approx(expected, abs=0.0051)
    )
    page.get_by_text("2 of them labelled by you").wait_for()

    # All of it again after a reload.
    driven.until(lambda: "threshold=0.55" in page.url)
    page.reload()
    page.get_by_text("2 of them labelled by you").wait_for()
    read = driven.until(lambda: received(driven).get("Corrected fraction (merger)"))
    assert (typed.input_value(), percents(read)[0]) == ("0.55", pytest.approx(expected, abs=0.0051))
    assert "libtorch" not in server.maps()


def test_controls_answers_rates_and_the_explorer(server, table, open_page):
    driven = open_page(server.url)
    page = driven.page
    page.locator(".galviz-threshold dd").first.wait_for()
    page.get_by_text("abstract only").first.wait_for()
    driven.set_field("T_obs (Gyr)", 0.2)
    page.get_by_text("with T_obs 0.2 Gyr").wait_for()
    page.get_by_role("cell", name="0.145", exact=True).wait_for()  # 0.029 / 0.2 Gyr
    driven.set_field("C", 2)
    page.get_by_role("cell", name="0.29", exact=True).wait_for()
    driven.until(lambda: driven.figures("Fraction by z"))
    driven.set_field("Fraction by", "z * 2")
    driven.until(lambda: driven.figures("Fraction by z * 2"))
    page.get_by_role("button", name="logarithmic").first.click()
    box = page.locator(".galviz-threshold input[type=number]")
    for typed, taken in (("7", "1"), ("-0.5", "0"), ("0.123456789", "0.123456789"), ("0.5", "0.5")):
        box.fill(typed)
        box.press("Enter")
        assert box.input_value() == taken  # what is shown is where the line is
    says(driven, ThresholdCurve(table["p_merger"], table["truth"]).at(0.5))

    page.get_by_text("Select all above the line").click()
    page.get_by_text("Explore the same table").click()
    chosen = int((table["p_merger"] > 0.5).sum())
    page.get_by_text(f"{chosen} of {ROWS} objects selected").first.wait_for()
    driven.set_field("Go to object_id", table.index[7])
    driven.until(lambda: driven.pictures()[0] == {table.index[7]} == driven.pictures()[1])

    page.get_by_label("Score", exact=True).select_option("spiral: yes (Class4.1)")
    says(driven, ThresholdCurve(table["Class4.1"]).at(0.5))
    page.get_by_text("choose a column with the truth").wait_for()
    page.get_by_label("Truth", exact=True).select_option("truth")
    driven.until(lambda: "Purity" in received(driven))
    driven.until(lambda: "answer=Class4.1" in page.url and "truth=truth" in page.url)


def test_from_a_drawn_sky_to_a_threshold_over_its_run_without_a_reload(serve, folder, open_page):
    server = serve("mergers")
    driven = open_page(server.url)
    page = driven.page
    page.get_by_text("No data yet").wait_for()
    assert page.get_by_label("Side in pixels").input_value() == "68"
    for label, value in {"Objects": 30, "Side in pixels": 32, "Name": "zoo"}.items():
        driven.set_field(label, value)
    page.get_by_role("button", name="Make a synthetic sky").click()
    page.get_by_text("30 objects · 3 bands red green blue").wait_for()

    # A bare table is uploaded.
    driven.tab("Threshold")
    page.get_by_text("Nothing is open yet").wait_for()
    (folder / "bare.csv").write_text("id,score\n" + "".join(f"a{k},{k / 100}\n" for k in range(100)))
    page.get_by_label("Or upload a table").set_input_files(folder / "bare.csv")
    page.get_by_text("bare.csv: 0.9 kB, uploaded").wait_for()
    driven.until(lambda: received(driven)["Above the line"] == "49 of 100")
    page.get_by_text("Sum of the raw scores").wait_for()

    # A run is trained meanwhile, and then chosen.
    driven.tab("Train")
    driven.set_field("Name of the new run", "first")
    for group in ("Advanced", "network", "data", "validation"):
        page.get_by_role("button", name=group, exact=True).click()
    for label, value in {"epochs": 1, "batch": 8, "tta": 1, "folds": 2, "width": 4}.items():
        driven.set_field(label, value)
    page.get_by_role("button", name="Start training").click()
    page.get_by_text("✔ done").wait_for()
    driven.tab("Threshold")
    page.get_by_label("Open", exact=True).select_option("run first")
    page.get_by_text("that the network has not seen in training").wait_for()
    table = Run.open(server.home / "runs" / "first").predictions().held_out().table
    driven.until(lambda: received(driven)["Above the line"].endswith(f"of {len(table)}"))  # the old fields have gone
    driven.set_field("True above", 0.02)
    at = page.locator(".galviz-threshold input[type=number]")
    at.fill("0.25")
    at.press("Enter")

    def says_run():
        now = received(driven)
        mean = pytest.approx(100 * table["Class8.6"].mean(), abs=0.0051)
        above = f"{(table['Class8.6'] > 0.25).sum()} of {len(table)}"
        return (now["Above the line"], percents(now["Sum of the raw scores"])[0]) == (above, mean)

    driven.until(says_run)
    driven.until(lambda: "threshold=0.25" in page.url and "truth_cut=0.02" in page.url)
    page.reload()
    driven.until(says_run)
    assert page.get_by_label("True above").input_value() == "0.02"

    # How it learned, beside others.
    driven.tab("Runs")
    driven.until(lambda: driven.figures("Loss, held out") and driven.figures("Accuracy (largest of all votes"))
    known = headline(Run.open(server.home / "runs" / "first"))
    expect(page.get_by_role("gridcell", name=str(known), exact=True)).to_be_visible()
    assert "libtorch" not in server.maps()


@pytest.mark.parametrize(("theme", "widths"), [("default", (900, 3840)), ("dark", (3840, 900))])
def test_nothing_sticks_out(server, open_page, theme, widths):
    driven = open_page(f"{server.url}?theme={theme}", width=widths[0])
    driven.page.locator(".galviz-threshold dd").first.wait_for()
    driven.until(lambda: driven.figures("Fraction by"))
    for width in widths:
        assert driven.sticks_out(width) <= 0, width
