"""A gallery of a million objects in Chromium, behind a URL prefix: what is pointed at, shown and chosen agree."""

import os
import time

import numpy as np
import pytest
from million import FIRST, burned_table
from pages import opened, serving
from playwright.sync_api import expect

from galviz.io.expressions import evaluate, matches
from galviz.io.tables import read_table
from galviz.tools.labels.core import Labels

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ROWS = 1_000_000
PLACES = int(os.environ.get("GALVIZ_PLACES", "3"))  # scrolled to in each of four orders; six steps at each
SCRIPT = """
import panel as pn
from million import burned_sky
from galviz.tools.labels.core import Labels
from galviz.tools.selection.core import Selection
from galviz.tools.gallery.view import Gallery
from galviz.tools.export.view import ExportPanel

pn.extension()
sky = pn.state.as_cached("sky", burned_sky, rows=%d)
selection = Selection(sky.catalogue)
gallery = Gallery(sky, selection=selection, labels=Labels(), keys={"s": "spiral", "e": "elliptical"}, height=560)
told = pn.bind(
    lambda focus, _: " ".join([str(focus), *selection.ids[:2000]]), selection.param.focus, selection.param.version
)
typed = pn.widgets.TextInput(label="Focus")
typed.param.watch(lambda event: setattr(selection, "focus", event.new), "value")
pn.Column(typed, gallery, ExportPanel(sky.catalogue, selection), pn.pane.Str(told, css_classes=["told"])).servable()
"""
READ = """() => {
  const box = document.querySelector('body');
  const find = (root, css) => [...root.querySelectorAll('*')].reduce(
    (all, e) => e.shadowRoot ? all.concat(find(e.shadowRoot, css)) : all, [...root.querySelectorAll(css)]);
  const view = find(document, '.galviz-gallery .view')[0], frame = view.getBoundingClientRect();
  return find(document, '.galviz-gallery .cell').map((cell) => {
    const at = cell.getBoundingClientRect(), canvas = cell.querySelector('canvas');
    let bits = null;
    if (canvas) {
      const { data } = canvas.getContext('2d').getImageData(0, canvas.height - 8, 8, 8);
      bits = []; // from the bottom row up, as `burn` counts
      for (let y = 7; y >= 0; y--) for (let x = 0; x < 8; x++) bits.push(data[4 * (8 * y + x) + 1] > 110 ? 1 : 0);
    }
    return { id: cell.dataset.id ?? null, title: cell.title, bits, x: at.x + at.width / 2, y: at.y + 30,
      focus: cell.classList.contains('focus'), chosen: cell.classList.contains('selected'),
      label: cell.querySelector('.label')?.textContent ?? '', said: cell.getAttribute('aria-label'),
      shown: at.y + 30 > frame.y && at.y + 30 < Math.min(frame.bottom - 4, innerHeight) };
  }).filter((cell) => cell.shown);
}"""
SCROLL = """(view, to) => new Promise((done) => {
  const start = performance.now(), before = view.scrollTop;
  view.scrollTop = to;
  const cells = () => [...view.querySelectorAll('.cell')].filter((cell) => {
    const at = cell.getBoundingClientRect(), frame = view.getBoundingClientRect();
    return at.bottom > frame.top && at.top < frame.bottom; });
  const look = () => {
    const now = cells();
    if (view.scrollTop !== before && now.length && now.every((cell) => cell.querySelector('canvas')))
      done(performance.now() - start);
    else if (performance.now() - start > 20000) done(-1);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(() => requestAnimationFrame(look));
})"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """URL of the page, and the home of its labels."""
    folder = tmp_path_factory.mktemp("gallery")
    with serving(folder, SCRIPT % ROWS) as url:
        yield url, folder


@pytest.fixture
def page(chromium, served):
    with opened(chromium, served[0], ".galviz-gallery .cell canvas") as page:
        yield page


def cells(page, *, whole=True):
    """What the browser shows, once every tile in view has come; each must agree with its own picture."""
    for _ in range(200):
        seen = page.evaluate(READ)
        if seen and (not whole or all(cell["bits"] for cell in seen)):
            break
        time.sleep(0.05)
    for cell in seen:
        if cell["bits"]:
            assert str(sum(bit << k for k, bit in enumerate(cell["bits"]))) == cell["id"]
            assert cell["title"] == ""  # it would stand in front of the enlarged picture
            assert cell["said"].startswith(cell["id"])
    return seen


def until(page, holds):
    """Wait until what is shown is so; gives the cells."""
    for _ in range(400):
        seen = cells(page)
        if seen and holds(seen):
            break
        time.sleep(0.05)
    return seen


def received(page, wanted=None):
    """Focus and chosen ids as the server's Selection has them."""
    for _ in range(2000):
        focus, *ids = page.locator(".told pre").inner_text().split() or ["not drawn yet"]
        if wanted is None or wanted(focus, ids):
            return focus, ids
        time.sleep(0.03)
    raise AssertionError(f"the page never told what was expected, but {focus} {ids[:3]}")


def set_text(page, name, text):
    box = page.get_by_label(name, exact=False).first
    box.fill(text)
    box.press("Enter")


def status(page, text):
    page.locator(".galviz-gallery .counts", has_text=text).wait_for(timeout=20_000)


def view(page):
    return page.locator(".galviz-gallery .view")


def exported(page, folder):
    """The ids in the file that is downloaded now."""
    with page.expect_download() as waited:
        page.get_by_role("button", name="Download").click()
    path = folder / waited.value.suggested_filename
    waited.value.save_as(path)
    page.evaluate("window.scrollTo(0, 0)")
    return set(read_table(path).table.index)


def test_scrolling_to_random_places_shows_the_right_pictures_quickly(page, capsys):
    rng, times = np.random.default_rng(5), []
    height = view(page).evaluate("view => view.scrollHeight")
    assert height < 16_000_000
    for to in rng.uniform(0, height, 8 * PLACES):
        times.append(view(page).evaluate(SCROLL, float(to)))
        seen = cells(page)
        assert len(seen) > 20
        row = int(seen[0]["id"]) - FIRST
        assert abs(row / ROWS - to / height) < 0.01  # the bar's place is the table's
        assert [int(cell["id"]) - FIRST for cell in seen] == list(range(row, row + len(seen)))
    assert min(times) > 0
    with capsys.disabled():
        print(f"\nscroll to picture among 10^6: median {np.median(times):.0f} ms, worst {max(times):.0f} ms")
    assert np.median(times) < 1500


def test_the_id_that_is_said_follows_what_scrolls_below_a_pointer_at_rest(page):
    cell = cells(page)[20]
    page.mouse.move(cell["x"], cell["y"])
    page.locator(".pointed", has_text=cell["id"]).wait_for(timeout=5000)
    for to in (2_000_000, 9_000_000):
        view(page).evaluate(SCROLL, to)
        under = next(one for one in cells(page) if (one["x"], abs(one["y"] - cell["y"]) < 60) == (cell["x"], True))
        expect(page.locator(".pointed")).not_to_have_text(cell["id"])
        inside = [one["id"] for one in cells(page) if one["x"] == under["x"]]
        assert page.locator(".pointed").inner_text() in inside


def test_a_wheel_scrolls_by_pixels_however_many_objects_there_are(page):
    view(page).evaluate(SCROLL, 3_000_000)
    before = cells(page)
    columns = sum(cell["y"] == before[0]["y"] for cell in before)
    pitch = before[columns]["y"] - before[0]["y"]
    page.mouse.move(before[0]["x"], before[0]["y"])
    page.mouse.wheel(0, 2 * pitch)
    after = until(page, lambda seen: int(seen[0]["id"]) - int(before[0]["id"]) == 2 * columns)
    assert int(after[0]["id"]) - int(before[0]["id"]) == 2 * columns


def test_hover_click_picture_selection_and_export_agree_after_sorts_filters_and_undos(page, tmp_path):
    rng, table = np.random.default_rng(11), burned_table(ROWS)
    checked, chosen = 0, set()
    for order, keep in [("z", ""), ("", "z < 0.3"), ("-richness", "kind == 'ß' and z > 0.2"), ("abs(z - 0.25)", "")]:
        set_text(page, "Show only", keep)
        set_text(page, "Sort by", order)
        expected = table if not keep else table[matches(keep, table)]
        status(page, f"{len(expected):,}")
        ordered = evaluate(order, expected) if order else np.arange(len(expected))
        place = np.argsort(np.argsort(ordered, kind="stable"))

        def in_order(seen, expected=expected, place=place):
            rows = expected.index.get_indexer([cell["id"] for cell in seen])
            return (rows >= 0).all() and (np.diff(np.sort(place[rows])) == 1).all()

        assert in_order(until(page, in_order))
        for _ in range(PLACES):
            to = rng.uniform(0, view(page).evaluate("view => view.scrollHeight"))
            assert view(page).evaluate(SCROLL, float(to)) > 0
            shown = ordered[expected.index.get_indexer([cell["id"] for cell in cells(page)])]
            assert not (np.diff(shown) < 0).any()  # missing values are last
            for _ in range(6):
                seen = cells(page)
                cell = seen[rng.integers(len(seen))]
                page.mouse.move(cell["x"], cell["y"])
                page.locator(".pointed", has_text=cell["id"]).wait_for(timeout=5000)
                assert cell["id"] in expected.index
                if rng.integers(2):
                    page.mouse.click(cell["x"], cell["y"])
                    received(page, lambda focus, _, wanted=cell["id"]: focus == wanted)
                else:
                    page.keyboard.down("Control")
                    page.mouse.click(cell["x"], cell["y"])
                    page.keyboard.up("Control")
                    chosen ^= {cell["id"]}
                    received(page, lambda _, ids, wanted=frozenset(chosen): set(ids) == wanted)
                    if chosen and (len(chosen) % 4 == 0 or PLACES > 4):
                        assert exported(page, tmp_path) == chosen
                checked += 1
            page.wait_for_timeout(300)  # for the focus too, which the view follows
            assert all(cell["chosen"] == (cell["id"] in chosen) for cell in cells(page))
    assert checked == 24 * PLACES
    assert exported(page, tmp_path) == chosen
    set_text(page, "Show only", "z <")
    page.get_by_role("alert").filter(has_text="expected something like").wait_for()
    assert cells(page)


def test_a_click_is_not_lost_when_its_tile_changes_under_the_pressed_button(page):
    cell = cells(page)[5]
    page.mouse.click(cell["x"], cell["y"])
    received(page, lambda focus, _: focus == cell["id"])
    page.mouse.down()
    page.keyboard.press(" ")
    received(page, lambda _, ids: ids == [cell["id"]])
    assert until(page, lambda seen: seen[5]["chosen"])[5]["chosen"]
    page.keyboard.down("Control")
    page.mouse.up()
    page.keyboard.up("Control")
    received(page, lambda _, ids: ids == [])


def test_another_view_moves_the_gallery_to_its_focus(page):
    for row in (654_321, 7, 999_999):
        set_text(page, "Focus", str(FIRST + row))
        received(page, lambda focus, _, row=row: focus == str(FIRST + row))
        seen = until(page, lambda seen: any(cell["focus"] for cell in seen))
        assert [cell["id"] for cell in seen if cell["focus"]] == [str(FIRST + row)]


def test_the_keyboard_alone_moves_chooses_labels_and_undoes_and_no_key_is_lost(page, served):
    seen = cells(page)
    columns = sum(cell["y"] == seen[0]["y"] for cell in seen)
    view(page).focus()
    place = 0
    page.keyboard.press("ArrowRight")  # nothing in focus yet: the first in view
    for key, step in [
        ("ArrowRight", 1),
        ("ArrowDown", columns),
        ("ArrowDown", columns),
        ("ArrowLeft", -1),
        ("ArrowUp", -columns),
    ]:
        page.keyboard.press(key)
        place += step
    received(page, lambda focus, _: focus == str(FIRST + place))
    page.keyboard.press(" ")
    received(page, lambda focus, ids: (focus, ids) == (str(FIRST + place), [str(FIRST + place)]))
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")  # at once: the focus is told before what was done with it
    received(page, lambda focus, ids: focus == ids[-1] == str(FIRST + place + 1))
    assert [cell["id"] for cell in cells(page) if cell["focus"]] == [str(FIRST + place + 1)]
    for _ in range(3):
        page.keyboard.press("PageDown")
    page.keyboard.press("Home")
    received(page, lambda focus, _: focus == str(FIRST))
    page.keyboard.press("End")
    page.keyboard.press("s")  # its tile has not come yet: the key waits for it
    received(page, lambda focus, _: focus == str(FIRST + ROWS - 1))
    page.keyboard.press("Home")
    keys = np.random.default_rng(2).choice(["s", "e"], 150)
    at_once = "(view, keys) => keys.forEach((key) => view.dispatchEvent(new KeyboardEvent('keydown', { key })))"
    view(page).evaluate(at_once, [str(key) for key in keys])  # faster than any hand: all in one task
    received(page, lambda focus, _: focus == str(FIRST + 150))
    expected = {str(FIRST + k): {"s": "spiral", "e": "elliptical"}[key] for k, key in enumerate(keys)}
    assert Labels(served[1] / "labels.csv").to_dict() == expected | {str(FIRST + ROWS - 1): "spiral"}
    for _ in range(3):
        page.keyboard.press("u")
    received(page, lambda focus, _: focus == str(FIRST + 147))
    assert len(Labels(served[1] / "labels.csv")) == 148
    focused = [cell for cell in cells(page) if cell["focus"]]
    assert [cell["id"] for cell in focused] == [str(FIRST + 147)]
    active = view(page).evaluate(
        "view => view.getRootNode().getElementById(view.getAttribute('aria-activedescendant')).dataset.id"
    )
    assert active == str(FIRST + 147)


def test_a_narrow_page_and_other_tile_sizes_keep_the_place(page):
    view(page).evaluate(SCROLL, 2_000_000)
    wide = cells(page)
    before = int(wide[0]["id"])
    page.set_viewport_size({"width": 900, "height": 900})
    after = until(page, lambda seen: max(cell["x"] for cell in seen) < 900 < max(cell["x"] for cell in wide))
    assert abs(int(after[0]["id"]) - before) < 100
    assert page.evaluate("document.documentElement.scrollWidth") <= 900


PANE = """
import numpy as np
import panel as pn
from million import burned_sky
from galviz.tools.filters.view import FiltersView
from galviz.tools.gallery.view import Gallery
from galviz.tools.labels.core import Labels
from galviz.tools.selection.core import Selection

pn.extension()
sky = burned_sky(900, 64)
table = sky.catalogue.assign(spiral=np.arange(900) % 2, spiral_true=np.arange(900) % 3 % 2)
selection = Selection(table)
keys = {"s": "spiral", "e": "elliptical"}
more = {"labels": Labels.of("demo", "spiral"), "keys": keys, "badges": ("spiral_true", "spiral")}
gallery = Gallery(sky, table, selection, **more)
told = pn.bind(
    lambda focus, _: " ".join([str(focus), *selection.ids[:2000]]), selection.param.focus, selection.param.version
)
filters = pn.Column(FiltersView(selection, table, {"z": "redshift"}), width=300)
pane = pn.Column(gallery.pane(), width=900, height=560)
pn.Column(pn.Row(filters, pane), pn.pane.Str(told, css_classes=["told"])).servable()
"""
WIDTHS = "view => [...view.querySelectorAll('.cell')].map((cell) => cell.getBoundingClientRect().width)"


@pytest.fixture(scope="module")
def pane_served(tmp_path_factory):
    """URL of a page with filters beside a gallery in a pane, and the home of its labels."""
    folder = tmp_path_factory.mktemp("pane")
    with serving(folder, PANE) as url:
        yield url, folder


@pytest.fixture
def pane(chromium, pane_served):
    with opened(chromium, pane_served[0], ".galviz-gallery .cell canvas") as page:
        yield page


def ids_of(page):
    return page.locator(".galviz-gallery .cell").evaluate_all("cells => cells.map((cell) => cell.dataset.id)")


def test_the_size_slider_acts_before_python_knows(pane):
    slider = pane.get_by_label("Picture size")
    box = pane.locator(".galviz-gallery").bounding_box()
    assert (box["width"], box["height"]) == pytest.approx((900, 560), abs=25)
    before = view(pane).evaluate(WIDTHS)[0]
    drag = "(slider, to) => { slider.value = to; slider.dispatchEvent(new Event('input')); }"
    slider.evaluate(drag, 240)
    after = view(pane).evaluate(WIDTHS)[0]  # at once, in the same task of the browser
    assert before < 150
    assert after >= 240
    slider.dispatch_event("change")
    expect(pane.locator(".galviz-gallery .cell canvas").first).to_have_js_property("width", 64)
    slider.evaluate(drag, 48)
    slider.dispatch_event("change")
    expect(pane.locator(".galviz-gallery .cell").nth(60)).to_be_attached()


def test_badges_have_a_shape_and_captions_say_what_was_predicted(pane):
    first = pane.locator(".galviz-gallery .cell").first
    expect(first.locator(".verdict")).to_have_text("✓")
    expect(first).to_contain_text("predicted0true0")
    third = pane.locator(".galviz-gallery .cell").nth(3)  # predicted 1, true 0
    expect(third.locator(".verdict.wrong")).to_have_text("✕")
    expect(third).to_contain_text("predicted1true0")
    assert "wrong" in third.get_attribute("aria-label")


def test_a_picture_is_enlarged_under_a_pointer_that_rests_and_escape_closes_it(pane):
    large = pane.locator(".galviz-gallery .large")
    box = pane.locator(".galviz-gallery .cell").nth(4).bounding_box()
    pane.mouse.move(box["x"] + 40, box["y"] + 40)
    pane.mouse.move(box["x"] + 42, box["y"] + 42)
    expect(large).to_be_visible()
    expect(large).to_contain_text(ids_of(pane)[4])
    assert large.locator("canvas").bounding_box()["width"] > 300
    pane.keyboard.press("Escape")
    expect(large).to_be_hidden()
    pane.wait_for_timeout(500)
    expect(large).to_be_hidden()  # until the pointer rests on another picture
    view(pane).focus()
    pane.keyboard.press("ArrowRight")
    pane.keyboard.press("Enter")
    expect(large).to_contain_text(ids_of(pane)[0])


def test_groups_are_closed_by_the_keyboard_and_stay_where_they_are(pane):
    pane.get_by_label("Group by").select_option("kind")
    heads = pane.locator(".galviz-gallery .head button")
    expect(heads.first).to_contain_text("a")
    count = int(heads.first.locator(".many").inner_text().split()[0])
    heads.first.focus()
    pane.keyboard.press("Enter")
    status(pane, f"{900 - count} of 900")
    expect(heads.first).to_have_attribute("aria-expanded", "false")
    expect(heads.first).to_be_focused()
    expect(heads.nth(1)).to_be_visible()
    pane.keyboard.press("Enter")
    status(pane, "900 objects")
    pane.get_by_label("Group by").select_option("")


def test_a_shift_click_selects_all_between_and_a_new_order_starts_at_the_top(pane):
    found = pane.locator(".galviz-gallery .cell")
    ids = ids_of(pane)
    found.nth(1).click(position={"x": 40, "y": 40})
    found.nth(6).click(position={"x": 40, "y": 40}, modifiers=["Shift"])
    received(pane, lambda _, chosen: chosen == ids[1:7])
    view(pane).evaluate(SCROLL, 3000)
    sort = pane.get_by_label("Sort by")
    sort.fill("-richness")
    sort.press("Enter")
    expect(pane.locator(".galviz-gallery .loading")).to_be_hidden()
    pane.wait_for_function("() => true")
    table = burned_table(900)
    best = table["richness"].idxmax()
    until(pane, lambda seen: seen[0]["id"] == best)
    assert view(pane).evaluate("view => view.scrollTop") == 0
    sort.fill("nothing <")
    sort.press("Enter")
    expect(pane.locator(".galviz-gallery .alert")).to_contain_text("expected something like")
    sort.fill("")
    sort.press("Enter")
    expect(pane.locator(".galviz-gallery .alert")).to_be_empty()


def test_what_is_typed_stays_and_two_quick_changes_are_both_made(pane):
    sort = pane.get_by_label("Sort by")
    sort.fill("-rich")
    right = "view => view.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }))"
    before, _ = received(pane)
    view(pane).evaluate(right)
    received(pane, lambda focus, _: focus != before)
    pane.wait_for_timeout(500)
    expect(sort).to_have_value("-rich")
    sort.fill("")
    sort.press("Enter")
    both = """root => {
        root.querySelector('[title="Smallest first"]').click()
        const group = root.querySelector('select')
        group.value = 'kind'
        group.dispatchEvent(new Event('change'))
    }"""
    pane.locator(".galviz-gallery").evaluate(both)
    expect(pane.locator(".galviz-gallery .head button").first).to_contain_text("a")
    expect(pane.get_by_title("Largest first")).to_be_visible()
    pane.get_by_title("Largest first").click()
    pane.get_by_label("Group by").select_option("")


def test_skipped_objects_come_back_when_all_others_have_a_label(pane, pane_served):
    view(pane).focus()
    for key in ("ArrowRight", "Home", "s", "l", "e", "l"):
        pane.keyboard.press(key)
    expect(pane.locator(".galviz-gallery .progress")).to_have_text("2 labelled · 2 later")
    received(pane, lambda focus, _: focus == str(FIRST + 4))
    pane.keyboard.press("Home")
    pane.get_by_role("button", name="First unlabelled").click()
    received(pane, lambda focus, _: focus == str(FIRST + 4))
    labels = Labels(pane_served[1] / "labels" / "demo" / "spiral.csv")
    assert labels.to_dict() == {str(FIRST): "spiral", str(FIRST + 2): "elliptical"}


def test_a_brush_selects_by_pointer_and_by_keys_and_is_one_step(pane):
    table = burned_table(900)
    plot = pane.locator(".galviz-filters section", has_text="z (redshift)").locator(".plot")
    box = plot.bounding_box()
    pane.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 20)
    pane.mouse.down()
    for part in (0.4, 0.5, 0.6, 0.7):
        pane.mouse.move(box["x"] + part * box["width"], box["y"] + 20)
    pane.mouse.up()
    low, high = (pane.get_by_label(f"z, {end}") for end in ("smallest", "largest"))
    expect(low).not_to_have_value("")

    def selected():
        return table.index[table["z"].between(float(low.input_value() or 0), float(high.input_value() or 9))]

    received(pane, lambda _, ids: ids == list(selected()))
    assert 250 < len(selected()) < 460
    pane.get_by_role("slider", name="z to", exact=True).focus()
    before = float(high.input_value())
    for _ in range(5):
        pane.keyboard.press("ArrowLeft")
    received(pane, lambda _, ids: ids == list(selected()) and float(high.input_value()) < before - 0.01)
    low.fill("0.5")  # beyond the upper end, which opens
    low.press("Enter")
    received(pane, lambda _, ids: ids == list(table.index[table["z"] >= 0.5]))
    expect(high).to_have_value("")
    tick = pane.locator(".galviz-filters section", has_text="kind").get_by_role("checkbox").first
    tick.check()
    received(pane, lambda _, ids: ids == list(table.index[(table["z"] >= 0.5) & (table["kind"] == "a")]))
    expect(pane.locator(".galviz-filters .counts")).to_contain_text("of 900 objects selected")
    pane.get_by_role("button", name="Clear all").click()
    received(pane, lambda _, ids: ids == [])
    expect(low).to_have_value("")


LONG_NAMES = """
import panel as pn
from million import burned_sky
from galviz.tools.gallery.view import Gallery

pn.extension()
sky = burned_sky(12)
Gallery(sky, sky.catalogue.assign(ln_richness=3.5723, ln_richness_true=3.7614)).servable()
"""
SHOWN_ENDS = """names => names.slice(0, 2).map((name) => {
  const end = document.createRange(), text = [];
  const walk = document.createTreeWalker(name, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) text.push(walk.currentNode);
  const last = text.at(-1);
  end.setStart(last, last.length - 4);
  end.setEnd(last, last.length);
  const right = (one) => one.getBoundingClientRect().right;
  return [name.textContent, end.toString(), right(end) <= right(name) + 1];
})"""


def test_a_prediction_and_its_truth_are_told_apart_under_a_small_picture(chromium, tmp_path):
    with serving(tmp_path, LONG_NAMES) as url, opened(chromium, url, ".galviz-gallery .cell canvas") as page:
        names = page.locator(".galviz-gallery .caption .name")
        expect(names.nth(1)).to_be_attached()
        assert names.evaluate_all(SHOWN_ENDS) == [["ln_richness", "ness", True], ["ln_richness_true", "true", True]]
