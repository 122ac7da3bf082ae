"""The page of richness in Chromium: data, training, predictions, runs."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from galviz.jobs import is_alive
from galviz.runs import Run
from galviz.sky.cutouts import CutoutSet

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ROWS = 40


@pytest.fixture(scope="module")
def server(serve, make_sky):
    server = serve("richness")
    make_sky(ROWS, 1237658493878337900).save(server.home / "skies" / "burned")
    return server


@pytest.fixture(scope="module")
def sky(server) -> CutoutSet:
    return CutoutSet.open(server.home / "skies" / "burned")


def open_tab(driven, name):
    driven.page.get_by_role("tab", name=name, exact=True).click()


def status(driven):
    return driven.page.get_by_role("status").first.inner_text()


def drawn_epochs(driven):
    (loss,) = driven.figures("Loss")
    return max((len(line.get("epoch", [])) for line in loss["lines"]), default=0)


def first_row(driven):
    return driven.page.locator(".tabulator-row").first.inner_text().split()[0]


def set_field(driven, label, value):
    field = driven.page.get_by_label(label, exact=True)
    field.fill(str(value))
    field.press("Enter")


def test_a_focus_shows_its_own_pixels_however_it_came(server, sky, open_page, burned_id):
    driven = open_page(f"{server.url}?tab=data&object={sky.object_ids[7]}")

    def shows(object_id):
        return driven.pictures(burned_id) == ({object_id}, {object_id})

    driven.until(lambda: shows(sky.object_ids[7]))
    driven.page.get_by_role("button", name="Next ▶").click()
    driven.until(lambda: shows(sky.object_ids[8]))
    set_field(driven, "Go to object_id", sky.object_ids[31])
    driven.until(lambda: shows(sky.object_ids[31]))
    assert sky.object_ids[31] in driven.page.url

    # A row of a page of the sorted table.
    driven.page.locator(".tabulator-col-title", has_text="richness").click()
    order = sky.catalogue["richness"].sort_values().index
    driven.until(lambda: first_row(driven) == order[0])
    driven.page.locator(".tabulator-page", has_text="2").click()
    driven.until(lambda: first_row(driven) == order[12])
    driven.page.get_by_text(order[15]).first.click()
    driven.until(lambda: shows(order[15]))

    # What the address says is what a second visitor sees.
    other = open_page(driven.page.url)
    other.until(lambda: other.pictures(burned_id) == ({order[15]}, {order[15]}))


def test_a_stretch_changes_the_colours_and_not_the_pixels(server, sky, open_page, burned_id):
    driven = open_page(f"{server.url}?object={sky.object_ids[3]}")
    driven.until(lambda: driven.pictures(burned_id)[0] == {sky.object_ids[3]})
    before = driven.figures("r ·")[0]["image"]
    driven.page.get_by_label("Stretch").select_option("linear")
    driven.page.wait_for_timeout(1000)
    assert driven.figures("r ·")[0]["image"] == before


def test_train_from_the_button_through_reload_stop_resume_and_a_killed_server(server, sky, open_page, burned_id):
    driven = open_page(f"{server.url}?tab=train")
    set_field(driven, "Name of the new run", "first")
    for label, value in {"epochs": 20000, "batch": 4, "tta": 1, "network: width": 32}.items():
        set_field(driven, label, value)
    driven.page.get_by_role("button", name="Start training").click()
    run_folder = server.home / "runs" / "first"

    # It runs, and the curve moves.
    driven.until(lambda: "running" in status(driven))
    seen = driven.until(lambda: drawn_epochs(driven))
    driven.until(lambda: drawn_epochs(driven) > seen)
    assert "left" in status(driven)
    assert "MiB" in status(driven)

    # A reload finds it again, and so does a second visitor.
    driven.page.reload()
    driven.until(lambda: "running" in status(driven) and drawn_epochs(driven) > seen)
    other = open_page(f"{server.url}?tab=train&run=first")
    other.until(lambda: "running" in status(other))

    # Stop is obeyed, resume goes on where it was.
    driven.page.get_by_role("button", name="Stop").click()
    driven.until(lambda: "stopped" in status(driven))
    other.until(lambda: "stopped" in status(other))
    epochs = len(Run.open(run_folder).metrics())
    driven.page.get_by_role("button", name="Resume").click()
    driven.until(lambda: "running" in status(driven))
    driven.until(lambda: drawn_epochs(driven) > epochs)

    # The server dies and comes back; the training did not notice.
    assert "libtorch" not in server.maps()
    address = driven.page.url
    for page in (driven, other):
        page.page.goto("about:blank")
    server.kill()
    assert is_alive(run_folder)
    server.start()
    again = open_page(address)
    seen = again.until(lambda: "running" in status(again) and drawn_epochs(again))
    again.until(lambda: drawn_epochs(again) > seen)
    again.page.get_by_role("button", name="Stop").click()
    again.until(lambda: "stopped" in status(again))
    table = Run.open(run_folder).metrics()
    assert table["epoch"].tolist() == list(range(1, len(table) + 1))
    assert drawn_epochs(again) == len(table)


def test_a_point_brings_its_picture_and_a_picture_its_point(server, sky, open_page, burned_id):
    driven = open_page(f"{server.url}?tab=train")
    set_field(driven, "Name of the new run", "second")
    for label, value in {"epochs": 1, "batch": 16, "tta": 1, "folds": 2, "network: width": 4}.items():
        set_field(driven, label, value)
    driven.page.get_by_role("button", name="Start training").click()
    driven.until(lambda: "done" in status(driven))
    open_tab(driven, "Predictions")
    (plot,) = driven.until(lambda: driven.figures("Estimate against truth"))
    held_out = Run.open(server.home / "runs" / "second").predictions().held_out()
    assert {point["id"] for point in plot["points"]} == set(held_out.object_ids)
    driven.page.get_by_text(f"{len(held_out):,} objects that the network has not seen").wait_for()

    # Points that lie alone, so that a tap means one.
    places = np.array([point["place"] for point in plot["points"]])
    apart = np.sort(np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1)), axis=1)[:, 1]
    for k in np.argsort(-apart)[:3]:
        driven.page.mouse.click(*places[k])
        object_id = plot["points"][k]["id"]
        driven.until(lambda wanted=object_id: driven.pictures(burned_id) == ({wanted}, {wanted}))
        assert object_id in driven.page.url

    # A picture of the strip: its pixels, its id, its point.
    pictures = driven.page.locator(".strip button")
    (button,) = [pictures.nth(4)]
    object_id = button.get_attribute("data-id")
    style = button.locator(".image").get_attribute("style")
    sheet = Image.open(io.BytesIO(base64.b64decode(style.partition("base64,")[2].partition(")")[0].rstrip("\"'"))))
    side = sheet.height
    tile = np.asarray(sheet.convert("L"), dtype=float)[::-1, 4 * side : 5 * side]  # row 0 at the bottom
    centres = ((np.arange(8) + 0.5) * side / 16).astype(int)
    bits = tile[np.ix_(centres, centres)] > tile[: side // 2, : side // 2].max() / 2
    assert burned_id(np.pad(bits.astype(float), ((0, 8), (0, 8)))[None]) == object_id
    button.click()
    driven.until(lambda: driven.pictures(burned_id) == ({object_id}, {object_id}))
    driven.until(lambda: button.get_attribute("aria-pressed") == "true")
    row = held_out.table.loc[object_id]

    def ringed():
        (plot,) = driven.figures("Estimate against truth")
        rings = [line for line in plot["lines"] if "object_id" not in line and len(line.get("truth", [])) == 1]
        return any(np.isclose(ring["estimate"][0], row["ln_richness"]) for ring in rings)

    driven.until(ringed)

    # The numbers on the page are those of the library.
    from galviz.sky.metrics import summary

    mae = summary(held_out.truth, held_out.estimate).loc["mae"]
    said = driven.until(lambda: driven.page.locator(".measures").inner_text())
    assert f"{mae['value']:.4f}" in said
    assert f"{mae['low']:.4f} to {mae['high']:.4f}" in said

    # Everything of it is known to the tab Runs.
    open_tab(driven, "Runs")
    driven.page.locator(".tabulator-row", has_text="second").first.click()
    driven.page.get_by_role("button", name="Follow it").click()
    driven.until(lambda: "done" in status(driven))
    assert "libtorch" not in server.maps()


def test_a_page_with_nothing_makes_a_sky(serve, open_page):
    server = serve("richness")
    driven = open_page(server.url)
    for label, value in {"Objects": 12, "Side in pixels": 16}.items():
        set_field(driven, label, value)
    driven.page.get_by_role("button", name="Make a synthetic sky").click()
    driven.page.get_by_text("12 objects").wait_for()
    driven.page.get_by_text("synthetic sky").first.wait_for()
    assert len(CutoutSet.open(server.home / "skies" / "synthetic")) == 12


def test_what_is_refused_is_said(server, open_page):
    driven = open_page(f"{server.url}?tab=train")
    set_field(driven, "learning rates: head", "fast")
    driven.page.get_by_role("button", name="Start training").click()
    driven.page.get_by_role("alert").get_by_text("expected a number, got 'fast'").wait_for()


@pytest.mark.parametrize("width", [900, 1500, 3840])
@pytest.mark.parametrize("theme", ["default", "dark"])
def test_nothing_sticks_out(server, open_page, width, theme):
    driven = open_page(f"{server.url}?theme={theme}", width=width)
    for name in ("Data", "Train", "Predictions", "Runs"):
        open_tab(driven, name)
        driven.page.wait_for_timeout(1500)
        main = driven.page.locator("#main")
        assert main.evaluate("main => main.scrollWidth - main.clientWidth") <= 0, name
