"""The workspace in Chromium: panes, bars, keys, the search for an id, the theme, the cards of measures."""

import re
from urllib.parse import unquote_plus

import numpy as np
import pandas as pd
import pytest
from at_once import random_run
from playwright.sync_api import expect

from galviz.runs.predictions import Predictions
from galviz.studies import richness

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ROWS = 40


@pytest.fixture(scope="module")
def server(serve, make_sky):
    """The page of richness, with a sky and a finished run."""
    server, sky = serve("richness"), make_sky(ROWS, 1237658493878337900)
    place = sky.save(server.home / "skies" / "burned")
    run, _ = random_run(server.home / "runs" / "first", sky, place)
    truth = np.log(sky.catalogue["richness"])
    rows = {"ln_richness": truth + 0.1, "ln_richness_true": truth, "fold": 0}
    run.save_predictions(Predictions(pd.DataFrame(rows), run.target))
    assert run.target.label == richness.TARGET.label
    return server


@pytest.fixture
def driven(server, open_page):
    driven = open_page(f"{server.url}?tab=data", width=1440, height=900)
    driven.page.locator(".galviz-focus canvas").first.wait_for()
    driven.rests()
    return driven


def boxes(driven):
    """Places of the areas on the screen; None where one is hidden."""
    return [area.bounding_box() for area in driven.page.locator(".panes > .area").all()]


def test_a_bar_is_dragged_and_moved_by_keys_and_stays_after_a_reload(driven):
    page, bar = driven.page, driven.page.get_by_role("separator", name="Width of the left pane")
    plot, picture, gallery = boxes(driven)
    assert plot["width"] == pytest.approx(picture["width"], abs=2)
    assert gallery["width"] == pytest.approx(plot["width"] + picture["width"] + 8, abs=2)
    at = bar.bounding_box()
    page.mouse.move(at["x"] + 4, at["y"] + 50)
    page.mouse.down()
    page.mouse.move(at["x"] - 196, at["y"] + 50, steps=4)
    page.mouse.up()
    assert boxes(driven)[0]["width"] == pytest.approx(plot["width"] - 200, abs=4)
    before = int(bar.get_attribute("aria-valuenow"))
    bar.press("ArrowRight")
    expect(bar).to_have_attribute("aria-valuenow", str(before + 2))
    flat = page.get_by_role("separator", name="Height of the upper panes")
    flat.press("End")
    expect(flat).to_have_attribute("aria-valuenow", "85")
    flat.press("ArrowUp")
    expect(flat).to_have_attribute("aria-valuenow", "83")
    driven.until(lambda: "%22wide%22" in page.url and re.search(r'"tall":\s*0\.83', unquote_plus(page.url)))
    page.reload()
    expect(bar).to_have_attribute("aria-valuenow", str(before + 2))
    expect(flat).to_have_attribute("aria-valuenow", "83")


def test_a_pane_is_enlarged_and_restored_by_key_and_by_double_click(driven):
    page = driven.page
    before = boxes(driven)
    picture = page.locator(".panes .tabs").get_by_role("tab", name="Picture")
    picture.press("f")
    driven.until(lambda: boxes(driven)[0] is None and boxes(driven)[1]["width"] > 1000)
    assert boxes(driven)[1]["height"] > 700
    picture.press("Escape")
    driven.until(lambda: boxes(driven) == before)
    head = page.locator(".panes > .area > .head").nth(2)
    head.dblclick()
    driven.until(lambda: boxes(driven)[0] is None and boxes(driven)[2]["height"] > 700)
    head.dblclick()
    driven.until(lambda: boxes(driven) == before)
    page.get_by_label("Select where").press("f")  # who types into a field means the letter
    assert boxes(driven) == before


def test_a_narrow_page_shows_one_pane_at_a_time(driven):
    page = driven.page
    page.set_viewport_size({"width": 900, "height": 900})
    gallery, picture = page.locator(".galviz-gallery"), page.locator(".galviz-focus")
    driven.pane("Gallery")
    expect(gallery).to_be_visible()
    expect(picture).to_be_hidden()
    driven.pane("Picture")
    expect(picture).to_be_visible()
    expect(gallery).to_be_hidden()
    driven.rests()
    assert page.locator(".panes > .area.front .body").bounding_box()["height"] > 500


def test_a_section_of_a_drawer_is_marked_as_open_or_shut(driven):
    marks = driven.page.locator(".card-button > svg")
    expect(marks.first).not_to_have_css("stroke", "none")


def test_tabs_of_a_pane_are_turned_by_keys(driven):
    tabs = driven.page.locator(".panes .tabs").last
    tabs.get_by_role("tab", name="Gallery").press("ArrowRight")
    expect(tabs.get_by_role("tab", name="Table")).to_be_focused()
    expect(driven.page.locator(".tabulator-row").first).to_be_visible()
    driven.page.keyboard.press("End")
    expect(tabs.get_by_role("tab", name="Export")).to_have_attribute("aria-selected", "true")


def test_keys_are_listed_and_a_slash_finds_an_id(driven):
    page, field = driven.page, driven.page.get_by_placeholder("Find an id")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("find an object by its id")
    page.keyboard.press("?")
    expect(keys).to_be_hidden()
    page.keyboard.press("/")
    expect(field).to_be_focused()
    page.keyboard.type("1237658493878337931")
    page.keyboard.press("Enter")
    driven.until(lambda: driven.shows("1237658493878337931"))
    driven.until(lambda: "object=1237658493878337931" in page.url)
    field.fill("<b>nobody")
    field.press("Enter")
    expect(page.get_by_role("alert").get_by_text("no object <b>nobody")).to_be_visible()
    assert driven.shows("1237658493878337931")
    page.keyboard.press("/")  # the next id takes the place of the last one
    page.keyboard.type("1237658493878337932")
    page.keyboard.press("Enter")
    driven.until(lambda: driven.shows("1237658493878337932"))
    page.keyboard.press("Escape")
    expect(field).not_to_be_focused()


def test_the_theme_is_remembered_and_in_the_address(server, driven):
    page = driven.page
    page.locator(".page.mui-light").wait_for()
    page.get_by_role("button", name="Toggle theme").click()
    page.locator(".page.mui-dark").wait_for()
    driven.until(lambda: "theme=dark" in page.url)
    page.goto(f"{server.url}?tab=data")  # without a theme in the address
    page.locator(".page.mui-dark").wait_for()
    page.goto(f"{server.url}?tab=data&theme=light")
    page.locator(".galviz-focus canvas").first.wait_for()
    page.locator(".page.mui-light").wait_for()


def test_a_first_visit_has_the_theme_of_the_system(server, driven):
    page = driven.page
    page.locator(".page.mui-light").wait_for()
    page.emulate_media(color_scheme="dark")
    page.goto(server.url)
    page.locator(".page.mui-dark").wait_for()
    page.emulate_media(color_scheme="light")
    page.goto(server.url)
    page.locator(".page.mui-light").wait_for()
    page.locator(".galviz-focus canvas").first.wait_for()
    page.locator(".page.mui-light").wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_sticks_out(server, open_page, theme):
    driven = open_page(f"{server.url}?tab=data&theme={theme}", width=1440, height=900)
    driven.page.locator(".galviz-focus canvas").first.wait_for()
    for width in (900, 1440, 3840):
        assert driven.sticks_out(width) <= 0, width
    driven.drawer("left")
    driven.drawer("right")
    for width in (1440, 3840):
        assert driven.sticks_out(width) <= 0, width


def test_a_click_on_a_card_opens_its_plot(server, open_page):
    driven = open_page(f"{server.url}?tab=predictions", width=1440, height=900)
    cards = driven.page.get_by_role("list", name="Measures")
    expect(cards.get_by_role("listitem").first).to_contain_text(f"{ROWS} with known truth")
    assert driven.sticks_out(1440) <= 0
    tab = driven.page.locator(".panes .tabs").get_by_role("tab", name="In ranges")
    expect(tab).to_have_attribute("aria-selected", "false")
    cards.get_by_role("button", name="bias").first.click()
    expect(tab).to_have_attribute("aria-selected", "true")
    driven.until(lambda: driven.figures("Bias"))
