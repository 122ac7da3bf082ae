import json
import time
from dataclasses import replace

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import pytest
from panel.widgets.base import WidgetBase
from shown import all_text

from galviz.measure.rate_test import rate_table, suggested_rate
from galviz.pages.library import Library
from galviz.pages.page import StudyPage, open_study_page
from galviz.pages.recipe_form import RecipeForm
from galviz.pages.results.view import ResultsView
from galviz.pages.run import RunPanel
from galviz.pages.runs import RunsPanel, run_row
from galviz.pages.sky_maker import SkyMaker
from galviz.pages.state import TABS, PageState
from galviz.pages.tabs import TabBar
from galviz.pages.threshold_page import ThresholdPage, meanings_of
from galviz.pages.train import TrainPanel, page_message
from galviz.runs.predictions import Predictions
from galviz.sky.cutouts import CutoutSet
from galviz.studies import open_study, own, richness
from galviz.tasks.target import Target
from galviz.tools.formatting import note
from galviz.tools.labels.core import Labels
from galviz.tools.training.run_progress import RunView
from galviz.tools.viewer.view import FocusCanvas
from galviz.work import processes as jobs


@pytest.fixture
def started(monkeypatch):
    """Commands that were started, none of which runs."""
    commands = []
    monkeypatch.setattr(jobs, "start", lambda command, run: commands.append((list(command), run)) or 1)
    return commands


@pytest.mark.parametrize("recipes", [richness.RECIPES, richness.BAND_RECIPES])
def test_a_form_that_was_not_touched_changes_nothing(recipes):
    for recipe in recipes.values():
        form = RecipeForm(recipe)
        assert form.settings() == []
        assert form.changed() == recipe
        of_votes = {"network.votes", "network.clipped", "network.dropout", "data.vote_count"}
        of_classes = {"loss.smoothing", "loss.class_weights"}
        assert form.widgets.keys() == recipe.flat().keys() - {"name"} - of_votes - of_classes


def test_what_is_set_in_the_form_is_what_the_command_gets(recipe):
    form = RecipeForm(recipe)
    form.widgets["epochs"].value = 7
    form.widgets["optimiser.learning_rates.head"].value = 1e-5
    form.widgets["data.augment"].value = ["d4"]
    form.widgets["optimiser.frozen"].value = True
    form.widgets["optimiser.schedule"].value = "cosine"
    form.widgets["network.width"].value = 8
    assert set(form.settings()) == {
        "epochs=7", "optimiser.learning_rates.head=1e-05", "data.augment=d4", "optimiser.frozen=true",
        "optimiser.schedule=cosine", "network.width=8",
    }  # fmt: skip
    changed = form.changed()
    assert (
        changed.epochs,
        changed.optimiser.learning_rates["head"],
        changed.data.augment,
        changed.optimiser.frozen,
    ) == (7, 1e-5, ("d4",), True)


def test_start_is_the_command_line(sky, started, galviz_home):
    page = PageState(sky="tiny")
    panel = TrainPanel(richness.STUDY, Library.find(), page)
    panel.form.widgets["epochs"].value = 3
    panel.run_name = "first"
    panel.start()
    assert panel.error == ""
    ((command, path),) = started
    assert path == galviz_home / "runs" / "first"
    assert command == [
        "train", "richness", "--data", str(galviz_home / "skies" / "tiny"), "--out", str(path),
        "--target", "richness", "--recipe", "quick", "--devices", "cpu", "--set", "epochs=3",
    ]  # fmt: skip


def test_an_encoder_can_be_started_from(sky, started, make_run, told_bands):
    run = make_run("bands", predictions=told_bands)
    run.weights.touch()
    panel = TrainPanel(richness.STUDY, Library.find(), PageState(sky="tiny"))
    select = next(part for part in panel.learned() if part.label == "Start from the encoder of")
    assert select.options == {"none (random weights)": "", "bands": str(run.path)}
    select.value = str(run.path)
    panel.start()
    command = started[0][0]
    assert command[command.index("--encoder") + 1] == str(run.path)


@pytest.mark.parametrize(
    ("field", "value", "all_text"),
    [
        ("optimiser.learning_rates.head", None, "expected a number"),
        ("validation.fold", 9, "fold: expected 0 to 4"),
        ("validation.factor", 0.0, "factor: expected a number in (0, 1]"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused_in_words(sky, started, field, value, all_text):
    panel = TrainPanel(richness.STUDY, Library.find(), PageState(sky="tiny"))
    panel.form.widgets[field].value = value
    panel.start()
    assert all_text in panel.error
    assert panel.refused().object
    assert not started


def test_what_is_typed_stays_when_devices_and_runs_come(sky, make_run):
    page = PageState(sky="tiny")
    panel = TrainPanel(richness.STUDY, Library.find(), page)
    widgets = {widget.label: widget for widget in panel.choices()}
    device, name = widgets["Device"], widgets["Name of the new run"]
    name.value = "mine"
    panel.devices = {"cpu (x86)": "cpu", "cuda:0 (H100)": "cuda:0"}
    assert device.options == panel.devices
    assert device.value == "cpu"
    device.value = "cuda:0"
    assert panel.device == "cuda:0"
    make_run("richness-quick-1")
    page.found += 1
    assert name.placeholder == "richness-quick-2"
    assert (name.value, panel.run_name) == ("mine", "mine")


def test_a_double_click_starts_one_training(sky, started):
    panel = TrainPanel(richness.STUDY, Library.find(), PageState(sky="tiny"))
    panel.start()
    panel.start()
    assert len(started) == 1
    panel.run_name = "another"
    panel.start()
    assert len(started) == 2


def test_every_setting_says_what_it_is():
    form = RecipeForm(richness.RECIPES["quick"])
    helps = {part.value: part.param.value for card in form.cards for part in card.select(pn.widgets.TooltipIcon)}
    switches = [widget for widget in form.widgets.values() if isinstance(widget, pn.widgets.Switch)]
    assert len(helps) == len(switches) == 5  # a switch has no help of its own
    assert all(len(widget.description) > 5 for widget in form.widgets.values() if widget not in switches)
    assert form.widgets["batch"].description == "Objects per step."


def test_the_groups_are_closed_but_the_first():
    form = RecipeForm(richness.RECIPES["quick"])
    assert [card.title for card in form.cards] == ["training", "network", "optimiser", "loss", "data", "validation"]
    assert [card.collapsed for card in form.cards] == [False, *5 * [True]]


def test_widgets_have_the_bounds_and_choices_of_their_settings():
    widgets = RecipeForm(richness.RECIPES["quick"]).widgets
    assert (widgets["data.tta"].start, widgets["data.tta"].end) == (1, 8)
    assert (widgets["epochs"].start, widgets["epochs"].end) == (1, None)
    assert widgets["data.augment"].options == ["d4", "turn", "zoom", "mirror", "seeing"]
    assert widgets["network.architecture"].options[:2] == ["resnet18", "wide_resnet50"]
    assert "lsgan" not in widgets["network.architecture"].options


def test_another_architecture_brings_its_own_options():
    form = RecipeForm(richness.RECIPES["quick"])
    form.widgets["epochs"].value = 7
    form.widgets["network.architecture"].value = "wide_resnet50"
    options = {key for key in form.widgets if key.startswith("network.")}
    own = {"network.architecture", "network.apart", "network.head", "network.clip"}
    assert options == own | {"network.pooling", "network.standardise"}
    assert form.settings() == ["epochs=7", "network.architecture=wide_resnet50"]
    assert form.changed().network.architecture == "wide_resnet50"
    form.widgets["network.architecture"].value = "resnet18"
    assert form.settings() == ["epochs=7"]
    assert form.widgets["network.width"].value == 16


def test_a_run_that_came_to_nothing_is_removed_when_the_wish_is_said_twice(estimates, make_run):
    failed, done = make_run("bad", "failed"), make_run("good", predictions=estimates)
    page = PageState(run="bad")
    panel = RunsPanel(Library.find(), page)
    panel.removal().clicks += 1
    assert failed.path.exists()
    assert panel.removal().label == "Remove bad for good?"
    page.run = "good"
    assert panel.to_remove == ""
    assert not panel.removal().visible
    with pytest.raises(RuntimeError, match=r"ended without predictions, got .*good, which has predictions"):
        jobs.remove(done.path)
    page.run = "bad"
    panel.remove()
    panel.remove()
    assert not failed.path.exists()
    assert done.path.exists()
    assert page.run == "good"
    going = make_run("going", "running")
    with pytest.raises(RuntimeError, match="which is in use"):
        jobs.remove(going.path)


def test_without_a_sky_there_is_no_training(started):
    panel = TrainPanel(richness.STUDY, Library.find(), PageState())
    panel.start()
    assert "expected a sky to learn from" in panel.error
    assert not started


def test_a_name_that_is_taken_is_refused(sky, started, make_run):
    make_run("first")
    panel = TrainPanel(richness.STUDY, Library.find(), PageState(sky="tiny"))
    panel.run_name = "first"
    panel.start()
    assert "not taken" in panel.error
    assert panel.free_name() == "richness-quick-1"
    make_run("richness-quick-1")
    assert panel.free_name() == "richness-quick-2"


def test_a_view_follows_its_folder(make_run):
    run = make_run("first", "stopped")
    view = RunView(run.path)
    assert "stopped" in view.status()
    assert "epoch 2 of 4" in view.status()
    assert view.progress() == 50
    run.append_metrics(
        {"epoch": 3, "step": 9, "seconds": 3.0, "lr": 1e-3, "train_loss": 0.1, "val_loss": 0.2, "val_mae": 0.1}
    )
    run.write_state(status="failed", epoch=3, step=9, message="images: <expected> 5 bands.")
    (run.path / "log.txt").write_text("a\n<b>\n")
    view.poll()
    assert view.metrics["epoch"].tolist() == [1, 2, 3]
    assert "images: &lt;expected&gt; 5 bands." in view.message()
    assert "role='alert'" in view.message()
    assert "&lt;b&gt;" in view.tail()
    run.cut_metrics(3)  # as a resume from an older checkpoint does
    view.poll()
    assert view.metrics["epoch"].tolist() == [1]


def test_a_run_without_a_log_says_where_it_was_started(make_run):
    run = make_run("first")
    run.write_state()
    view = RunView(run.path)
    assert "started in a terminal or by a sweep on " in view.tail()
    (run.path / "log.txt").write_text("epoch 1/2\n")
    view.poll()
    assert "epoch 1/2" in view.tail()
    assert "terminal" not in view.tail()


def test_a_view_of_a_folder_that_is_still_empty(tmp_path):
    view = RunView(tmp_path)
    assert "starting" in view.status()
    assert "Nothing logged yet." in view.tail()
    assert view.__panel__().get_root()


def test_looking_without_news_changes_nothing(make_run):
    run = make_run("first", "stopped")
    view = RunView(run.path)
    seen = []
    view.param.watch(seen.append, ["state", "metrics", "log", "predicted"])
    run.write_state()  # a heartbeat, no more
    view.poll()
    assert [event.name for event in seen] == []


def test_stop_and_resume_reach_the_run(make_run, monkeypatch):
    run = make_run("first", "stopped")
    panel = RunPanel(Library.find(), PageState(run="first"))
    stop, resume, see = panel.buttons()
    assert (stop.disabled, resume.disabled, see.visible) == (True, False, False)
    requested = []
    monkeypatch.setattr(jobs, "resume", lambda *args: requested.append(args))
    panel.resume()
    assert requested == [(run.path, "--devices", "cpu")]
    panel.stop()
    assert run.stop_requested()

    def refuse(*_):
        raise RuntimeError(f"run: {run.path} is in use by process 7 on vm. Stop that one first.")

    monkeypatch.setattr(jobs, "resume", refuse)
    panel.resume()
    assert "in use by process 7" in panel.refused().object


def test_runs_are_listed_with_what_they_are(make_run, sky, estimates, galviz_home):
    make_run("first", predictions=estimates)
    (galviz_home / "runs" / "half").mkdir()
    (galviz_home / "runs" / "half" / "state.json").write_text('{"status": "created"}')
    page = PageState()
    panel = RunsPanel(Library.find(), page)
    table, left_out = panel.table()
    assert table.value.loc["first"].to_dict() | {"made": ""} == {
        "study": "richness", "target": "ln_richness", "recipe": "quick", "status": "done", "epochs": "2 of 4",
        "result": "MAE 0.1000 (6 held-out objects)", "made": "", "data": "tiny",
    }  # fmt: skip
    assert "half" in left_out.object
    second = run_row(make_run("second", "stopped"))
    assert (second["status"], second["result"]) == ("stopped", "MAE 0.2500 (best epoch, while training)")


def test_making_a_sky_is_a_process_whose_end_is_seen(started, galviz_home, tiny_sky, monkeypatch):
    page = PageState()
    maker = SkyMaker(open_study("richness"), Library.find(), page)
    maker.param.update(objects=20, size=16, sky_name="new")
    maker.make()
    out = galviz_home / "skies" / "new"
    assert started[0][0] == ["mock", "richness", "--n", "20", "--size", "16", "--seed", "0", "--out", str(out)]
    monkeypatch.setattr(jobs, "is_alive", lambda _: True)
    job = galviz_home / "jobs" / "sky-new"
    job.mkdir(parents=True)
    (job / "log.txt").write_text("drawing 5/20\n")
    maker.poll()
    assert (maker.job.making, maker.job.percent) == ("new", 25)
    tiny_sky.save(out)
    monkeypatch.setattr(jobs, "is_alive", lambda _: False)
    maker.poll()
    assert (maker.job.making, page.sky, page.found) == ("", "new", 1)


def test_a_sky_that_could_not_be_made_says_why(started, monkeypatch, galviz_home):
    maker = SkyMaker(open_study("richness"), Library.find(), PageState())
    maker.make()
    job = galviz_home / "jobs" / "sky-synthetic"
    job.mkdir(parents=True)
    (job / "log.txt").write_text("galviz mock: out: no room\n")
    monkeypatch.setattr(jobs, "is_alive", lambda _: False)
    maker.poll()
    assert "no room" in maker.job.result
    assert maker.job.making == ""


def test_a_page_without_anything_offers_what_to_do():
    page = StudyPage(richness.STUDY, Library.find())
    assert "No data yet" in page.data()[0].object
    assert "Train one on the tab" in all_text(page.predictions())
    for tab in TABS:
        page.page.tab = tab
        assert page.__panel__().get_root()


def test_the_tab_and_the_page_agree(sky, estimates, make_run):
    make_run("first", predictions=estimates)
    page = StudyPage(richness.STUDY, Library.find())
    assert (page.page.sky, page.page.run) == ("tiny", "first")
    assert page.page.selection.focus == sky.object_ids[0]
    layout = page.main()
    root, (bar,) = layout.get_root(), layout.select(TabBar)
    for tab in TABS:
        bar.active = tab
        assert page.page.tab == tab
    page.page.tab = "data"
    assert bar.active == "data"
    assert root


def test_predictions_come_to_the_page_when_the_run_is_done(sky, estimates, make_run):
    run = make_run("first", "stopped")
    page = StudyPage(richness.STUDY, Library.find())
    page.page.tab = "train"
    assert "stopped and has no predictions" in page.predictions().object
    seen = []
    page.param.watch(seen.append, "page")
    run.save_predictions(estimates)
    run.write_state(status="done")
    page.poll()
    assert page.train.run.view.predicted
    assert isinstance(page.predictions(), ResultsView)


def test_a_run_whose_sky_is_gone_is_shown_without_pictures(estimates, sky, make_run, galviz_home):
    make_run("first", predictions=estimates)
    (galviz_home / "skies" / "tiny").rename(galviz_home / "moved")
    page = StudyPage(richness.STUDY, Library.find())
    shown = page.predictions().main()
    assert "expected a folder with a saved sky" in all_text(shown)
    assert not shown.select(FocusCanvas)


def with_catalogue(sky, catalogue):
    """The images of a sky with another catalogue."""
    more = {"bands": sky.bands, "pixel_scale": sky.pixel_scale, "unit": sky.unit}
    return CutoutSet(images=np.asarray(sky.images), catalogue=catalogue, **more)


@pytest.fixture
def spirals(galviz_home, tiny_sky):
    """The tiny sky with more columns: 0/1 with a missing one, two fractions, a text, one without values, and ids."""
    spiral = np.array([1.0, 0, 0, 0, 1, 0, np.nan, 0, 1, 0, 0, 0])
    smooth = np.linspace(0.05, 0.95, 12)
    more = {"spiral": spiral, "smooth": smooth, "disk": 1 - smooth, "kind": list("EESIEESIEESI"), "empty": np.nan}
    more["objid"] = 1237648720693755918 + np.arange(12)
    sky = with_catalogue(tiny_sky, tiny_sky.catalogue.assign(**more, **{"a,b": 1.0, "-z": smooth}))
    sky.save(galviz_home / "skies" / "mine")
    return sky


@pytest.fixture
def panel(spirals):
    """The training tab of own images."""
    return TrainPanel(own.STUDY, Library.find(), PageState(sky="mine"))


def test_any_column_is_offered_and_its_task_is_guessed(panel, started, galviz_home):
    assert panel.param.target.names["choose a column …"] == panel.target == ""
    columns = [
        "",
        "richness",
        "z",
        "spiral",
        "smooth",
        "disk",
        "kind",
        "empty",
        "-z",
    ]  # no comma: `--target` splits; no ids
    assert list(panel.param.target.names.values()) == columns
    panel.start()
    assert panel.error == "Target: choose a column to learn."
    panel.target = "spiral"
    assert "spiral: 2 values (0, 1) → classification, positive 1; another task: see Advanced" in _shown(panel.preview())
    assert "spiral: 11 known, 1 missing" in _shown(panel.preview())
    assert (panel.selected.target.task, panel.recipe) == ("classification", "quick")
    assert "loss.class_weights" in panel.form.widgets
    panel.run_name = "first"
    panel.start()
    ((command, path),) = started
    assert command == [
        "train", "--data", str(galviz_home / "skies" / "mine"), "--out", str(path), "--target", "spiral",
        "--recipe", "quick", "--devices", "cpu",
    ]  # fmt: skip


def test_the_guess_can_be_changed_and_another_target_is_guessed_anew(panel):
    panel.target = "spiral"
    assert list(panel.param.positive.names) == ["automatic", "0", "1"]
    panel.positive = "0"
    assert panel.command("out")[6:9] == ["spiral", "--positive", "0"]
    panel.param.update(positive="", task="regression")
    assert panel.selected.target.task == "regression"
    assert panel.selected.recipes["quick"].loss.name == "gaussian_nll"
    assert panel.command("out")[6:9] == ["spiral", "--task", "regression"]
    panel.target = "kind"
    assert (panel.task, panel.selected.target.task, panel.selected.target.classes) == (
        "",
        "classification",
        ("E", "I", "S"),
    )
    panel.target = "-z"
    assert panel.command("out")[5] == "--target=-z"


def test_several_columns_are_learned_together(panel):
    panel.target = "smooth"
    panel.more = ["disk"]
    assert panel.selected.target.task == "votes"
    assert panel.command("out")[5:7] == ["--target", "smooth,disk"]
    assert panel.free_name() == "smooth+disk-quick-1"
    assert len(panel.preview()[1]) == 2  # a plot each
    panel.target = "richness"
    assert (panel.more, panel.selected.target.columns) == ([], ("richness",))


@pytest.mark.parametrize(
    ("target", "task", "all_text"),
    [
        ("empty", "", "Target: empty: expected "),
        ("kind", "regression", "Target: kind: expected numbers, got text such as 'E'"),
    ],
)
def test_a_column_that_cannot_be_learned_says_why(panel, started, target, task, all_text):
    panel.target = target
    panel.task = task
    panel.start()
    assert all_text in panel.error
    assert panel.preview().object == note(panel.error).object
    assert "No command yet" in panel.command_line()
    assert started == []
    assert panel.form is None


def test_errors_name_the_control():
    assert page_message("validation.fold: expected 0 to 4.") == "Advanced, validation, fold: expected 0 to 4."
    assert page_message("optimiser.learning_rates.head: x") == "Advanced, optimiser, head: x"
    assert page_message("positive: x") == "Advanced, Positive class: x"
    words = page_message("target: Choose another, or give --task regression.")
    assert words == "Target: Choose another, or choose the task regression under Advanced."


def test_a_study_also_learns_any_column(spirals, started):
    panel = TrainPanel(richness.STUDY, Library.find(), PageState(sky="mine"))
    own_targets = list(richness.TARGETS)
    assert list(panel.param.target.objects)[: len(own_targets) + 2] == [*own_targets, "z", "spiral"]
    assert list(panel.selected.recipes) == list(richness.RECIPES)
    panel.target = "spiral"
    assert "finetune" in panel.selected.recipes
    panel.start()
    assert started[0][0][:2] == ["train", "richness"]


def test_another_sky_brings_its_columns(panel, sky):
    panel.target = "spiral"
    panel.positive = "0"
    panel.page.sky = "tiny"
    assert list(panel.param.target.objects) == ["", "richness", "z"]
    assert (panel.target, panel.positive, panel.form) == ("", "", None)
    panel.page.sky = "mine"
    assert "spiral" in panel.param.target.objects


def test_a_sky_without_the_columns_of_the_study_is_refused_before_the_start(galviz_home, tiny_sky, started):
    bare = with_catalogue(tiny_sky, tiny_sky.catalogue[["z"]])
    bare.save(galviz_home / "skies" / "bare")
    panel = TrainPanel(richness.STUDY, Library.find(), PageState(sky="bare"))
    panel.start()
    assert panel.error == "Data: bare has no column richness. Choose another sky or another target."
    assert started == []


def test_five_controls_are_visible_and_the_rest_is_closed(panel):
    panel.target = "spiral"
    labels = [widget.label for widget in panel.choices()]
    assert labels == ["Target", "Recipe", "Device", "Name of the new run"]  # the data are chosen in the top bar
    form = panel.form_of_new()
    (advanced,) = [part for part in form if isinstance(part, pn.Card)]
    assert (advanced.title, advanced.collapsed) == ("Advanced", True)
    outside = [part for part in form if part is not advanced]
    open_now = {widget.label for part in outside for widget in pn.Column(part).select(WidgetBase)}
    assert open_now == {*labels, "▶ Start training"}
    assert [widget.label for widget in panel.learned()][:3] == [
        "More columns, learned together",
        "Task",
        "Positive class",
    ]


def test_the_command_to_copy_is_the_one_that_runs(panel, started):
    panel.target = "spiral"
    seen = []
    shown = pn.bind(lambda *_: seen.append(panel.command_line()), panel.param.edits)
    pn.panel(shown).get_root()
    panel.form.widgets["epochs"].value = 3
    panel.run_name = "my run"
    assert "--set epochs=3" in seen[-1]
    line = panel.command_line()
    assert "galviz train --data" in line
    assert "/runs/my run&#39; --target spiral --recipe quick --devices cpu --set epochs=3</pre>" in line
    panel.start()
    assert started[0][0][-2:] == ["--set", "epochs=3"]
    panel.form.widgets["validation.fold"].value = 9
    assert "No command yet. Advanced, validation, fold: expected 0 to 4, got 9." in panel.command_line()


def test_the_architecture_is_explained_by_data_and_device(panel):
    panel.target = "spiral"
    assert panel.reason().startswith(
        "Encoder: resnet18, 16 channels wide, from random weights; chosen for 11 images of 16×16 pixels on a CPU."
    )
    assert "finetune" in panel.reason()
    panel.recipe = "finetune"
    assert panel.reason().startswith("Encoder: efficientnet_lite0, 3.4 million parameters, from trained weights")
    assert panel.form.widgets["network.architecture"].value in panel.form.widgets["network.architecture"].options
    panel.study = replace(panel.study, about_recipes={"finetune": "For a few objects."})
    assert panel.reason().startswith("For a few objects. Encoder: efficientnet_lite0")


def test_any_encoder_of_timm_may_be_typed_with_its_weights(panel, started):
    panel.target = "spiral"
    field = panel.form.widgets["network.architecture"]
    shown = []
    pn.panel(pn.bind(lambda *_: shown.append(panel.command_line()), panel.param.edits)).get_root()
    assert field.options[:2] == ["resnet18", "wide_resnet50"]
    assert {"convnext_tiny", "timm/resnet18"} < set(field.options)
    assert "network.pretrained" not in panel.form.widgets  # ours begin with random weights
    field.value = "rexnet_100"  # in no list
    assert "--set network.architecture=rexnet_100</pre>" in shown[-1]
    panel.form.widgets["network.pretrained"].value = "imagenet"
    assert "as you set it for 11 images" in panel.reason()
    panel.start()
    assert started[0][0][-3:] == ["--set", "network.architecture=rexnet_100", "network.pretrained=imagenet"]
    field.value = "no name!"
    assert panel.reason().startswith("Advanced, network, architecture: expected one of resnet18, ")
    panel.run_name = "another"
    panel.start()
    assert panel.error.startswith("Advanced, network, architecture: expected one of")
    assert len(started) == 1


@pytest.mark.parametrize("given", ["/etc/passwd", "hf-hub:someone/model", "https://x/y", "local-dir:x", "..", "dir"])
def test_a_visitor_names_no_weights_from_elsewhere(panel, started, given, tmp_path, monkeypatch):
    (tmp_path / "dir").mkdir()
    monkeypatch.chdir(tmp_path)
    panel.target = "spiral"
    panel.recipe = "finetune"
    panel.form.widgets["network.pretrained"].value = given
    panel.start()
    assert panel.error.startswith("Advanced, network, pretrained: expected")
    assert started == []


def test_a_hub_is_named_on_the_command_line_alone(panel):
    panel.target = "spiral"
    panel.recipe = "finetune"
    panel.form.widgets["network.pretrained"].value = "hf-hub:someone/model"
    panel.start()
    assert "which it may not download" in panel.error
    assert panel.error.endswith("--set network.pretrained=hf-hub:someone/model")


def test_weights_of_the_library_and_tags_may_be_named(panel, make_run):
    run = make_run("first")
    (run.path / "w.safetensors").touch()
    panel.target = "spiral"
    panel.recipe = "finetune"
    files = {str(run.path / "w.safetensors"): str((run.path / "w.safetensors").resolve()), "first": str(run.path)}
    for given, used in files.items() | {("a1_in1k", "a1_in1k"), ("", "")}:
        panel.form.widgets["network.pretrained"].value = given
        assert panel.command("out")[-1] == f"network.pretrained={used}"
    panel.form.widgets["network.pretrained"].value = "imagenet"  # as the recipe has it
    assert "--set" not in panel.command("out")


def test_an_empty_page_of_own_images_offers_an_example(started, galviz_home):
    page = StudyPage(own.STUDY, Library.find())
    shown = " ".join(part.object for part in page.maker.__panel__().select(pn.pane.HTML))
    assert "galviz ingest FOLDER --out SKY" in shown
    assert "learn its column\n<code>richness</code>" in shown
    page.maker.make()
    assert started[0][0][:2] == ["mock", "richness"]
    for tab in page.page.tabs:
        page.page.tab = tab
        assert page.__panel__().get_root()


def test_a_threshold_over_each_class_of_a_run(spirals, make_run, galviz_home):
    target = Target.of(spirals, "spiral").fitted(spirals.catalogue)
    chance = np.linspace(0.01, 0.99, 12)
    known = spirals.catalogue["spiral"].map({0: "0", 1: "1"})
    columns = {"spiral": np.where(chance > 0.5, "1", "0"), "spiral_true": known, "p_0": 1 - chance, "p_1": chance}
    table = pd.DataFrame({**columns, "fold": 0}, index=spirals.catalogue.index)
    run = make_run("classes", predictions=Predictions(table, target))
    info = json.loads((run.path / "run.json").read_text()) | {
        "study": "own",
        "data": str(galviz_home / "skies" / "mine"),
    }
    (run.path / "run.json").write_text(json.dumps(info))
    page = StudyPage(own.STUDY, Library.find(study=own.STUDY))
    assert page.page.tabs[-1] == "threshold"
    page.page.tab = "threshold"
    page.__panel__().get_root()
    tab = page.tabs["threshold"]
    assert isinstance(tab, ThresholdPage)
    tab.body()
    assert (tab.view.answer, tab.view.truth) == ("p_1", "p_1_true")  # of the positive class
    truth = tab.view.table["p_1_true"]
    assert (truth.sum(), truth.isna().sum()) == (3, 1)
    assert set(tab.view.param.answer.objects.values()) >= {"p_0", "p_1"}
    assert tab.view.param.answer.objects["spiral = 1 (p_1)"] == "p_1"
    assert tab.view.param.truth.objects["spiral = 1, known (p_1_true)"] == "p_1_true"
    assert tab.view.keys == {"m": "spiral = 1", "n": "spiral = 0"}
    tab.view.near.exchanges[0].receive({"type": "label", "client": "x", "id": table.index[0], "label": "spiral = 1"})
    assert tab.view.scored.known.by_hand == 1
    labels = Labels(galviz_home / "spiral-labels.csv").to_dict()
    assert labels == {table.index[0]: "spiral = 1"}
    assert "Labels are kept in spiral-labels.csv in GALVIZ_HOME." in tab.view.about.object
    tab.view.answer = "p_0"  # the same label, seen from the other class
    assert (tab.view.keys["m"], tab.view.scored.known.by_hand) == ("spiral = 0", 1)
    assert tab.view.scored.truth[tab.view.scored.rows == 0] == 0


def test_each_of_many_classes_has_a_name_and_labels_of_its_own(make_run, sky):
    target = Target("kind", "classification", ("kind",), "kind", classes=("E", "S0", "2"))
    rows = {"kind": "E", "kind_true": "E", **{f"p_{name}": 1 / 3 for name in target.classes}, "fold": 0}
    run = make_run("kinds", predictions=Predictions(pd.DataFrame(rows, sky.catalogue.index), target))
    assert meanings_of(run) == {
        "p_E": ("E", "not E", "kind-E-labels.csv"),
        "p_S0": ("S0", "not S0", "kind-S0-labels.csv"),
        "p_2": ("kind = 2", "not kind = 2", "kind-2-labels.csv"),
    }


def _shown(view):
    return " ".join(str(part.object) for part in pn.Column(view).select(pn.pane.HTML))


@pytest.mark.parametrize(
    ("status", "message", "estimates"),
    [
        ("done", "", ("first is done: see its predictions.", False)),
        ("failed", "No room on the disk.", ("first is failed. No room on the disk.", True)),
        ("stopped", "", None),
    ],
)
def test_the_end_of_a_run_is_told_wherever_the_visitor_is(make_run, monkeypatch, status, message, estimates):
    run, seen = make_run("first", "running"), []
    monkeypatch.setattr("galviz.pages.run.toast", lambda text, *, bad=False: seen.append((text, bad)))
    monkeypatch.setattr(jobs, "is_alive", lambda _: True)
    panel = RunPanel(Library.find(), PageState(run="first"))
    run.beat()
    panel.poll()
    assert seen == []
    run.write_state(status=status, message=message)
    monkeypatch.setattr(jobs, "is_alive", lambda _: False)
    panel.poll()
    assert seen == ([estimates] if estimates else [])


def test_a_label_given_on_the_data_is_seen_on_the_predictions(make_run, sky, estimates, galviz_home):
    make_run("first", predictions=estimates)
    page = StudyPage(richness.STUDY, Library.find(study=richness.STUDY))
    page.page.tab = "data"
    page.body()
    page.content.made.explorer.gallery.album.labels.set(sky.object_ids[0], "good")
    page.page.tab = "predictions"
    page.body()
    labels = page.content.made.explorer.gallery.album.labels
    assert labels[sky.object_ids[0]] == "good"
    assert labels.path.is_relative_to(galviz_home / "labels")


def ends(monkeypatch, message="", status=""):
    """A process that has ended, unless another status is given."""
    state = {"status": status or ("failed" if message else "created"), "message": message}
    monkeypatch.setattr(jobs, "follow", lambda _: iter([jobs.Update(state, pd.DataFrame(), restarted=False)]))


def test_learning_rates_are_found_for_what_is_set_in_the_form(sky, started, galviz_home, monkeypatch):
    panel = TrainPanel(richness.STUDY, Library.find(), PageState(sky="tiny"))
    panel.form.widgets["network.width"].value = 2
    panel.rates.start()
    ((command, folder),) = started
    assert command == [
        "find-rate", "richness", "--data", str(galviz_home / "skies" / "tiny"), "--out", str(folder / "rates.csv"),
        "--target", "richness", "--recipe", "quick", "--devices", "cpu", "--set", "network.width=2",
    ]  # fmt: skip
    assert panel.rates.going
    assert panel.rates.status == "Finding learning rates …"
    (folder / "log.txt").write_text("$ galviz find-rate\nfinding rates: 30/100 steps\n")
    ends(monkeypatch, status="waiting")
    panel.rates.poll()
    assert (panel.rates.going, panel.rates.percent) == (True, 30)
    assert "<progress max='100' value=30>" in panel.rates.progress()
    panel.rates.start()  # the first one is ended
    assert not folder.exists()
    panel.rates.cancel()
    assert (panel.rates.going, panel.rates.status) == (False, "Cancelled.")
    assert not started[1][1].exists()


def test_the_found_rates_are_drawn_said_and_written_into_the_form(sky, started, monkeypatch):
    panel = TrainPanel(richness.STUDY, Library.find(), PageState(sky="tiny"))
    head, encoder = (panel.form.widgets[f"optimiser.learning_rates.{name}"] for name in ("head", "encoder"))
    head.value, encoder.value = 1e-2, 1e-3
    panel.form.widgets["optimiser.early_rate"].value = 0.1
    panel.rates.start()
    rates = np.geomspace(1e-6, 10, 100)
    rate_table(rates, 1 / (1 + rates / 1e-2) + rates).to_csv(started[0][1] / "rates.csv")
    ends(monkeypatch)
    panel.rates.poll()
    best = suggested_rate(panel.rates.table)
    assert panel.rates.rates == {"encoder": pytest.approx(best / 10, rel=0.05), "head": pytest.approx(best, rel=0.05)}
    plot, words, use = panel.rates.found()
    assert f"at a learning rate of {best:.2g}" in hv.render(plot.object).title.text
    given = panel.rates.rates
    encoders = f"encoder {given['encoder']:g} (the first half of it {given['encoder'] / 10:.2g})"
    assert words.object == f"Suggested learning rates: {encoders}, head {given['head']:g}."
    use.clicks += 1
    assert (head.value, encoder.value) == (given["head"], given["encoder"])
    assert f"optimiser.learning_rates.head={given['head']:g}" in panel.form.settings()
    assert not started[0][1].exists()
    panel.recipe = "best"  # of which nothing is known
    assert panel.rates.table is None
    assert panel.rates.rates == {}


def test_a_frozen_encoder_has_no_rate(sky, started, monkeypatch):
    panel = TrainPanel(richness.STUDY, Library.find(), PageState(sky="tiny"))
    panel.form.widgets["optimiser.frozen"].value = True
    panel.rates.start()
    rates = np.geomspace(1e-6, 10, 100)
    rate_table(rates, 1 / (1 + rates / 1e-2) + rates).to_csv(started[0][1] / "rates.csv")
    ends(monkeypatch)
    panel.rates.poll()
    assert list(panel.rates.rates) == ["head"]


def test_without_a_suggestion_there_is_nothing_to_use(sky, started, monkeypatch):
    panel = TrainPanel(richness.STUDY, Library.find(), PageState(sky="tiny"))
    panel.rates.start()
    rate_table(np.geomspace(1e-6, 10, 100), np.arange(100.0)).to_csv(started[0][1] / "rates.csv")
    ends(monkeypatch)
    panel.rates.poll()
    _, words, use = panel.rates.found()
    assert "no rate is suggested" in words.object
    assert not use.visible


def test_errors_of_the_finder_name_the_control(sky, started, monkeypatch):
    panel = TrainPanel(richness.STUDY, Library.find(), PageState(sky="tiny"))
    panel.form.widgets["validation.fold"].value = 9
    panel.rates.start()
    assert panel.rates.error == "Advanced, validation, fold: expected 0 to 4, got 9."
    assert not panel.rates.going
    panel.form.widgets["validation.fold"].value = 0
    panel.rates.start()
    assert panel.rates.error == ""
    ends(monkeypatch, "galviz find-rate: devices: expected one of cpu, or a number of them, got 'cuda:0'.")
    panel.rates.poll()
    assert panel.rates.error == "Device: expected one of cpu, or a number of them, got 'cuda:0'."
    assert (panel.rates.going, panel.rates.status) == (False, "")


def test_a_study_with_its_own_training_has_no_finder():
    for name, there in {"richness": True, "inpainting": False}.items():
        form = TrainPanel(open_study(name), Library.find(), PageState()).form_of_new()
        assert ("Find learning rates" in {widget.label for widget in form.select(WidgetBase)}) == there


@pytest.mark.slow
def test_learning_rates_are_really_found_in_another_process(sky, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    panel = TrainPanel(richness.STUDY, Library.find(), PageState(sky="tiny"))
    for key, value in {"network.width": 2, "batch": 4}.items():
        panel.form.widgets[key].value = value
    panel.rates.start()
    until = time.monotonic() + 240
    while panel.rates.going and time.monotonic() < until:
        time.sleep(0.1)
        panel.rates.poll()
    assert panel.rates.error == ""
    assert list(panel.rates.table["rate"].head(1)) == [pytest.approx(1e-6)]
    assert len(panel.rates.table) > 20
    assert panel.rates.rates


def test_without_a_run_the_progress_says_so_once(galviz_home):
    run = open_study_page("richness").train.run
    for make in run.tabs().values():
        shown = make().select(pn.pane.HTML)
        assert sum("No run selected" in str(one.object) for one in shown) == 1
