"""The page of richness in Chromium: data, training, predictions, runs."""

import numpy as np
import pytest
from playwright.sync_api import expect

from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.work.processes import is_alive

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


def status(driven):
    return driven.page.get_by_role("status").first.inner_text()


def drawn_epochs(driven):
    (loss,) = driven.figures("Loss")
    return max((len(line.get("epoch", [])) for line in loss["lines"]), default=0)


def first_row(driven):
    return driven.page.locator(".tabulator-row").first.inner_text().split()[0]


def widest_gap(places):
    """The middle of the widest gap between sorted places (n,): an edge there leaves no doubt."""
    k = np.diff(places).argmax()
    return (places[k] + places[k + 1]) / 2


def set_recipe(driven, values):
    """Open the groups of settings that are closed at first, and fill in these settings."""
    for group in ("Advanced", "network", "data", "validation"):
        driven.page.get_by_role("button", name=group, exact=True).click()
    for label, value in values.items():
        driven.set_field(label, value)


def test_a_focus_shows_its_own_pixels_however_it_came(server, sky, open_page):
    driven = open_page(f"{server.url}?tab=data&object={sky.object_ids[7]}")
    driven.until(lambda: driven.shows(sky.object_ids[7]))
    driven.page.get_by_role("button", name="Next ▶").click()
    driven.until(lambda: driven.shows(sky.object_ids[8]))
    driven.set_field("Go to object_id", sky.object_ids[31])
    driven.until(lambda: driven.shows(sky.object_ids[31]))
    assert sky.object_ids[31] in driven.page.url

    # A row of a page of the sorted table.
    driven.pane("Table")
    driven.page.locator(".tabulator-col-title", has_text="richness").click()
    order = sky.catalogue["richness"].sort_values().index
    driven.until(lambda: first_row(driven) == order[0])
    driven.page.locator(".tabulator-page", has_text="2").click()
    driven.until(lambda: first_row(driven) == order[12])
    driven.page.locator(".tabulator-cell", has_text=order[15]).first.click()
    driven.until(lambda: driven.shows(order[15]))

    # What the address says is what a second visitor sees.
    other = open_page(driven.page.url)
    other.until(lambda: other.shows(order[15]))


def test_what_is_chosen_is_in_the_address_and_in_the_gallery(server, sky, open_page):
    driven = open_page(f"{server.url}?tab=data")
    driven.set_field("Select where", "z < 0.2")
    chosen = list(sky.catalogue.index[sky.catalogue["z"] < 0.2])
    driven.page.get_by_text(f"{len(chosen)} of {ROWS} objects selected").first.wait_for()
    driven.page.get_by_role("button", name="More settings").click()
    driven.page.locator(".panes").get_by_role("button", name="Selected only").click()
    driven.page.get_by_role("button", name="More settings").click()

    def listed():
        ids = driven.page.locator(".galviz-gallery .cell").evaluate_all("cells => cells.map((cell) => cell.dataset.id)")
        return set(filter(None, ids))

    driven.until(lambda: listed() == set(chosen))
    other = open_page(driven.page.url)
    other.page.get_by_text(f"{len(chosen)} of {ROWS} objects selected").first.wait_for()
    driven.page.get_by_role("button", name="Undo").click()
    driven.page.get_by_text(f"0 of {ROWS} objects selected").first.wait_for()
    driven.until(lambda: listed() == set())


def test_train_from_the_button_through_reload_stop_resume_and_a_killed_server(server, sky, open_page):
    driven = open_page(f"{server.url}?tab=train")
    driven.set_field("Name of the new run", "first")
    set_recipe(driven, {"epochs": 20000, "batch": 4, "tta": 1, "width": 32})
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
    again.until(lambda: drawn_epochs(again) == len(table))


def test_a_point_brings_its_picture_and_a_picture_its_point(server, sky, open_page):
    driven = open_page(f"{server.url}?tab=train")
    driven.set_field("Name of the new run", "second")
    set_recipe(driven, {"epochs": 1, "batch": 16, "tta": 1, "folds": 2, "width": 4})
    driven.page.get_by_role("button", name="Start training").click()
    driven.until(lambda: "done" in status(driven))
    driven.tab("Predictions")
    driven.until(lambda: driven.figures("Estimated ln λ against True ln λ"))
    held_out = Run.open(server.home / "runs" / "second").predictions().held_out()
    driven.rests()
    (plot,) = driven.figures("Estimated ln λ against True ln λ")
    places = np.array([point["place"] for point in plot["points"]])
    assert {point["id"] for point in plot["points"]} == set(held_out.object_ids)

    # Points that lie alone, so that a tap means one.
    apart = np.sort(np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1)), axis=1)[:, 1]
    for k in np.argsort(-apart)[:3]:
        driven.page.mouse.click(*places[k])
        object_id = plot["points"][k]["id"]
        driven.until(lambda wanted=object_id: driven.shows(wanted))
        assert object_id in driven.page.url

    # A picture of the gallery: its object, its point.
    object_id = held_out.object_ids[4]
    driven.page.locator(f".galviz-gallery .cell[data-id='{object_id}']").click()
    driven.until(lambda: driven.shows(object_id))
    row = held_out.table.loc[object_id]

    def ringed():
        (plot,) = driven.figures("Estimated ln λ against True ln λ")
        rings = [line for line in plot["lines"] if "object_id" not in line and len(line.get("x", [])) == 1]
        return any(np.isclose(ring["y"][0], row["ln_richness"]) for ring in rings)

    driven.until(ringed)

    # A box drawn over points chooses them, and them alone.
    (plot,) = driven.figures("Estimated ln λ against True ln λ")
    places = np.array([point["place"] for point in plot["points"]])
    (left, top), low = places.min(axis=0) - 6, places[:, 1].max() + 6
    right = widest_gap(np.sort(places[:, 0])[5:15])
    driven.page.mouse.move(left, top)
    driven.page.mouse.down()
    driven.page.mouse.move(right, low, steps=5)
    driven.page.mouse.up()
    inside = ((places >= [left, top]) & (places <= [right, low])).all(axis=1).sum()
    driven.page.get_by_text(f"{inside} of {len(held_out)} objects selected").first.wait_for()
    driven.page.get_by_role("button", name="Undo").click()

    # The numbers on the page are those of the library.
    from galviz.measure.metrics import summary

    driven.drawer("right")
    mae = summary(held_out.truth, held_out.estimate).loc["mae"]
    driven.until(lambda: f"{len(held_out)} objects with" in driven.page.locator(".measures").first.inner_text())
    shown_text = driven.page.locator(".measures").first.inner_text()
    assert f"{mae['value']:.4f}" in shown_text
    assert f"{mae['low']:.4f} to {mae['high']:.4f}" in shown_text

    # Why it says so is a click away, and answered by another process.
    driven.page.get_by_role("button", name="Explain this prediction").click()
    driven.page.locator(".galviz-occlusion .readout", has_text="unchanged image:").wait_for()

    # Everything of it is known to the tab Runs.
    driven.tab("Runs")
    driven.page.locator(".tabulator-row", has_text="second").first.click()
    driven.page.get_by_role("button", name="Show progress").click()
    driven.until(lambda: "done" in status(driven))
    assert "libtorch" not in server.maps()


def test_a_page_with_nothing_makes_a_sky(serve, open_page):
    server = serve("richness")
    driven = open_page(server.url)
    for label, value in {"Objects": 12, "Side in pixels": 16}.items():
        driven.set_field(label, value)
    driven.page.get_by_role("button", name="Make a synthetic sky").click()
    driven.page.get_by_text("0 of 12 objects selected").first.wait_for()
    driven.page.get_by_text("synthetic sky").first.wait_for()
    assert len(CutoutSet.open(server.home / "skies" / "synthetic")) == 12


def test_what_is_refused_is_said(server, open_page):
    driven = open_page(f"{server.url}?tab=train")
    set_recipe(driven, {"fold": 9})
    driven.page.get_by_role("button", name="Start training").click()
    expect(driven.page.get_by_role("alert").get_by_text("fold: expected 0 to 4, got 9")).to_be_visible()


@pytest.mark.parametrize(("theme", "widths"), [("default", (900, 1500, 3840)), ("dark", (3840, 1500, 900))])
def test_nothing_sticks_out(server, open_page, theme, widths):
    driven = open_page(f"{server.url}?theme={theme}", width=widths[0])
    for name in ("Data", "Train", "Predictions", "Why", "Runs"):
        driven.tab(name)
        for width in widths:
            assert driven.sticks_out(width) <= 0, (name, width)
