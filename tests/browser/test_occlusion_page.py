"""The occlusion viewer in Chromium: what it shows is what the network says, control by control."""

import io

import numpy as np
import pytest
import torch
from astropy.io import fits
from at_once import random_run
from playwright.sync_api import expect

from galviz.nn.explain.occlusion import occlude

pytestmark = [pytest.mark.slow, pytest.mark.browser]

FIRST = 1237658493878337900


@pytest.fixture(scope="module")
def made(serve, make_sky):
    """Server, sky and a network with random weights, as a run of it."""
    server, sky = serve("occlusion"), make_sky(12, FIRST)
    sky.save(server.home / "skies" / "burned")
    _, network = random_run(server.home / "runs" / "random", sky, server.home / "skies" / "burned")
    return server, sky, network


def said(driven):
    return driven.page.locator(".galviz-occlusion .readout").inner_text()


def numbers(text):
    """The numbers after each colon of a line."""
    return [float(part.split()[0]) for part in text.split(": ")[1:]]


def point(driven, x, y):
    """Point at a part of the map, from its left upper corner."""
    box = driven.page.locator(".galviz-occlusion .frame").nth(1).bounding_box()
    driven.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


def test_every_control_changes_what_is_said_and_it_is_what_the_network_says(made, open_page, tmp_path):
    server, sky, network = made
    driven = open_page(f"{server.url}?object={sky.object_ids[4]}")
    page = driven.page
    page.locator(".galviz-occlusion figcaption", has_text=sky.object_ids[4]).wait_for()
    page.locator(".galviz-occlusion .readout", has_text="unchanged image:").wait_for()
    image = sky.images[4][None]
    with torch.inference_mode():
        clean = float(network(torch.from_numpy(image))[0, 0])
    driven.until(lambda: numbers(said(driven))[0] == pytest.approx(clean, rel=1e-3))

    # The occluder under the pointer: the last place of the first row of the map is the last of the image's top.
    page.get_by_label("Stride (px)").fill("4")
    page.get_by_label("Stride (px)").press("Enter")
    page.get_by_label("Occluder (px)").fill("4")
    page.get_by_label("Occluder (px)").press("Enter")
    found = occlude(network, image, patch=4, stride=4, bands="each")
    whole = occlude(network, image, patch=4, stride=4)
    point(driven, 0.99, 0.01)
    place = [tuple(one) for one in whole.places.tolist()].index((12, 12))  # row 0 is at the bottom
    driven.until(lambda: numbers(said(driven))[1] == pytest.approx(whole.outputs[0, 0, place], rel=2e-3))

    # One band alone; in its unit; the output instead of the change.
    page.get_by_label("Cover").select_option("r")
    point(driven, 0.98, 0.02)
    driven.until(lambda: numbers(said(driven))[1] == pytest.approx(found.outputs[0, 2, place], rel=2e-3))
    driven.until(lambda: driven.figures("Each band occluded on its own"))
    (bars,) = driven.figures("Each band occluded on its own")
    shown = next(line["effect"] for line in bars["lines"] if "effect" in line)
    np.testing.assert_allclose(shown, np.abs(clean - found.outputs[0]).mean(1), rtol=1e-3)
    page.get_by_label("Output").select_option("λ")
    driven.until(lambda: numbers(said(driven))[0] == pytest.approx(np.exp(clean), rel=1e-3))
    page.get_by_label("The map shows").select_option("output when hidden")
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

    page.get_by_text("Mean map of the selection").click()
    page.get_by_role("button", name="Mean of the selection").click()
    driven.until(lambda: driven.figures("mean of 12 maps"))
    page.get_by_role("button", name="Explain automatically").click()
    page.get_by_role("button", name="▶", exact=True).click()
    page.locator(".galviz-occlusion figcaption", has_text="no map yet").wait_for()
    page.get_by_role("button", name="Explain", exact=True).click()
    page.locator(".galviz-occlusion .readout", has_text="unchanged image:").wait_for()


@pytest.mark.parametrize(("width", "theme"), [(900, "dark"), (3840, "default")])
def test_nothing_sticks_out(made, open_page, width, theme):
    driven = open_page(f"{made[0].url}?theme={theme}", width=width)
    driven.page.locator(".galviz-occlusion .readout", has_text="unchanged image:").wait_for()
    assert driven.sticks_out(width) <= 0


def test_a_home_without_runs_says_what_to_do(serve, open_page):
    expect(open_page(serve("occlusion").url).page.get_by_text("No finished run yet")).to_be_visible()
