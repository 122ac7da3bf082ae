import csv
from concurrent.futures import ThreadPoolExecutor

import pytest

from galviz.tools.labels.core import Labels


def test_labels_are_saved_at_once_and_read_again(galviz_home):
    labels = Labels()
    labels.set("1237658493878337918", "spiral")
    labels.set('odd, "id"\n', "Größe λ")
    again = Labels()
    assert again.to_dict() == {"1237658493878337918": "spiral", 'odd, "id"\n': "Größe λ"}
    with (galviz_home / "labels.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["object_id"] for row in rows] == list(again.to_dict())
    assert rows[0]["time"].endswith("+00:00")


def test_undo_gives_back_what_was_there_step_by_step(tmp_path):
    path = tmp_path / "x" / "labels.csv"
    labels = Labels(path)
    labels.set("a", "one")
    labels.set("a", "two")
    labels.set("a", "")
    assert labels.get("a") == ""
    assert [labels.undo(), labels.get("a")] == ["a", "two"]
    assert [labels.undo(), labels["a"]] == ["a", "one"]
    assert [labels.undo(), len(labels)] == ["a", 0]
    assert labels.undo() is None
    assert len(Labels(path)) == 0


def test_who_listens_hears_of_each_label_that_is_given_or_taken_back(tmp_path):
    labels, heard = Labels(tmp_path / "labels.csv"), []
    labels.listeners.append(lambda: heard.append(labels.to_dict()))
    labels.set("a", "one")
    assert labels.undo() == "a"
    assert labels.undo() is None
    assert heard == [{"a": "one"}, {}]


def test_two_who_label_at_once_keep_each_others_work(tmp_path):
    path = tmp_path / "labels.csv"
    people = [Labels(path) for _ in range(4)]

    def work(k):
        for n in range(25):
            people[k].set(f"{k}-{n}", "seen")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(Labels(path)) == 100
    people[0].undo()
    assert set(Labels(path).to_dict()) == {f"{k}-{n}" for k in range(4) for n in range(25)} - {"0-24"}


def test_a_file_that_is_no_table_of_labels_is_refused_and_kept(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("id,class\n1,2\n")
    with pytest.raises(ValueError, match="expected a CSV with the columns object_id, label, time, got"):
        Labels(path)
    assert path.read_text() == "id,class\n1,2\n"


def test_labels_of_a_target_in_a_sky_are_in_one_place_whoever_asks(galviz_home, tmp_path):
    sky = tmp_path / "survey" / "images"
    Labels.of(sky, "spiral").set("1", "yes")
    assert Labels.of(sky, "spiral").to_dict() == {"1": "yes"}
    others = [Labels.of(sky, "bar"), Labels.of(sky), Labels.of(tmp_path / "other" / "images", "spiral")]
    assert all(len(other) == 0 for other in others)
    assert len({other.path for other in others}) == 3
    assert Labels.of("tab/le.csv", "../../x").path.resolve().is_relative_to(galviz_home / "labels")
    assert Labels.of("sky.fits", "spiral").place == "labels/sky.fits/spiral.csv in GALVIZ_HOME"


def test_labels_of_an_earlier_version_are_taken_over_by_their_words(galviz_home):
    Labels().set("1", "good")
    Labels(galviz_home / "mergers.csv").set("2", "merger")
    Labels(galviz_home / "spiral-labels.csv").set("3", "merger")
    (galviz_home / "my-labels.csv").write_text("name,class\n1,merger\n")
    labels = Labels.of("sky", "merger", ("merger", "not a merger"))
    assert labels.to_dict() == {"2": "merger", "3": "merger"}
    assert not labels.path.exists()
    labels.set("4", "not a merger")
    labels.set("2", "")
    again = Labels.of("sky", "merger", ("merger", "not a merger"))
    assert again.to_dict() == {"3": "merger", "4": "not a merger"}
    assert Labels().to_dict() == {"1": "good"}
    assert len(Labels.of("sky")) == 0
