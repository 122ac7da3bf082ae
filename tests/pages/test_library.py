import os

import pytest

from galviz.pages import page as study_pages
from galviz.pages.library import Library, open_predictions, open_sky
from galviz.pages.page import StudyPage, open_study_page
from galviz.pages.state import PageState
from galviz.studies import mergers, open_study, richness


def test_skies_and_runs_are_found_by_name(galviz_home, sky, estimates, make_run, tiny_sky):
    tiny_sky.save(galviz_home / "skies" / ".new.1.drawing")  # it is still being written
    make_run("first", predictions=estimates)
    make_run("second", "stopped")
    (galviz_home / "runs" / "half").mkdir()
    (galviz_home / "runs" / "half" / "state.json").write_text("{}")
    library = Library.find()
    runs, broken = library.runs()
    assert library.skies() == {"tiny": galviz_home / "skies" / "tiny"}
    assert list(runs) == ["second", "first"]  # newest first
    assert "run.json" in broken[str(galviz_home / "runs" / "half")]
    assert library.first_run() == "first"  # the newest that is done


def test_a_path_may_be_a_sky_a_run_or_a_folder_of_them(tmp_path, galviz_home, tiny_sky, sky, make_run):
    other = tiny_sky.save(tmp_path / "elsewhere")
    run = make_run("first")
    assert Library.find([other]).skies() == {"elsewhere": other, "tiny": galviz_home / "skies" / "tiny"}
    assert next(iter(Library.find([run.path]).runs()[0])) == "first"
    assert list(Library.find([run.path.parent]).runs()[0]) == ["first"]
    with pytest.raises(FileNotFoundError, match="expected a sky, a run or a folder of them"):
        Library.find([tmp_path / "nothing"])


def test_the_sky_shown_first_is_that_of_the_run_shown_first(tmp_path, galviz_home, tiny_sky, make_run):
    """A given sky comes first, with its runs only; else the newest run and its sky; else the newest sky."""
    skies = [tiny_sky.save(galviz_home / "skies" / name) for name in ("b", "a", "c")]
    for second, path in enumerate(skies):
        os.utime(path / "galviz.json", (second, second))
    assert _first() == ("c", "")  # no run: the newest
    on(make_run("old"), skies[1])
    on(make_run("new"), skies[0])
    assert _first() == ("b", "new")
    assert _first(skies[1]) == ("a", "old")
    assert _first(skies[2]) == ("c", "")  # no run of it: none is shown
    assert _first(skies[2], galviz_home / "runs" / "old") == ("c", "old")
    assert _first(galviz_home / "skies") == ("b", "new")  # of those in a folder
    pages = {name: StudyPage(open_study("richness"), Library.find(), PageState(sky=name)).page for name in "abc"}
    assert {name: (page.sky, page.run) for name, page in pages.items()} == {
        "a": ("a", "old"), "b": ("b", "new"), "c": ("c", ""),
    }  # fmt: skip


def on(run, sky):
    run.update_info(data=str(sky))


def _first(*paths):
    page = open_study_page("richness", [str(path) for path in paths]).page
    return page.sky, page.run


def test_a_study_gives_its_page_a_title(monkeypatch):
    monkeypatch.setattr(study_pages, "page_template", lambda title, _: title)
    assert study_pages.study_page("own") == "your own images"
    assert study_pages.study_page("richness") == "richness"


def test_a_study_finds_its_own_runs_and_skies_and_what_it_is_given(galviz_home, sky, estimates, make_run):
    run = make_run("first", predictions=estimates)
    for study, runs, skies in ((richness, ["first"], ["tiny"]), (mergers, [], [])):
        library = Library.find(study=study.STUDY)
        assert (list(library.runs()[0]), list(library.skies()), list(library.predicted())) == (runs, skies, runs)
    given = Library.find([galviz_home / "skies" / "tiny", run.path], mergers.STUDY)
    assert (list(given.skies()), list(given.runs()[0])) == (["tiny"], ["first"])


def test_two_skies_of_one_name_keep_apart(tmp_path, galviz_home, tiny_sky, sky):
    other = tiny_sky.save(tmp_path / "tiny")
    assert set(Library.find([other]).skies().values()) == {other, galviz_home / "skies" / "tiny"}


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", ".hidden", "a\0b", "x" * 300, "CON", "a\\b", "../x", "C:x"])
def test_a_name_that_is_no_folder_is_refused(name):
    with pytest.raises(ValueError, match="expected a name for a new folder"):
        Library.find().new_run(name)


def test_a_name_that_is_taken_is_refused(make_run, sky):
    make_run("first")
    with pytest.raises(ValueError, match="not taken"):
        Library.find().new_run("first")


def test_what_is_dear_is_opened_once_until_it_changes(galviz_home, sky, estimates, make_run):
    path, run = galviz_home / "skies" / "tiny", make_run("first", predictions=estimates)
    assert open_sky(path) is open_sky(path)
    first = open_predictions(run)
    assert open_predictions(run) is first
    run.save_predictions(estimates.held_out())
    assert len(open_predictions(run)) == len(estimates.held_out())
    assert open_predictions(make_run("second")) is None
