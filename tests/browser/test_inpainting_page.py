"""The page of best fits in Chromium: bands are hidden by a click, fits are watched, and end when they are told to."""

import time

import numpy as np
import pandas as pd
import pytest
from at_once import random_gan
from playwright.sync_api import expect

from galviz.runs.best_fits import LATENTS

pytestmark = [pytest.mark.slow, pytest.mark.browser]

FIRST = 1237658493878337900
LONG = 2000


@pytest.fixture(scope="module")
def made(serve, make_sky):
    """Server, and a sky with networks of random weights as a run of it."""
    server, sky = serve("inpainting"), make_sky(12, FIRST)
    sky.save(server.home / "skies" / "burned")
    random_gan(server.home / "runs" / "random", sky, server.home / "skies" / "burned")
    return server, sky


def test_bands_are_hidden_by_a_click_and_a_long_fit_ends_at_once(made, open_page):
    server, sky = made
    driven = open_page(f"{server.url}?object={sky.object_ids[3]}&steps=20&objects=2")
    page = driven.page
    rows, fluxes = page.locator(".repairs section"), page.locator("table.measures tr")

    def shown_text(words):
        page.locator("div[role=status]", has_text=words).wait_for()

    # What the address asked for: two objects, from the one in focus.
    shown_text("done: 20 steps")
    assert rows.locator("h3").all_inner_texts() == sky.object_ids[3:5].tolist()
    assert rows.first.locator("s").all_inner_texts() == ["u"]
    assert [text.split()[:2] for text in fluxes.all_inner_texts()[1:]] == [[one, "u"] for one in sky.object_ids[3:5]]

    # A click hides another band: pictures and numbers are others, and the address says so.
    def best():
        return rows.first.locator("img").nth(3).get_attribute("src")

    before = best()
    page.get_by_role("button", name="r", exact=True).click()
    rows.first.locator("s", has_text="r").wait_for()
    shown_text("done: 20 steps")
    driven.until(lambda: fluxes.count() == 1 + 2 * 2 and best() != before)
    driven.until(lambda: "hidden=u%2Cr" in page.url)
    driven.until(lambda: [len(f["lines"][0]["ys"]) for f in driven.figures("Best fits")] == [2])

    # A long fit (minutes), watched as it goes; it ends at once after the click, and what has come stays.
    steps = page.get_by_label("Steps", exact=True)
    steps.fill(str(LONG))
    steps.press("Enter")
    shown_text(f"of {LONG}")
    began = time.monotonic()
    page.get_by_role("button", name="Cancel").click()
    shown_text("cancelled after")
    assert time.monotonic() - began < 2.5
    last = page.locator("div[role=status]", has_text=f"of {LONG} steps").inner_text()
    assert last.strip().startswith("cancelled after")
    assert fluxes.count() == 1 + 2 * 2

    # All of it again after a reload.
    steps.fill("10")
    steps.press("Enter")
    driven.until(lambda: "steps=10" in page.url)
    page.reload()
    shown_text("done: 10 steps")
    assert rows.first.locator("s").all_inner_texts() == ["u", "r"]
    assert rows.locator("h3").all_inner_texts() == sky.object_ids[3:5].tolist()
    assert "libtorch" not in server.maps()


def test_nothing_sticks_out_of_a_narrow_dark_page(made, open_page):
    driven = open_page(f"{made[0].url}?theme=dark&steps=5", width=900)
    driven.page.locator("div[role=status]", has_text="done").wait_for()
    assert driven.sticks_out(900) <= 0


def test_the_map_of_latents_is_drawn_when_it_is_opened_first(made, open_page):
    """Bokeh says that a page is ready once every figure is drawn; until then a tap can stop the server."""
    server, sky = made
    numbers = np.random.default_rng(0).normal(size=(len(sky), 4))
    table = pd.DataFrame(numbers, index=pd.Index(sky.object_ids, name="object_id")).rename(columns=str)
    table.to_parquet(server.home / "runs" / "random" / LATENTS)
    driven = open_page(f"{server.url}?tab=latents")
    expect(driven.page.get_by_text("of the variance")).to_be_visible()
    driven.page.wait_for_function("Bokeh.documents[0].is_idle")
