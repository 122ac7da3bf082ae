import numpy as np
import pytest
from PIL import Image, ImageColor, ImageDraw

from galviz.tools.marks import MARKS, SHAPES, draw_mark, marks_message


def test_every_kind_has_a_colour_and_a_shape_of_its_own():
    assert set(MARKS) == {"bcg", "member", "field", "star", "found"}  # galviz.sky.cutouts, and what is detected
    for part in range(3):
        assert len({mark[part] for mark in MARKS.values()}) == len(MARKS)
    assert {mark[0] for mark in MARKS.values()} == set(SHAPES)


def test_a_script_gets_the_same_shapes_as_figures():
    message = marks_message(["bcg", "x", "<b>odd"])
    assert message["x"][0] == message["<b>odd"][0] != message["bcg"][0]  # kinds that nobody knows
    assert message["<b>odd"][2] == "<b>odd"
    assert message["bcg"][1:] == MARKS["bcg"][1:]
    for path, _, _ in message.values():
        numbers = np.array([point.split(",") for point in path.replace("M", "L").split("L")[1:]], float)
        assert 5 < np.abs(numbers).max() < 9  # px


@pytest.mark.parametrize("kind", [*MARKS, "odd"])
@pytest.mark.parametrize("background", ["black", "white"])
def test_a_mark_is_seen_on_any_background(kind, background):
    image = Image.new("RGB", (40, 40), background)
    draw_mark(ImageDraw.Draw(image), kind, 20, 20)
    colours = {colour for _, colour in image.getcolors()}
    assert ImageColor.getrgb(MARKS.get(kind, MARKS["found"])[1]) in colours
    assert len(colours) >= 2 + (background == "white")  # a dark rim
    changed = np.argwhere((np.asarray(image) != ImageColor.getrgb(background)).any(axis=2))
    np.testing.assert_allclose(changed.mean(axis=0), 20, atol=1)
