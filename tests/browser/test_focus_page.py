"""The picture in focus in Chromium: pixels as figures draw them, coordinates as astropy computes them."""

import io
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import skycoord_to_pixel
from million import BANDS, burned_sky, read_id
from pages import opened, serving
from PIL import Image

from galviz.sky.cutouts import CutoutSet
from galviz.tools.display import Stretch, shown_limits
from galviz.tools.gallery.figure import contact_sheet

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ROWS, SIZE = 12, 32
SCRIPT = """
import ast
import panel as pn
from test_focus_page import starred_sky
from galviz.tools.selection.core import Selection
from galviz.tools.viewer.view import FocusView
from galviz.tools.gallery.view import Gallery

pn.extension()
sky = starred_sky()
gallery = Gallery(sky, height=300)
view = FocusView(sky, gallery.selection, stretch_view=gallery.stretch_view, height=384)
recipe = pn.widgets.TextInput(label="Recipe")
recipe.param.watch(lambda event: gallery.stretch_view.param.update(**ast.literal_eval(event.new)), "value")
pn.Row(pn.Column(recipe, gallery, width=700), pn.Column(view, width=600)).servable()
"""
PIXELS = """canvas => ({ data: [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data],
  id: canvas.closest('.galviz-focus').querySelector('.id').textContent })"""

ALL = """root => ({ id: root.querySelector('.id').textContent,
 pictures: [...root.querySelectorAll('.picture')].map((p) => {
  const canvas = p.querySelector('canvas'), at = p.querySelector('.frame').getBoundingClientRect();
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return { title: p.querySelector('.title').innerText.split(' ')[0], label: canvas.getAttribute('aria-label'),
    data: [...data].filter((_, k) => k % 4 === 1), limits: p.querySelector('.scale').title, x: at.x, y: at.y,
    bar: p.querySelector('svg text')?.textContent, arrows: p.querySelectorAll('svg text').length, width: at.width,
    ticks: [...p.querySelectorAll('.scale span')].map((span) => span.textContent) }; }) })"""


def starred_sky():
    """A few objects with turned and mirrored coordinates, sources, and a strip that was not observed."""
    plain, rng = burned_sky(ROWS, SIZE), np.random.default_rng(4)
    images, ids = plain.images[:], plain.catalogue.index
    coverage = np.ones(images.shape, dtype=bool)
    coverage[:, :, :, -3:] = False
    images[~coverage] = 0
    angle, flip = rng.uniform(0, 2 * np.pi, ROWS), rng.choice([-1, 1], ROWS)
    scale = 0.396 / 3600
    wcs = {"crval1": np.r_[0.0001, 359.9999, rng.uniform(0, 360, ROWS - 2)], "crval2": rng.uniform(-85, 85, ROWS)}
    wcs |= {"crpix1": rng.uniform(10, 20, ROWS), "crpix2": rng.uniform(10, 20, ROWS)}
    wcs |= {"cd1_1": flip * scale * np.cos(angle), "cd1_2": scale * np.sin(angle)}
    wcs |= {"cd2_1": -flip * scale * np.sin(angle), "cd2_2": scale * np.cos(angle)}
    sources = {"object_id": ids[[0, 0, 1]], "x": [3.0, 20, 5], "y": [4.0, 9, 5], "kind": ["bcg", "star", "odd"]}
    return CutoutSet(
        images=images,
        coverage=coverage,
        bands=BANDS,
        catalogue=plain.catalogue,
        pixel_scale=0.396,
        unit="nanomaggy",
        wcs=pd.DataFrame(wcs, index=ids),
        sources=pd.DataFrame(sources),
    )


@pytest.fixture(scope="module")
def page(chromium, tmp_path_factory):
    folder = tmp_path_factory.mktemp("focus")
    with (
        serving(folder, f"import sys; sys.path.append({str(Path(__file__).parent)!r})\n{SCRIPT}") as url,
        opened(chromium, url, ".galviz-focus canvas") as page,
    ):
        yield page


def focus(page, row):
    """Click a tile; the id of what is then in focus."""
    object_id = starred_sky().catalogue.index[row]
    page.locator(f".galviz-gallery .cell[data-id='{object_id}']").click()
    page.locator(".galviz-focus .id", has_text=object_id).wait_for()
    return object_id


def shown(page):
    got = page.locator(".galviz-focus .frame canvas").evaluate(PIXELS)
    return np.reshape(got["data"], (SIZE, SIZE, 4)), got["id"]


@pytest.mark.parametrize(
    ("recipe", "look"),
    [
        ({}, {"bands": ("i", "r", "g")}),
        ({"gamma": 0.5, "brightness": 3.0}, {"bands": ("i", "r", "g"), "gamma": 0.5, "brightness": 3.0}),
        ({"kind": "asinh", "red": "z"}, {"bands": ("z", "r", "g"), "kind": "asinh"}),
        ({"picture": "r", "kind": "asinh", "softening": 0.03}, {"bands": ("r",), "kind": "asinh", "a": 0.03}),
        (
            {"picture": "u", "kind": "zscale", "palette": "viridis"},
            {"bands": ("u",), "kind": "zscale", "palette": "viridis"},
        ),
        (
            {"picture": "z", "kind": "percentile", "percentile": 95},
            {"bands": ("z",), "kind": "percentile", "percentile": 95},
        ),
        (
            {"picture": "g", "kind": "linear", "black": -0.01, "white": 0.4},
            {"bands": ("g",), "kind": "linear", "limits": (-0.01, 0.4)},
        ),
    ],
)
def test_the_browser_draws_what_figures_draw(page, recipe, look):
    look = Stretch(**look)
    first = {
        "picture": "RGB",
        "kind": "lupton",
        "red": "i",
        "gamma": 1.0,
        "brightness": 1.0,
        "softening": 0.1,
        "palette": "grey",
        "percentile": 99.5,
    }
    object_id = focus(page, 3)
    box = page.get_by_label("Recipe")
    box.fill(str(first | {"black": None, "white": None} | recipe))
    box.press("Enter")
    sky = starred_sky()
    row = sky.row_of([object_id])
    sheet = contact_sheet(sky.images[row], sky.coverage[row], BANDS, look, side=SIZE)
    expected = np.asarray(Image.open(io.BytesIO(sheet.png)).convert("RGBA")).astype(int)
    for _ in range(60):
        pixels, seen_id = shown(page)
        missing = expected[..., 3] == 0
        difference = np.abs(pixels - expected)[~missing].max()
        if difference <= 3:
            break
        time.sleep(0.1)
    assert seen_id == object_id
    assert difference <= 3
    np.testing.assert_array_equal(pixels[..., 3] == 0, missing)
    said = page.locator(".galviz-focus .what").inner_text()
    assert "hatched: not observed" in said
    assert look.bands[0] in said


def test_coordinates_under_the_pointer_are_those_of_astropy(page):
    sky, rng = starred_sky(), np.random.default_rng(8)
    for row in range(ROWS):
        wcs = sky.wcs_of(focus(page, row))
        time.sleep(0.1)
        frame = page.locator(".galviz-focus .frame").bounding_box()
        size = frame["width"] / SIZE
        for x, y in rng.uniform(1, SIZE - 2, (3, 2)):
            at = frame["x"] + (x + 0.5) * size, frame["y"] + frame["height"] - (y + 0.5) * size
            page.mouse.move(*at)
            said = page.locator(".galviz-focus .under-pointer").inner_text()
            words = said.split()
            assert (float(words[1]), float(words[3])) == (pytest.approx(x, abs=0.06), pytest.approx(y, abs=0.06))
            expected = wcs.pixel_to_world(x, y)
            text = SkyCoord(words[5], words[7].replace("−", "-"), unit=("hourangle", "deg"))
            number = SkyCoord(float(words[8]), float(words[9]), unit="deg")
            assert expected.separation(text).arcsec < 0.15
            assert expected.separation(number).arcsec < 0.15
            value = sky.images[row][2, round(y), round(x)]
            wanted = "not observed" if round(x) >= SIZE - 3 else f"{value:.4g}"
            given = said.splitlines()[1].split("  ")[2].removeprefix("r ")
            assert given == wanted or float(given) == pytest.approx(value, rel=1e-3)
            here = skycoord_to_pixel(expected, wcs)
            north = skycoord_to_pixel(expected.directional_offset_by(0 * u.deg, 1 * u.arcsec), wcs)
            arrow = compass(page, "N")
            turn = np.array(north) - np.array(here)
            assert np.dot(turn / np.hypot(*turn), arrow) > 0.999


def compass(page, name):
    """Direction of an arrow, x right and y up, of length 1."""
    find = """(svg, name) => { const text = [...svg.querySelectorAll('text')].find((t) => t.textContent === name);
      const room = svg.viewBox.baseVal.width;
      return [text.getAttribute('x') - (room - 58), 58 - text.getAttribute('y')]; }"""
    way = np.array(page.locator(".galviz-focus .frame svg").evaluate(find, name))
    return way / np.hypot(*way)


def test_blink_sources_and_keys(page):
    focus(page, 0)
    pressed = page.locator(".galviz-focus button[aria-pressed=true]")
    page.locator(".galviz-focus .frame").focus()
    page.keyboard.press("b")
    seen = set()
    for _ in range(30):
        seen.add(pressed.first.inner_text())
        if seen >= set(BANDS[:4]):
            break
        time.sleep(0.12)
    page.keyboard.press("b")
    assert seen >= set(BANDS[:4])
    legend = page.locator(".galviz-focus .legend").inner_text()
    assert "central galaxy (1)" in legend
    assert "star (1)" in legend
    marks = page.locator(".galviz-focus .frame svg path[transform]")
    assert marks.count() == 0
    page.locator(".galviz-focus button", has_text="sources").click()
    assert marks.count() == 4  # two sources, each with a dark rim
    page.locator(".galviz-focus button", has_text="sources").click()
    assert marks.count() == 0
    focus(page, 1)
    assert "odd (1)" in page.locator(".galviz-focus .legend").inner_text()


def every_picture(page):
    """What is seen with all bands: each picture must bear the id that is said above it."""
    seen = page.locator(".galviz-focus").evaluate(ALL)
    for picture in seen["pictures"]:
        assert read_id(np.reshape(picture["data"], (SIZE, SIZE))) == seen["id"]
        assert picture["label"].startswith(f"{seen['id']}, ")
    return seen


def shows(page, *titles, object_id=None, said=""):
    """Wait until these pictures are seen, of an object, and the last is named so; what is seen."""
    for _ in range(100):
        seen = every_picture(page)
        there = [picture["title"] for picture in seen["pictures"]] == [*titles] and object_id in (None, seen["id"])
        if there and said in seen["pictures"][-1]["label"]:
            return seen
        time.sleep(0.03)
    raise AssertionError(f"expected {titles} of {object_id}, got {[p['title'] for p in seen['pictures']]} {seen['id']}")


def set_recipe(page, **recipe):
    box = page.get_by_label("Recipe")
    box.fill(
        str({"kind": "lupton", "red": "i", "gamma": 1.0, "palette": "grey", "black": None, "white": None} | recipe)
    )
    box.press("Enter")


@pytest.fixture
def all_bands(page):
    set_recipe(page, picture="all bands")
    page.locator(".galviz-focus .all .picture").nth(5).wait_for()
    return page


def test_every_picture_bears_the_id_said_after_steps_clicks_and_typed_ids(all_bands):
    page, rng = all_bands, np.random.default_rng(6)
    ids = list(starred_sky().catalogue.index)
    row = ids.index(focus(page, 2))
    for _ in range(60):
        match rng.integers(5):
            case 0 | 1 as by:
                page.get_by_role("button", name=["Next ▶", "◀ Previous"][by]).click()
                row = (row + 1 - 2 * by) % ROWS
            case 2:
                row = int(rng.integers(ROWS))
                page.get_by_label("Go to object_id").fill(f" {ids[row]} ")
                page.keyboard.press("Enter")
            case 3:
                row = int(rng.integers(ROWS))
                focus(page, row)
            case 4:
                name = str(rng.choice(["RGB", *BANDS]))
                page.get_by_role("button", name="show large").nth(["RGB", *BANDS].index(name)).click()
                shows(page, name)
                page.keyboard.press("a")
        shows(page, "RGB", *BANDS, object_id=ids[row])
        assert page.locator(".galviz-focus .place").inner_text() == f"{row + 1} of {ROWS}"


def test_an_unknown_id_is_said_to_be_so(all_bands):
    page = all_bands
    object_id = focus(page, 5)
    page.get_by_label("Go to object_id").fill("<b>nobody")
    page.keyboard.press("Enter")
    said = page.locator(".galviz-focus [role=alert]", has_text="<b>nobody is not among these 12 objects.")
    said.wait_for()
    assert every_picture(page)["id"] == object_id
    page.get_by_role("button", name="Next ▶").click()
    shows(page, "RGB", *BANDS, object_id=starred_sky().catalogue.index[6])
    assert said.count() == 0


@pytest.mark.parametrize("kind", ["lupton", "zscale", "linear"])
def test_values_limits_and_marks_of_every_band_are_its_own(all_bands, kind):
    page, sky, rng = all_bands, starred_sky(), np.random.default_rng(3)
    set_recipe(page, picture="all bands", kind=kind)
    object_id = focus(page, 0)
    look = Stretch(bands=("r",), kind=kind)
    how = kind.replace("lupton", "asinh")
    seen = shows(page, "RGB", *BANDS, object_id=object_id, said=f"{object_id}, band z · {how}")
    assert seen["pictures"][0]["label"] == f"{object_id}, red i, green r, blue g · {kind}"
    images, covered = sky.images[0], sky.coverage[0]
    for k, (band, picture) in enumerate(zip(BANDS, seen["pictures"][1:], strict=True)):
        limits = shown_limits(images[k], look, covered[k])
        words = picture["limits"].replace(",", "").split()
        assert [float(words[1]), float(words[3])] == pytest.approx(limits, rel=1e-3)
        assert [float(picture["ticks"][0]), float(picture["ticks"][2])] == pytest.approx(limits, rel=1e-3)
        assert picture["ticks"][1] == "nanomaggy"
        assert (picture["bar"], picture["arrows"]) == ("5″", 1)
        for x, y in rng.integers(0, SIZE, (4, 2)):
            size = picture["width"] / SIZE
            page.mouse.move(picture["x"] + (x + 0.5) * size, picture["y"] + (SIZE - y - 0.5) * size)
            said = page.locator(".galviz-focus .under-pointer")
            words = said.inner_text().split()
            assert (float(words[1]), float(words[3])) == (pytest.approx(x, abs=0.06), pytest.approx(y, abs=0.06))
            assert words[4] == "RA"
            name, value = said.locator("b").inner_text().split(" ", 1)
            assert name == band
            if x >= SIZE - 3:
                assert value == "not observed"
            else:
                assert float(value) == pytest.approx(images[k, y, x], rel=1e-3)
    assert seen["pictures"][0]["arrows"] == 3  # the scale bar's length, N and E
    page.locator(".galviz-focus button", has_text="sources").click()
    assert page.locator(".galviz-focus .frame svg path[transform]").count() == 24  # two sources with a rim, six times
    page.locator(".galviz-focus button", has_text="sources").click()


def test_a_picture_is_made_large_by_click_or_key_and_the_controls_know(all_bands):
    page = all_bands
    focus(page, 1)
    chosen = page.get_by_label("Picture").element_handle()
    page.get_by_role("button", name="band z").click()
    shows(page, "z")
    page.wait_for_function("select => select.value === 'z'", arg=chosen)
    page.get_by_role("button", name="all bands", exact=True).click()
    shows(page, "RGB", *BANDS)
    page.wait_for_function("select => select.value === 'all bands'", arg=chosen)
    page.locator(".galviz-focus .tools button").last.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    shows(page, "u")
    page.keyboard.press("a")
    shows(page, "RGB", *BANDS)


def test_pictures_wrap_to_the_width_that_there_is(all_bands):
    seen = every_picture(all_bands)
    room = all_bands.locator(".galviz-focus").bounding_box()
    for picture in seen["pictures"]:
        assert room["x"] - 1 <= picture["x"]
        assert picture["x"] + picture["width"] <= room["x"] + room["width"] + 1
    assert len({round(picture["y"]) for picture in seen["pictures"]}) == 2
