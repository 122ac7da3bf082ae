"""The colour–magnitude diagram in Chromium: the line is dragged by the mouse, a region chosen, a cell clicked."""

import re

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from galviz.io.tables import write_table

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ROWS = 400


@pytest.fixture(scope="module")
def server(serve, tmp_path_factory):
    rng = np.random.default_rng(0)
    member, r = rng.random(ROWS) < 0.5, rng.uniform(14, 20, ROWS)
    red = rng.random(ROWS) < np.where(member, 0.9, 0.3)
    colour = np.where(red, rng.normal(1.6 - 0.03 * (r - 17), 0.06), rng.normal(1.0, 0.3, ROWS))
    given = np.where(rng.random(ROWS) < 0.8, member, ~member)
    names = np.array(["field", "member"])
    columns = {"g": r + 0.7 * colour, "r": r, "z": r - 0.3 * colour}
    columns |= {"kind_true": names[member.astype(int)], "kind": names[given.astype(int)]}
    path = tmp_path_factory.mktemp("diagram") / "galaxies.csv"
    index = pd.Index([f"galaxy-{k}" for k in range(ROWS)], name="object_id")
    write_table(path, pd.DataFrame(columns, index=index), "csv")
    return serve("explore", path)


def test_a_dragged_line_answers_for_its_regions(server, open_page):
    driven = open_page(server.url, width=1440, height=900)
    page = driven.page
    driven.pane("Gallery")
    driven.pane("Diagram")
    diagram = page.locator(".galviz-diagram")
    diagram.locator(".hit").wait_for()
    expect(diagram.locator("[role=status]")).to_have_text("")  # the fit and its intervals are there
    sequence = diagram.locator("tr[data-region='red sequence']")
    ends = [diagram.locator(".end").nth(k).bounding_box() for k in (0, 1)]
    x, y = (sum(box[axis] + 6 for box in ends) / 2 for axis in "xy")
    before, words = sequence.inner_text(), diagram.locator("details p").nth(1)
    expect(words).to_have_text("")

    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 12, steps=4)
    driven.until(lambda: sequence.inner_text() != before)  # while the button is down
    page.mouse.up()
    expect(words).to_have_text(re.compile(r"Moved by \+0\.\d+ mag from the fit\."))

    sequence.get_by_role("button").click()
    expect(diagram.locator("h3")).to_have_text(re.compile(r"red sequence: \d+ objects"))
    cell = diagram.get_by_role("button", name=re.compile(r"true member, predicted field$"))
    count = int(cell.get_attribute("aria-label").split()[0])
    assert count > 0
    page.locator(".galviz-gallery .view").evaluate("view => { view.scrollTop = view.scrollHeight; }")
    expect(page.locator(".galviz-gallery .cell .id", has_text=re.compile(f"galaxy-{ROWS - 1}$"))).to_be_visible()
    cell.click()
    expect(page.get_by_text(f"{count} of {ROWS} objects selected").first).to_be_visible()
    expect(diagram.locator(".count")).to_have_text(f"Selected: {count}")
    expect(page.locator(".galviz-gallery .cell.selected").first).to_be_in_viewport()
    expect(page.get_by_text("of the", exact=True)).to_be_visible()  # the cards: of the … selected
    assert diagram.get_by_label("Star-like light").bounding_box()["width"] > 100  # room for a column's name
    heads = diagram.locator(".matrix th[scope=col]").all()
    assert min(float(head.evaluate("e => parseFloat(getComputedStyle(e).paddingLeft)")) for head in heads) > 5
    undo_one_by_one(page, diagram)
    expect(words).to_have_text("")  # the line is where it was fitted
    assert driven.sticks_out(900) == 0
    driven.page.set_viewport_size({"width": 1000, "height": 900})
    driven.drawer("right")  # little room is left, and the axes are read nevertheless
    driven.rests()
    for name in ("Magnitude", "Colour"):
        assert diagram.get_by_label(name, exact=True).first.bounding_box()["width"] > 30


def undo_one_by_one(page, diagram):
    """Cut by a slider and draw a region, which are undone before the line is; the keys work where it was drawn."""
    undo, remain = diagram.get_by_role("button", name="Undo"), diagram.locator("output.faintest")
    diagram.get_by_role("slider", name="Brighter than").fill("17")
    expect(remain).to_have_text(re.compile(r"^\d+ of 400 remain$"))
    plot = diagram.locator(".place > svg").bounding_box()
    x, y = plot["x"] + 0.6 * plot["width"], plot["y"] + 0.6 * plot["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    for dx, dy in ((80, 0), (80, 60), (0, 60)):
        page.mouse.move(x + dx, y + dy)
    page.mouse.up()
    expect(diagram.locator("h3")).to_have_text(re.compile(r"^drawn region"))
    page.keyboard.press("f")
    grow = page.get_by_role("button", name="⤢").first
    expect(grow).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("f")
    expect(grow).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Control+z")
    expect(diagram.locator(".lasso")).to_have_count(0)
    expect(remain).to_have_text(re.compile("remain"))
    undo.click()
    expect(remain).to_have_text("no cut: all 400 count")
    undo.click()  # the line
    expect(undo).to_be_disabled()
