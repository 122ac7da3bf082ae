import pytest

from galviz.pages.library import Library, open_predictions, open_sky
from galviz.studies import mergers, richness


def test_skies_and_runs_are_found_by_name(galviz_home, sky, told, make_run):
    make_run("first", predictions=told)
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


def test_a_study_finds_its_own_runs_and_skies_and_what_it_is_given(galviz_home, sky, told, make_run):
    run = make_run("first", predictions=told)
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


def test_what_is_dear_is_opened_once_until_it_changes(galviz_home, sky, told, make_run):
    path, run = galviz_home / "skies" / "tiny", make_run("first", predictions=told)
    assert open_sky(path) is open_sky(path)
    first = open_predictions(run)
    assert open_predictions(run) is first
    run.save_predictions(told.held_out())
    assert len(open_predictions(run)) == len(told.held_out())
    assert open_predictions(make_run("second")) is None
