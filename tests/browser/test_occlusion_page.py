"""The occlusion viewer in Chromium: what it shows is what the network says, control by control."""

import io
import re

import numpy as np
import pytest
import torch
from astropy.io import fits
from at_once import random_run
from playwright.sync_api import expect

from galviz.nn.explain.occlusion import occlude
from galviz.nn.explain.regions import outputs_without

pytestmark = [pytest.mark.slow, pytest.mark.browser]

FIRST = 1237658493878337900


@pytest.fixture(scope="module")
def made(serve, make_sky):
    """Server, sky and a network with random weights, as a run of it."""
    server, sky = serve("occlusion"), make_sky(12, FIRST)
    sky.save(server.home / "skies" / "burned")
    _, network = random_run(server.home / "runs" / "random", sky, server.home / "skies" / "burned")
    return server, sky, network


def shown_text(driven):
    return driven.page.locator(".galviz-occlusion .readout").inner_text()


def numbers(text):
    """The numbers after each colon of a line."""
    return [float(part.split()[0]) for part in text.split(": ")[1:]]


def point(driven, x, y):
    """Point at a part of the map, from its left upper corner."""
    box = driven.page.locator(".galviz-occlusion .frame").nth(1).bounding_box()
    driven.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


def choose(driven, label, option):
    """Select an option of a field."""
    driven.page.get_by_label(label, exact=True).select_option(option)


def test_every_control_changes_what_is_said_and_it_is_what_the_network_says(made, open_page, tmp_path):
    server, sky, network = made
    driven = open_page(f"{server.url}?object={sky.object_ids[4]}")
    page = driven.page
    page.locator(".galviz-occlusion figcaption", has_text=sky.object_ids[4]).wait_for()
    page.locator(".galviz-occlusion .readout", has_text="unchanged image:").wait_for()
    image = sky.images[4][None]
    with torch.inference_mode():
        clean = float(network(torch.from_numpy(image))[0, 0])
    driven.until(lambda: numbers(shown_text(driven))[0] == pytest.approx(clean, rel=1e-3))

    # The occluder under the pointer: the last place of the first row of the map is the last of the image's top.
    driven.drawer("right")
    page.get_by_role("button", name="Advanced").click()
    driven.set_field("Stride (px)", 4)
    driven.set_field("Occluder (px)", 4)
    found = occlude(network, image, patch=4, stride=4, bands="each")
    whole = occlude(network, image, patch=4, stride=4)
    point(driven, 0.99, 0.01)
    place = [tuple(one) for one in whole.places.tolist()].index((12, 12))  # row 0 is at the bottom
    driven.until(lambda: numbers(shown_text(driven))[1] == pytest.approx(whole.outputs[0, 0, place], rel=2e-3))

    # One band alone; in its unit; the output instead of the change.
    choose(driven, "Cover", "r")
    point(driven, 0.98, 0.02)
    driven.until(lambda: numbers(shown_text(driven))[1] == pytest.approx(found.outputs[0, 2, place], rel=2e-3))
    bars = page.locator(".galviz-occlusion .bands .one")
    expect(bars).to_have_count(len(sky.bands))
    expect(bars.last).to_be_in_viewport(ratio=1)  # beside the map, and not far down a drawer
    shown = [float(bar.inner_text()) for bar in bars.locator("span").all()]
    np.testing.assert_allclose(shown, np.abs(clean - found.outputs[0]).mean(1), rtol=1e-3)
    choose(driven, "Output", "λ")
    driven.until(lambda: numbers(shown_text(driven))[0] == pytest.approx(np.exp(clean), rel=1e-3))
    choose(driven, "The map shows", "output when hidden")
    page.locator(".galviz-occlusion figcaption", has_text="when hidden: λ · r").wait_for()

    page.get_by_role("button", name="Sanity check").click()
    page.get_by_text("rank correlation with the map of shuffled weights").wait_for()

    # The file holds the map.
    with page.expect_download() as waited:
        page.get_by_text("Save as FITS").click()
    waited.value.save_as(tmp_path / "map.fits")
    with fits.open(io.BytesIO((tmp_path / "map.fits").read_bytes())) as hdus:
        expected = occlude(network, image, output=_shown, patch=4, stride=4, bands="each")
        np.testing.assert_allclose(hdus["OUTPUT"].data, expected.map[0], rtol=1e-4)
        assert hdus["OUTPUT"].header["OBJECT"] == sky.object_ids[4]

    # Another object, and all of it again after a reload.
    page.get_by_role("button", name="▶", exact=True).click()
    page.locator(".galviz-occlusion figcaption", has_text=sky.object_ids[5]).wait_for()
    driven.until(lambda: f"object={sky.object_ids[5]}" in page.url)
    page.reload()
    page.locator(".galviz-occlusion figcaption", has_text="when hidden: λ · r").wait_for()
    assert page.locator(".galviz-occlusion figcaption").first.inner_text().startswith(sky.object_ids[5])
    assert "libtorch" not in server.maps()
    assert not driven.errors


def _shown(outputs):
    return outputs[:, 0].exp()


def test_zoom_marks_and_the_mean_of_what_is_chosen(made, open_page):
    server, sky, _ = made
    driven = open_page(f"{server.url}?object={sky.object_ids[2]}")
    page = driven.page
    frames = page.locator(".galviz-occlusion .frame")
    page.locator(".galviz-occlusion .readout", has_text="unchanged image:").wait_for()
    assert frames.nth(1).get_attribute("viewBox") == "0 0 16 16"
    frames.nth(0).focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    boxes = [frames.nth(k).get_attribute("viewBox") for k in range(2)]
    assert boxes[0] == boxes[1] != "0 0 16 16"  # both show the same part
    page.keyboard.press("0")
    assert frames.nth(1).get_attribute("viewBox") == "0 0 16 16"
    count = frames.nth(0).locator("image").count()
    page.locator(".galviz-occlusion input[type=range]").fill("0.5")
    expect(frames.nth(0).locator("image")).to_have_count(count + 1)

    driven.pane("Mean map")
    page.get_by_role("button", name="Mean of the selection").click()
    driven.until(lambda: driven.figures("mean of 12 maps"))
    driven.drawer("right")
    page.get_by_role("button", name="Advanced").click()
    page.get_by_role("button", name="Explain automatically").click()
    page.get_by_role("button", name="▶", exact=True).click()
    page.locator(".galviz-occlusion figcaption", has_text="no map yet").wait_for()
    page.get_by_role("button", name="Explain", exact=True).click()
    page.locator(".galviz-occlusion .readout", has_text="unchanged image:").wait_for()


def test_regions_are_drawn_listed_with_what_they_change_and_removed(made, open_page):
    server, sky, network = made
    driven = open_page(f"{server.url}?object={sky.object_ids[4]}", width=1440, height=900)
    page = driven.page
    page.locator(".galviz-occlusion .readout", has_text="unchanged image:").wait_for()
    driven.rests()
    frames = [one.bounding_box() for one in page.locator(".galviz-occlusion .frame").all()]
    panes = page.locator(".galviz-occlusion").bounding_box()
    assert all(one["width"] > 250 and one["y"] + one["height"] < panes["y"] + panes["height"] for one in frames)
    assert frames[0]["width"] == frames[1]["width"]
    page.get_by_text(re.compile("The map points at|beyond chance|No source is known")).first.wait_for()

    page.get_by_role("button", name="Draw region").click()
    left, top, size = frames[0]["x"], frames[0]["y"], frames[0]["width"]
    corners = [(left + x * size / 16, top + y * size / 16) for x, y in ((8, 4), (12, 4), (12, 8), (8, 8))]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=3)
    page.mouse.up()
    regions = page.get_by_role("list", name="Regions").get_by_role("listitem")
    expect(regions).to_have_count(1)
    mask = np.zeros((1, 16, 16), dtype=bool)
    mask[0, 8:12, 8:12] = True
    outputs, clean = outputs_without(network, sky.images[4], mask, patch=2)
    word = "lowers" if clean > outputs[0, 0] else "raises"
    expect(regions.first).to_contain_text(f"hiding it {word} ln λ by ")
    received = float(regions.first.inner_text().split(" by ")[1].split()[0])
    assert received == pytest.approx(abs(clean - outputs[0, 0]), rel=0.1)

    # A triangle by keys: the corners where the arrows lead, closed with Enter.
    page.locator(".galviz-occlusion .frame").first.focus()
    for key in (" ", *["ArrowRight"] * 9, " ", *["ArrowDown"] * 9, " ", "Enter", "Escape"):
        page.keyboard.press(key)
    expect(regions).to_have_count(2)
    page.get_by_text("Hiding all together").wait_for()
    page.get_by_role("button", name="Remove region 1").click()
    expect(regions).to_have_count(1)
    page.keyboard.press("ArrowRight")  # the button went with its region: the page has the focus
    page.locator(".galviz-occlusion figcaption", has_text=sky.object_ids[5]).wait_for()
    expect(regions).to_have_count(0)
    page.keyboard.press("ArrowLeft")
    page.locator(".galviz-occlusion figcaption", has_text=sky.object_ids[4]).wait_for()
    expect(regions).to_have_count(1)


def test_each_method_is_shown_with_its_sign_and_unit(made, open_page):
    server, sky, _ = made
    driven = open_page(f"{server.url}?object={sky.object_ids[4]}")
    page = driven.page
    signs, label = page.locator(".galviz-occlusion .signs").nth(1), page.locator(".galviz-occlusion figcaption").nth(1)
    expect(signs).to_contain_text("red: hiding it lowers ln λ, so it raises the prediction")
    choose(driven, "The map shows", "change when hidden")
    expect(signs).to_contain_text("red: hiding it raises ln λ, so it lowers the prediction")
    choose(driven, "Method", "Integrated gradients")
    expect(label).to_contain_text("integrated gradients: ")
    expect(signs).to_contain_text("red: it lowers ln λ")
    choose(driven, "Method", "Grad-CAM")
    expect(signs).to_contain_text("The values have no unit")
    choose(driven, "Method", "Occlusion: hide superpixels")
    expect(signs).to_contain_text("red: hiding it lowers")


@pytest.mark.parametrize(("width", "theme"), [(900, "dark"), (3840, "default")])
def test_nothing_sticks_out(made, open_page, width, theme):
    driven = open_page(f"{made[0].url}?theme={theme}", width=width)
    driven.page.locator(".galviz-occlusion .readout", has_text="unchanged image:").wait_for()
    assert driven.sticks_out(width) <= 0


def test_a_home_without_runs_says_what_to_do(serve, open_page):
    expect(open_page(serve("occlusion").url).page.get_by_text("No finished run yet")).to_be_visible()
