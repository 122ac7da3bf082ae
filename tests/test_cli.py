"""The command line: help that explains itself, errors in one line, exit codes."""

import argparse
import json
import re
import subprocess
import sys
import time

import pandas as pd
import pytest

from galviz import cli
from galviz.cli import main
from galviz.runs import Run
from galviz.studies.richness import RECIPES, TARGET

COMMANDS = ("mock", "ingest", "train", "predict", "runs", "devices")


def options():
    subparsers = next(a for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction))
    return [
        pytest.param(action, id=f"{name} {action.dest}")
        for name, parser in subparsers.choices.items()
        for action in parser._actions
        if action.option_strings and action.dest != "help"
    ]


@pytest.fixture(scope="module")
def sky(tmp_path_factory, make_sky):
    return str(make_sky().save(tmp_path_factory.mktemp("sky") / "tiny"))


@pytest.fixture
def run(tmp_path, sky):
    """A run as it is before its first step."""
    from galviz.sky.cutouts import CutoutSet

    more = {"fingerprint": CutoutSet.open(sky).fingerprint, "encoder": None}
    return Run.create(tmp_path / "run", study="richness", target=TARGET, recipe=RECIPES["quick"], data=sky, **more)


@pytest.fixture
def said(capsys):
    """Run a command; give its exit code and what it said on stderr."""

    def say(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        return code, capsys.readouterr().err

    return say


def test_help_answers_at_once():
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "galviz", "--help"], capture_output=True, text=True, check=True)
    assert time.monotonic() - began < 2  # 0.1 s where nothing else runs; pandas alone would take longer
    assert all(f"  {command} " in done.stdout for command in COMMANDS)


def test_help_loads_nothing_heavy():
    code = "import sys; from galviz import cli; cli.parser().format_help(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pandas", "torch", "tqdm", "psutil"} & set(done.stdout.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_examples_and_exit_codes(capsys, command):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    text = capsys.readouterr().out
    assert f"examples:\n  galviz {command}" in text
    assert "0 done, or stopped on request; 1 failed; 2 wrong arguments" in text


@pytest.mark.parametrize("action", options())
def test_help_of_an_option_says_its_default(action):
    assert re.search("default: .|required", action.help)


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_are_understood(command):
    subparsers = next(a for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction))
    lines = [line for line in subparsers.choices[command].epilog.splitlines() if line.startswith("  galviz")]
    for line in lines:
        words = [word.strip("'") for word in re.findall(r"'[^']*'|\S+", line)]
        assert cli.parser().parse_args(words[1:]).command == command


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert re.fullmatch(r"galviz \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("richnes --data SKY", "got 'richnes'; did you mean 'richness'?"),
        ("richness --data SKY --recipe quik", "recipe: expected one of quick, paper, best, got 'quik'; did you mean"),
        ("richness --data SKY --recipe fast", "recipe: expected one of quick, paper, best, got 'fast'"),
        ("richness --data SKY --target bands", "target: expected one of richness, band, got 'bands'; did you mean"),
        ("richness --data SKY --set epoch=3", "set: expected a field of the recipe, got 'epoch'. Near it: epochs"),
        ("richness --data SKY --set epochs=x", "epochs: expected a whole number, got 'x'."),
        ("richness --data SKY --set loss=mea", "loss: expected one of mse, mse_std, cross_entropy, got 'mea'."),
        ("richness --data SKY --set epochs", "set: expected key=value, got 'epochs'."),
        ("richness --data SKY --epochs 0", "argument --epochs: expected a whole number of at least 1, got '0'"),
        ("richness --data SKY --frozen", "frozen: expected an encoder to keep as it is, got none."),
        ("richness --data SKY --encoder nowhere", "nowhere, which has no run.json."),
        ("richness --data nowhere", "path: expected a folder with a saved sky, got nowhere"),
        ("richness", "data: expected the folder of a sky, got none."),
        ("richness --resume", ", which has no run.json."),
        ("richness --data SKY --bogus", "unrecognized arguments: --bogus."),
    ],
)
def test_wrong_arguments_of_train_end_with_2_and_one_line(tmp_path, sky, said, arguments, message):
    out = tmp_path / "run"
    code, text = said("train", "--out", out, *arguments.replace("SKY", sky).split())
    assert code == 2
    assert len(text.splitlines()) == 1
    assert message in text
    assert not out.exists()


def test_a_run_folder_that_is_there_is_refused(run, sky, said):
    code, text = said("train", "richness", "--data", sky, "--out", run.path)
    assert code == 2
    assert "expected a new run folder" in text
    assert "--resume" in text
    assert run.state()["status"] == "created"


@pytest.mark.parametrize("options", ["--recipe best", "--epochs 3", "--target band", "--set seed=1"])
def test_a_resume_with_another_recipe_is_refused(run, said, options):
    code, text = said("train", "richness", "--out", run.path, "--resume", *options.split())
    assert code == 2
    assert "resume: expected the recipe, target and encoder that" in text


def test_a_resume_on_another_sky_is_refused(run, make_sky, tmp_path, said):
    other = make_sky(first=5_000_000_000_000_000_000).save(tmp_path / "other")
    code, text = said("train", "richness", "--out", run.path, "--resume", "--data", other)
    assert code == 2
    assert "data: expected the sky that" in text


@pytest.mark.parametrize("missing", ["run.json", "state.json"])
def test_half_a_run_folder_is_refused(run, said, missing):
    (run.path / missing).unlink()
    code, text = said("train", "richness", "--out", run.path, "--resume")
    assert code == 2
    assert f"has no {missing}" in text


def test_a_sky_that_lacks_a_band_is_refused(tmp_path, make_sky, said):
    from galviz.sky.cutouts import CutoutSet

    sky = make_sky()
    four = CutoutSet(
        images=sky.images[:][:, :4], bands="ugri", catalogue=sky.catalogue, pixel_scale=0.396, unit="nanomaggy"
    ).save(tmp_path / "four")
    code, text = said("train", "richness", "--data", four, "--out", tmp_path / "run")
    assert code == 2
    assert "expected the bands ('u', 'g', 'r', 'i', 'z'), got ('u', 'g', 'r', 'i')" in text
    assert not (tmp_path / "run").exists()


def test_predict_refuses_a_run_without_weights_and_a_table_of_another_kind(run, sky, tmp_path, said):
    code, text = said("predict", run.path, "--data", sky, "--out", tmp_path / "p.parquet")
    assert (code, "expected a trained run" in text) == (2, True)
    code, text = said("predict", run.path, "--data", sky, "--out", tmp_path / "p.csv")
    assert (code, "out: expected a .parquet file" in text) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("mock richnes", "kind: expected one of richness, got 'richnes'; did you mean 'richness'?"),
        ("ingest sdss nowhere --tile 25", "frames: expected folders with frames, got nowhere, which is no folder."),
        ("ingest sdss . --tile 25 --side 1", "side: expected with --positions, got it with --tile"),
        ("ingest sdss . --tile x", "argument --tile: invalid float value: 'x'"),
        ("ingest sdss .", "one of the arguments --tile --positions is required"),
    ],
)
def test_wrong_arguments_of_sky_makers(tmp_path, said, arguments, message):
    code, text = said(*arguments.split(), "--out", tmp_path / "sky")
    assert code == 2
    assert len(text.splitlines()) == 1
    assert message in text


@pytest.mark.parametrize("command", ["mock richness", "ingest sdss . --tile 25"])
def test_a_folder_that_is_there_is_not_written_over(tmp_path, said, command):
    code, text = said(*command.split(), "--out", tmp_path)
    assert (code, "out: expected a new folder" in text) == (2, True)


def test_positions_outside_the_frames_fail_and_name_the_object(real_data, tmp_path, said):
    positions = tmp_path / "positions.csv"
    positions.write_text("object_id,ra,dec,z\n1237658493878337640,10,10,0.3\n")
    frames = real_data / "sdss_frames"
    code, text = said("ingest", "sdss", frames, "--positions", positions, "--out", tmp_path / "sky")
    assert code == 1
    assert "1237658493878337640" in text
    assert len(text.splitlines()) == 1


def test_mock_draws_a_sky(tmp_path, said):
    from galviz.sky.cutouts import CutoutSet

    code, _ = said("mock", "richness", "--n", 3, "--size", 16, "--workers", 1, "--out", tmp_path / "sky")
    assert code == 0
    assert CutoutSet.open(tmp_path / "sky").images.shape == (3, 5, 16, 16)


def test_runs_lists_newest_first_and_says_what_it_leaves_out(run, tmp_path, capsys):
    recipe = RECIPES["quick"].replace(name="mine")
    newer = Run.create(tmp_path / "newer", study="richness", target=TARGET, recipe=recipe, data="sky")
    newer.append_metrics({"epoch": 1, "step": 5, "seconds": 2.0, "train_loss": 0.5, "val_loss": 0.4, "val_mae": 0.25})
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "state.json").write_text('{"status": "created"}')
    assert main(["runs", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "newer: richness ln_richness, recipe mine: created, epoch 1, train_loss 0.5, val_loss 0.4, val_mae 0.25, 2 s",
        "run: richness ln_richness, recipe quick: created",
    ]
    assert re.fullmatch(r"galviz runs: .*half left out: .* has no run.json. .*\n", err)


def test_devices_speaks_json(capsys):
    assert main(["devices", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert first["device"] == "cpu"
    assert 0 < first["free_mb"] <= first["memory_mb"]


def test_debug_shows_the_traceback(said, monkeypatch):
    assert "Traceback" not in said("runs", "nowhere")[1]
    monkeypatch.setenv("GALVIZ_DEBUG", "1")
    assert "Traceback" in said("runs", "nowhere")[1]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("bands: expected 3,\n got 5"), "bands: expected 3, got 5"),
        (KeyError("ids: expected ids of this set"), "ids: expected ids of this set"),
        (FileNotFoundError(2, "No such file or directory", "x.csv"), "x.csv: No such file or directory"),
        (OSError(28, "run: expected room on the disk"), "run: expected room on the disk"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (ValueError(), "ValueError:"),
    ],
)
def test_errors_fit_into_one_line(error, line):
    from galviz.commands import one_line

    assert one_line(error) == line


@pytest.mark.slow
def test_train_then_predict(tmp_path, sky):
    run, out = tmp_path / "run", tmp_path / "predictions.parquet"
    command = [sys.executable, "-m", "galviz"]
    small = ["--set", "network.width=4", "folds=3", "--epochs", "2", "--devices", "cpu"]
    train = [*command, "train", "richness", "--data", sky, "--out", str(run), *small]
    done = subprocess.run(train, capture_output=True, text=True, check=True)
    assert re.fullmatch(r".*: done, epoch 2/2, .*val_mae .*\n", done.stdout)
    assert "epoch 1/2" in done.stderr
    assert Run.open(run).recipe.epochs == 2
    subprocess.run([*command, "predict", str(run), "--data", sky, "--out", str(out)], check=True)
    again = pd.read_parquet(out)
    assert again["ln_richness"].equals(Run.open(run).predictions().table["ln_richness"])


@pytest.mark.slow
def test_a_full_disk_is_said_and_the_training_goes_on_when_there_is_room(tmp_path, sky):
    run = tmp_path / "run"
    run.mkdir()
    (run / "metrics.csv").symlink_to("/dev/full")
    command = [sys.executable, "-m", "galviz", "train", "richness", "--out", str(run)]
    small = ["--data", sky, "--set", "network.width=4", "folds=3", "--epochs", "2", "--devices", "cpu"]
    done = subprocess.run([*command, *small], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"galviz train: .*expected room on the disk, got none left. .*\n", done.stderr)
    assert Run.open(run).state()["status"] == "failed"
    assert "room on the disk" in Run.open(run).state()["message"]
    assert "Traceback" in Run.open(run).log()
    (run / "metrics.csv").unlink()
    (run / "metrics.csv").touch()  # what a full disk leaves of a new file
    subprocess.run([*command, "--resume"], check=True, capture_output=True)
    assert list(Run.open(run).metrics()["epoch"]) == [1, 2]
