"""A name in a file may not lead out of the folder that the user opened."""

import pytest

from galviz.io.paths import inside


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "opened" / "deep").mkdir(parents=True)
    (tmp_path / "opened" / "deep" / "a.jpg").touch()
    (tmp_path / "secret.jpg").touch()
    return tmp_path / "opened"


@pytest.mark.parametrize("name", ["deep/a.jpg", "deep/../deep/a.jpg", "./deep/a.jpg"])
def test_a_name_inside_is_followed(folder, name):
    assert inside(folder, name) == (folder / "deep" / "a.jpg").resolve()


def test_an_absolute_path_inside_is_followed(folder):
    assert inside(folder, folder / "deep" / "a.jpg").name == "a.jpg"


def test_the_folder_itself_may_be_a_link(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert inside(tmp_path / "link", "deep/a.jpg") == (folder / "deep" / "a.jpg").resolve()


@pytest.mark.parametrize("name", ["../secret.jpg", "deep/../../secret.jpg", "/etc/passwd", "deep/a\0.jpg"])
def test_a_name_that_leads_out_is_refused(folder, name):
    with pytest.raises(ValueError, match=r"images: expected a file in .*opened, got"):
        inside(folder, name, "images")


def test_a_link_that_leads_out_is_refused(folder, tmp_path):
    (folder / "b.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(ValueError, match="which lies outside"):
        inside(folder, "b.jpg")


def test_a_loop_of_links_is_refused(folder):
    (folder / "x").symlink_to(folder / "y")
    (folder / "y").symlink_to(folder / "x")
    with pytest.raises(ValueError, match="path: expected a file in"):
        inside(folder, "x")
