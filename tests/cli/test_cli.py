"""The command line: help that explains itself, errors in one line, exit codes."""

import argparse
import io
import json
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import run as galviz
from PIL import Image

from galviz.cli import commands
from galviz.cli import main as cli
from galviz.cli.main import main
from galviz.runs.headline import headline
from galviz.runs.run import Run
from galviz.sky.galaxy_zoo import COLUMNS, QUESTIONS, cumulative
from galviz.studies.richness import RECIPES, TARGET
from galviz.work.sweep import Sweep

COMMANDS = ("mock", "ingest", "train", "recipe", "find-rate", "sweep", "predict", "runs", "devices")


def parsers(parser, name=""):
    """The parsers of the commands, and those of their kinds."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    found = {} if below else {name: parser}
    for choice, inner in (choices for action in below for choices in action.choices.items()):
        found |= parsers(inner, f"{name} {choice}".strip())
    return found


def options():
    return [
        pytest.param(action, id=f"{name} {action.dest}")
        for name, parser in parsers(cli.parser()).items()
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
def shown_text(capsys):
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
    assert all(re.search(rf"^ +{command}\s", done.stdout, re.MULTILINE) for command in COMMANDS)


def test_help_loads_nothing_heavy():
    code = "import sys; from galviz.cli import main as cli; cli.parser().format_help(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pandas", "torch", "tqdm", "psutil"} & set(done.stdout.split())


@pytest.mark.parametrize("command", [*COMMANDS, "ingest sdss", "ingest zoo"])
def test_help_of_a_command_has_examples_and_exit_codes(capsys, command):
    with pytest.raises(SystemExit, match="0"):
        main([*command.split(), "--help"])
    text = capsys.readouterr().out
    assert f"examples:\n  galviz {command}" in text
    assert "0 done, or stopped on request; 1 failed; 2 wrong arguments" in text


@pytest.mark.parametrize("action", options())
def test_help_of_an_option_says_its_default(action):
    assert re.search("default: .|required", action.help)


def test_find_rate_prints_a_table_and_writes_it(sky, tmp_path, capsys):
    out = tmp_path / "rates.csv"
    words = ["--data", sky, "--set", "width=2", "batch=4", "--steps", "12", "--devices", "cpu", "--out", str(out)]
    assert main(["find-rate", "richness", *words]) == 0
    printed = capsys.readouterr().out
    assert printed.split()[:3] == ["rate", "loss", "smoothed"]
    assert "--set learning_rates.encoder=" in printed or "no rate is suggested" in printed
    table = pd.read_csv(out)
    assert list(table.columns) == ["rate", "loss", "smoothed"]
    assert table["rate"].iloc[0] == pytest.approx(1e-6)
    assert main(["find-rate", "inpainting", "--data", sky]) == 2
    assert "study: expected one that trains a single network, got inpainting" in capsys.readouterr().err


def test_find_rate_with_a_frozen_encoder_suggests_a_rate_of_the_head(sky, capsys, monkeypatch):
    table = pd.DataFrame({"rate": [1e-4, 1e-3], "loss": [2.0, 1.0], "smoothed": [2.0, 1.0]})
    monkeypatch.setattr("galviz.nn.training.rate_finder.find_rate", lambda *_, **__: table)
    monkeypatch.setattr("galviz.measure.rate_test.suggested_rate", lambda _: 1e-3)
    words = ["--set", "learning_rates.encoder=10", "learning_rates.head=0.1"]
    for more, expected in [
        ([], "learning_rates.encoder=0.001 learning_rates.head=1e-05"),
        (["frozen=true"], "learning_rates.head=0.001"),
    ]:
        assert main(["find-rate", "richness", "--data", sky, *words, *more]) == 0
        assert capsys.readouterr().out.strip().endswith(f"at 0.001: --set {expected}")


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
        (
            "richness --data SKY --target bands",
            "log10_richness, linear_richness, z_richness, band, got 'bands'; did you mean",
        ),
        (
            "richness --data SKY --set epoch=3",
            "set: expected a setting of the recipe, got 'epoch'. Similar names: epochs",
        ),
        ("richness --data SKY --set epochs=x", "epochs: expected a whole number, got 'x'."),
        (
            "richness --data SKY --set loss=mea",
            "loss.name: expected one of mse, mae, huber, rmse, mse_std, gaussian_nll, cross_entropy, focal, ",
        ),
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
def test_wrong_arguments_of_train_end_with_2_and_one_line(tmp_path, sky, shown_text, arguments, message):
    out = tmp_path / "run"
    code, text = shown_text("train", "--out", out, *arguments.replace("SKY", sky).split())
    assert code == 2
    assert len(text.splitlines()) == 1
    assert message in text
    assert not out.exists()


def test_a_run_folder_that_is_there_is_refused(run, sky, shown_text):
    code, text = shown_text("train", "richness", "--data", sky, "--out", run.path)
    assert code == 2
    assert "expected a new run folder" in text
    assert "--resume" in text
    assert run.state()["status"] == "created"


def test_a_run_of_before_a_new_setting_goes_on(run, shown_text):
    recipe = run.info["recipe"]
    del recipe["validation"]["patience"]
    run.update_info(recipe=recipe)
    run.request_stop()
    code, _ = shown_text("train", "richness", "--out", run.path, "--resume", "--recipe", "quick", "--devices", "cpu")
    assert (code, run.state()["status"]) == (0, "stopped")


def test_a_sweep_changes_the_encoder_of_base_ours_and_the_pre_training_alike(sky, tmp_path):
    changes = ["width=4", "normalise=minmax", "folds=3", "frozen=true", "bands.epochs=2"]
    args = cli.parser().parse_args(
        ["sweep", "richness", "--data", sky, "--out", str(tmp_path / "s"), "--set", *changes]
    )
    commands.sweep(args)
    plan = Sweep(tmp_path / "s").plan
    assert plan.recipe.network == plan.pretraining.network
    assert plan.recipe.network.width == 4
    assert plan.recipe.data.normalise == plan.pretraining.data.normalise == "minmax"
    assert (plan.recipe.optimiser.frozen, plan.pretraining.optimiser.frozen) == (True, False)
    assert (plan.recipe.validation.folds, plan.pretraining.epochs) == (3, 2)


def test_the_settings_of_recipes_are_listed(capsys):
    assert main(["recipe"]) == 0
    every = capsys.readouterr().out
    assert (
        "network.latent\n    Numbers in the latent vector of an image. (a whole number, at least 1, default 64)"
        in every
    )
    assert main(["recipe", "richness", "--recipe", "best", "--set", "folds=10"]) == 0
    own = capsys.readouterr().out
    assert {"validation.folds=10", "data.augment=d4,seeing", "network.stages=2", "data.offset=z"} <= set(
        own.split("\n")
    )
    assert "optimiser.learning_rates.encoder=0.002 optimiser.learning_rates.head=0.002" in own
    assert "latent" not in own


@pytest.mark.parametrize("words", ["own", "--recipe quick", "own --task classification"])
def test_recipes_for_own_images_are_shown_without_a_sky(capsys, words):
    assert main(["recipe", *words.split()]) == 0
    shown = capsys.readouterr()
    assert {"epochs=20", "loss.name=cross_entropy", "data.normalise=standard"} <= set(shown.out.split("\n"))
    assert "for classification of pictures. Give --data SKY --target COLUMN" in shown.err


def test_the_recipe_for_a_column_of_a_sky_is_shown(sky, capsys):
    assert main(["recipe", "--data", sky, "--target", "richness", "--recipe", "finetune"]) == 0
    shown = capsys.readouterr()
    assert {"loss.name=gaussian_nll", "network.architecture=efficientnet_lite0"} <= set(shown.out.split("\n"))
    assert "→ regression" in shown.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("richness --set fodls=3", "Similar names: validation.folds"),
        ("richness --recipe quik", "recipe: expected one of quick, paper, best, got 'quik'"),
        ("--recipe quik", "recipe: expected one of quick, best, finetune, probe, got 'quik'"),
        ("own --target spiral", "got 'spiral'. Give the sky that has it: --data SKY."),
        ("own --data {sky}", "got 'none'. Name it with --target COLUMN."),
    ],
)
def test_wrong_arguments_of_recipe_end_with_2(shown_text, sky, arguments, message):
    code, text = shown_text("recipe", *arguments.format(sky=sky).split())
    assert code == 2
    assert message in text


@pytest.mark.parametrize("options", ["--recipe best", "--epochs 3", "--target band", "--set seed=1"])
def test_a_resume_with_another_recipe_is_refused(run, shown_text, options):
    code, text = shown_text("train", "richness", "--out", run.path, "--resume", *options.split())
    assert code == 2
    assert "resume: expected the recipe, target and encoder that" in text


def test_a_resume_on_another_sky_is_refused(run, make_sky, tmp_path, shown_text):
    other = make_sky(first=5_000_000_000_000_000_000).save(tmp_path / "other")
    code, text = shown_text("train", "richness", "--out", run.path, "--resume", "--data", other)
    assert code == 2
    assert "data: expected the sky that" in text


@pytest.mark.parametrize("missing", ["run.json", "state.json"])
def test_half_a_run_folder_is_refused(run, shown_text, missing):
    (run.path / missing).unlink()
    code, text = shown_text("train", "richness", "--out", run.path, "--resume")
    assert code == 2
    assert f"has no {missing}" in text


def test_a_sky_that_lacks_a_band_is_refused(tmp_path, make_sky, shown_text):
    from galviz.sky.cutouts import CutoutSet

    sky = make_sky()
    four = CutoutSet(
        images=sky.images[:][:, :4], bands="ugri", catalogue=sky.catalogue, pixel_scale=0.396, unit="nanomaggy"
    ).save(tmp_path / "four")
    code, text = shown_text("train", "richness", "--data", four, "--out", tmp_path / "run")
    assert code == 2
    assert "expected the bands ('u', 'g', 'r', 'i', 'z'), got ('u', 'g', 'r', 'i')" in text
    assert not (tmp_path / "run").exists()


def test_predict_refuses_a_run_without_weights_and_a_table_of_another_kind(run, sky, tmp_path, shown_text):
    code, text = shown_text("predict", run.path, "--data", sky, "--out", tmp_path / "p.parquet")
    assert (code, "expected a trained run" in text) == (2, True)
    code, text = shown_text("predict", run.path, "--data", sky, "--out", tmp_path / "p.csv")
    assert (code, "out: expected a .parquet file" in text) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "mock richnes",
            "kind: expected one of inpainting, members, mergers, metallicity, richness, got 'richnes'; did you mean",
        ),
        ("mock mergers --background .", "background: expected with richness, got it with mergers."),
        ("mock richness --background nowhere", "background: expected folders with frames, got nowhere, which is no"),
        ("ingest sdss . --tile 25 --members m.fits", "members: expected with a redMaPPer catalogue in FITS"),
        ("ingest sdss . --positions c.fits", "catalogue: expected a FITS file, got c.fits, which is not there."),
        ("ingest sds .", "kind: expected one of sdss, stacks, zoo, classes, got 'sds'; did you mean 'sdss'?"),
        ("ingest nowhere", "pictures: expected files that are there, got nowhere."),
        ("ingest . --table nowhere", "table: expected files that are there, got nowhere."),
        ("ingest . --column ra", "column: expected NAME=COLUMN, such as ra=RAJ2000 or id=objID, got 'ra'."),
        ("ingest nowhere --tile 25", "frames: expected folders with frames, got nowhere, which is no folder."),
        ("ingest zoo nowhere", "pictures: expected files that are there, got nowhere."),
        ("ingest zoo . --table nowhere", "table: expected files that are there, got nowhere."),
        ("ingest zoo . --crop -1", "argument --crop: expected a whole number of at least 0, got '-1'"),
        ("ingest sdss nowhere --tile 25", "frames: expected folders with frames, got nowhere, which is no folder."),
        ("ingest sdss . --tile 25 --side 1", "side: expected with --positions, got it with --tile"),
        ("ingest sdss . --tile x", "argument --tile: invalid float value: 'x'"),
        ("ingest sdss .", "one of the arguments --tile --positions --detect is required"),
        ("ingest sdss . --detect --side 1", "detect: expected without --side and --members, got one"),
    ],
)
def test_wrong_arguments_of_sky_makers(tmp_path, shown_text, arguments, message):
    code, text = shown_text(*arguments.split(), "--out", tmp_path / "sky")
    assert code == 2
    assert len(text.splitlines()) == 1
    assert message in text


@pytest.mark.parametrize("command", ["mock richness", "ingest sdss . --tile 25", "ingest zoo ."])
def test_a_folder_that_is_there_is_not_written_over(tmp_path, shown_text, command):
    code, text = shown_text(*command.split(), "--out", tmp_path)
    assert (code, "out: expected a new folder" in text) == (2, True)


def test_positions_outside_the_frames_fail_and_name_the_object(real_data, tmp_path, shown_text):
    positions = tmp_path / "positions.csv"
    positions.write_text("object_id,ra,dec,z\n1237658493878337640,10,10,0.3\n")
    frames = real_data / "sdss_frames"
    code, text = shown_text("ingest", "sdss", frames, "--positions", positions, "--out", tmp_path / "sky")
    assert code == 1
    assert "1237658493878337640" in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("kind", "size", "shape"),
    [("richness", ["--size", 16], (5, 16, 16)), ("mergers", ["--size", 16], (3, 16, 16)), ("mergers", [], (3, 68, 68))],
)
def test_mock_draws_a_sky(tmp_path, shown_text, kind, size, shape):
    from galviz.sky.cutouts import CutoutSet

    code, _ = shown_text("mock", kind, "--n", 3, *size, "--workers", 1, "--out", tmp_path / "sky")
    assert code == 0
    assert CutoutSet.open(tmp_path / "sky").images.shape == (3, *shape)


def pictures_in(place, kind):
    """Three pictures of 40 pixels, a grey a picture, as `kind` publishes them."""
    greys = np.stack([np.full((40, 40, 3), grey, np.uint8) for grey in (51, 102, 153)])
    ids = ["100008", "100023", "100053"]
    if kind == "galaxy10":
        with pytest.importorskip("h5py").File(place.with_suffix(".h5"), "w") as file:
            file["images"], file["ans"] = greys, [0, 1, 2]
        return place.with_suffix(".h5")
    place.mkdir()
    if kind == "huggingface":
        encoded = []
        for grey in greys:
            Image.fromarray(grey).save(png := io.BytesIO(), "PNG")
            encoded.append({"bytes": png.getvalue(), "path": None})
        pq.write_table(pa.table({"id_str": ids, "image": encoded}), place / "train.parquet")
        return place
    folder = place / "images_training_rev1" if kind == "kaggle" else place
    folder.mkdir(exist_ok=True)
    for name, grey in zip(ids, greys, strict=True):
        Image.fromarray(grey).save(folder / f"{name}.png")
    if kind == "kaggle":
        fractions = np.concatenate([np.eye(1, len(q.answers)) for q in QUESTIONS], axis=1)
        table = pd.DataFrame(np.repeat(cumulative(fractions), 3, axis=0), columns=COLUMNS)
        table.assign(GalaxyID=ids).to_csv(place / "training_solutions_rev1.csv", index=False)
    return place


@pytest.mark.parametrize(
    ("kind", "origin"),
    [
        ("kaggle", "Galaxy Zoo 2 (Kaggle)"),
        ("huggingface", "Galaxy Zoo 2 (given)"),
        ("galaxy10", "Galaxy10 DECaLS"),
        ("pictures", "pictures in given"),
    ],
)
def test_pictures_become_a_sky_whatever_their_layout(tmp_path, shown_text, kind, origin):
    from galviz.sky.cutouts import CutoutSet

    place = pictures_in(tmp_path / "given", kind)
    options = ["--crop", 20, "--size", 10, "--workers", 1]
    code, text = shown_text("ingest", "zoo", place, *options, "--out", tmp_path / "sky")
    assert (code, text) == (0, "")
    sky = CutoutSet.open(tmp_path / "sky")
    assert shown_text("ingest", place, *options, "--out", tmp_path / "same") == (0, "")
    same = CutoutSet.open(tmp_path / "same")
    pd.testing.assert_frame_equal(same.catalogue, sky.catalogue)
    np.testing.assert_array_equal(same.images[:], sky.images[:])
    assert (sky.origin, sky.images.shape) == (origin, (3, 3, 10, 10))
    assert sky.images[:].mean((1, 2, 3)) == pytest.approx([0.2, 0.4, 0.6])


def test_pictures_with_a_table_and_a_broken_one(tmp_path, shown_text):
    from galviz.sky.cutouts import CutoutSet

    place, table = pictures_in(tmp_path / "given", "pictures"), tmp_path / "votes.csv"
    table.write_text("object_id,Class8.6\n100023,0.25\n100053,0.5\n")
    (place / "100053.png").write_bytes(b"no picture")
    command = ["ingest", "zoo", place, "--table", table, "--workers", 1, "--out", tmp_path / "sky"]
    code, text = shown_text(*command)
    assert (code, len(text.splitlines())) == (1, 1)
    assert "100053" in text
    code, text = shown_text(*command, "--skip-bad")
    assert code == 0
    assert "galviz ingest: 100053 left out: " in text
    assert CutoutSet.open(tmp_path / "sky").catalogue["Class8.6"].to_dict() == {"100023": 0.25}


def test_a_folder_and_its_table_become_a_sky_in_one_command(tmp_path, capsys):
    from galviz.sky.cutouts import CutoutSet
    from galviz.sky.rejected import rejected

    place, out = pictures_in(tmp_path / "given", "pictures"), tmp_path / "sky"
    (place / "labels.csv").write_text("GalaxyID,RAJ2000,DEJ2000,spiral\n100023,10,1,0\n100053,11,2,1\n7,3,4,1\n")
    (place / "100008.png").write_bytes(b"no picture")
    command = ["ingest", str(place), "--workers", "1", "--out", str(out)]
    assert main(command) == 1
    assert "100008" in capsys.readouterr().err
    assert main([*command, "--skip-bad"]) == 0
    shown = capsys.readouterr()
    assert "labels.csv: 3 rows; column GalaxyID matches 2 of 3 images; columns: RAJ2000, DEJ2000, spiral\n" in shown.out
    assert "ra ← RAJ2000, dec ← DEJ2000" in shown.out
    assert "100008 left out: " in shown.err
    assert CutoutSet.open(out).catalogue["spiral"].to_dict() == {"100023": 0, "100053": 1}
    assert sorted(rejected(out)["object_id"]) == ["100008", "7"]


def test_pictures_of_a_cluster_are_cleaned_as_a_study_does(tmp_path, capsys):
    from PIL import Image

    from galviz.sky.cutouts import CutoutSet
    from galviz.sky.rejected import rejected

    place, out = tmp_path / "given", tmp_path / "sky"
    place.mkdir()
    lines = ["PCC,Class,rmag,gmag,zmag"]
    for k in range(40):
        Image.new("RGB", (12, 12), (5 * k, 0, 0)).save(place / f"PCC-{k}.png")
        r = 17 + 0.1 * (k % 30)
        lines.append(f"PCC-{k},{k % 7},{r},{r + 0.7},{r + 0.7 - (1.9 if k == 2 else 1.1 + 0.01 * (k % 3))}")
    (place / "perseus.csv").write_text("\n".join(lines))
    names = ["class=Class", "r=rmag", "g=gmag", "z=zmag"]
    command = ["ingest", str(place), "--column", *names, "--workers", "1", "--out", str(out)]
    assert main([*command, "--clean", "members"]) == 0
    shown = capsys.readouterr().out
    assert "40 objects; r < 19.4: 34 left; less than 3 σ redder than the red sequence: 33 left\n" in shown
    sky = CutoutSet.open(out)
    assert len(sky) == 33
    assert sky.images[:][:, 0].max((1, 2)) == pytest.approx([5 * int(one[4:]) / 255 for one in sky.object_ids])
    assert sky.catalogue.loc["PCC-3", ["member", "class"]].tolist() == [1, "3 dE/ETG"]
    left_out = rejected(out).set_index("object_id")["reason"]
    assert left_out["PCC-2"] == "not less than 3 σ redder than the red sequence"
    assert left_out["PCC-25"] == "not r < 19.4"
    assert main([*command[:-1], str(tmp_path / "other"), "--clean", "member"]) == 2
    assert "did you mean 'members'?" in capsys.readouterr().err


def test_zoo_takes_the_table_beside_the_pictures(tmp_path, capsys):
    from galviz.sky.cutouts import CutoutSet

    place = pictures_in(tmp_path / "given", "pictures")
    (place / "labels.csv").write_text("GalaxyID,spiral\n100023,0\n100053,1\n100008,1\n")
    assert main(["ingest", "zoo", str(place), "--workers", "1", "--out", str(tmp_path / "sky")]) == 0
    assert "labels.csv: 3 rows; column GalaxyID matches 3 of 3 images; columns: spiral\n" in capsys.readouterr().out
    sky = CutoutSet.open(tmp_path / "sky")
    assert (sky.images.shape[2], sky.catalogue["spiral"].tolist()) == (68, [1, 0, 1])


def test_positions_under_other_names(real_data, tmp_path, capsys):
    from galviz.sky.cutouts import CutoutSet

    positions, frames = tmp_path / "positions.csv", real_data / "sdss_frames"
    from galviz.sky.readers.frames import find_fields, read_outline

    wcs, (height, width) = read_outline(next(iter(find_fields(frames).values()))[2])
    ra, dec = wcs.wcs_pix2world(width / 2, height / 2, 0)
    positions.write_text(f"name,RA_obj,DEC_obj\nmine,{ra},{dec}\n")
    options = ["--positions", str(positions), "--side", "20 arcsec", "--size", "16", "--column", "id=name"]
    assert main(["ingest", str(frames), *options, "--out", str(tmp_path / "sky")]) == 0
    assert "positions.csv: ra ← RA_obj, dec ← DEC_obj" in capsys.readouterr().out
    sky = CutoutSet.open(tmp_path / "sky")
    assert sky.object_ids.tolist() == ["mine"]
    assert {"RA_obj", "ra"} <= set(sky.catalogue)


def test_pictures_that_are_not_square_are_padded_or_cropped_and_counted(tmp_path, shown_text):
    from PIL import Image

    from galviz.sky.cutouts import CutoutSet

    (tmp_path / "given").mkdir()
    for name, size in {"a": (8, 8), "b": (8, 4), "c": (8, 8)}.items():
        Image.new("RGB", size, (255, 255, 255)).save(tmp_path / "given" / f"{name}.png")
    for fit, done, edge in (("pad", "padded with pixels that are not covered", 0), ("crop", "cropped", 1)):
        out = tmp_path / fit
        code, text = shown_text(
            "ingest", "zoo", tmp_path / "given", "--size", 4, "--fit", fit, "--workers", 1, "--out", out
        )
        assert (code, text) == (0, f"galviz ingest: 1 of 3 pictures are not square: {done}\n")
        assert CutoutSet.open(out).images[1][0, 0].tolist() == [edge] * 4
    assert shown_text("ingest", "zoo", tmp_path / "given", "--fit", "stretch", "--out", tmp_path / "x")[0] == 2


def test_runs_lists_newest_first_and_says_what_it_leaves_out(run, tmp_path, capsys):
    recipe = RECIPES["quick"].replace(name="mine")
    newer = Run.create(tmp_path / "newer", study="richness", target=TARGET, recipe=recipe, data="sky")
    newer.append_metrics({"epoch": 1, "step": 5, "seconds": 2.0, "train_loss": 0.5, "val_loss": 0.4, "val_mae": 0.25})
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "state.json").write_text('{"status": "created"}')
    assert main(["runs", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    best = "MAE 0.2500 (best epoch, while training)"
    assert out.splitlines() == [
        f"newer: richness ln_richness, recipe mine: created, epoch 1, {best}, 2 s",
        "run: richness ln_richness, recipe quick: created",
    ]
    assert re.fullmatch(r"galviz runs: .*half left out: .* has no run.json. .*\n", err)


def test_devices_speaks_json(capsys):
    assert main(["devices", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert first["device"] == "cpu"
    assert 0 < first["free_mb"] <= first["memory_mb"]


def test_debug_shows_the_traceback(shown_text, monkeypatch):
    assert "Traceback" not in shown_text("runs", "nowhere")[1]
    monkeypatch.setenv("GALVIZ_DEBUG", "1")
    assert "Traceback" in shown_text("runs", "nowhere")[1]


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
    from galviz.cli.commands import one_line

    assert one_line(error) == line


@pytest.mark.slow
def test_votes_from_drawing_to_predicting(tmp_path, shown_text):
    run, sky, out = tmp_path / "run", tmp_path / "sky", tmp_path / "votes.parquet"
    small = ["--set", "network.width=4", "folds=3", "--epochs", "2", "--devices", "cpu"]
    for words in (
        ["mock", "mergers", "--n", "12", "--size", "32", "--workers", "1", "--out", sky],
        ["train", "mergers", "--data", sky, "--out", run, *small],
        ["predict", run, "--data", sky, "--out", out],
    ):
        done = galviz(words, tmp_path / "said")
        assert done.returncode == 0, done.stderr
    assert pd.read_parquet(out).equals(Run.open(run).predictions().table)
    (place := tmp_path / "kaggle").mkdir()
    pictures_in(place / "images_test_rev1", "pictures")  # a folder without votes
    code, _ = shown_text(
        *("ingest", "zoo", place, "--part", "test", "--crop", 32, "--size", 32, "--workers", 1),
        *("--out", tmp_path / "test"),
    )
    assert code == 0
    wanted = ["predict", run, "--data", tmp_path / "test", "--out", out, "--kaggle", tmp_path / "submission.csv"]
    assert shown_text(*wanted)[0] == 0
    submitted, votes = pd.read_csv(tmp_path / "submission.csv"), pd.read_parquet(out)
    assert submitted.columns.tolist() == ["GalaxyID", *COLUMNS]
    assert submitted["GalaxyID"].tolist() == [100008, 100023, 100053]
    np.testing.assert_allclose(submitted[list(COLUMNS)], votes[list(COLUMNS)], atol=1e-6)
    code, text = shown_text("predict", run, "--data", sky, "--out", out, "--kaggle", tmp_path / "mock.csv")
    assert code == 2
    assert "object_id: expected Kaggle's GalaxyID" in text


@pytest.mark.slow
def test_train_then_predict(tmp_path, sky):
    run, out = tmp_path / "run", tmp_path / "predictions.parquet"
    small = ["--set", "network.width=4", "folds=3", "--epochs", "2", "--devices", "cpu"]
    train = [sys.executable, "-m", "galviz", "train", "richness", "--data", sky, "--out", str(run), *small]
    done = subprocess.run(train, capture_output=True, text=True, check=True)
    known = str(headline(Run.open(run)))
    assert known.startswith("MAE ")
    line, listed = rf".*: done, epoch 2/2, {re.escape(known)}, \d+ s\n", r"\d+ held-out objects, .*:\n"
    assert re.fullmatch(line + listed + r"( +\w+ .*\[.*\].*\n)+", done.stdout)
    assert "epoch 1/2" in done.stderr
    assert Run.open(run).recipe.epochs == 2
    done = galviz(["predict", run, "--data", sky, "--out", out], tmp_path / "said")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"\n{known}\n")
    again = pd.read_parquet(out)
    assert again["ln_richness"].equals(Run.open(run).predictions().table["ln_richness"])


@pytest.mark.slow
def test_a_full_disk_is_said_and_the_training_goes_on_when_there_is_room(tmp_path, sky):
    run = tmp_path / "run"
    run.mkdir()
    (run / "metrics.csv").symlink_to("/dev/full")
    command, log = ["train", "richness", "--out", run], tmp_path / "log"
    small = ["--data", sky, "--set", "network.width=4", "folds=3", "--epochs", "2", "--devices", "cpu"]
    done = galviz([*command, *small], log)
    assert done.returncode == 1
    assert re.fullmatch(r"galviz train: .*expected room on the disk, got none left. .*\n", done.stderr)
    assert Run(run).state()["status"] == "failed"
    assert "room on the disk" in Run(run).state()["message"]
    assert "Traceback" in Run(run).log()
    (run / "metrics.csv").unlink()
    (run / "metrics.csv").touch()  # what a full disk leaves of a new file
    assert galviz([*command, "--resume"], log).returncode == 0
    assert list(Run.open(run).metrics()["epoch"]) == [1, 2]


def test_an_encoder_of_another_build_is_named_before_anything_waits(shown_text, run, sky, tmp_path):
    run.weights.touch()
    requested = ("train", "richness", "--data", sky, "--out", tmp_path / "new", "--encoder", run.path)
    code, err = shown_text(*requested, "--recipe", "best")
    assert code == 2
    assert "encoder: expected one with network.stem=fine, as the recipe best has it, got imagenet" in err
    assert "Pre-train by the same recipe (--recipe best)" in err
    assert not (tmp_path / "new" / "run.json").exists()
    code, err = shown_text(*requested, "--recipe", "quick", "--set", "network.width=8")
    assert code == 2
    assert "network.width=8, as the recipe quick has it, got 16" in err


def test_a_sky_without_the_column_of_the_offset_is_named_at_once(shown_text, sky, tmp_path):
    requested = ("train", "richness", "--data", sky, "--out", tmp_path / "new", "--recipe", "best")
    code, err = shown_text(*requested, "--set", "offset=z_phot")
    assert code == 2
    assert "expected the column 'z_phot', which the recipe's offset names" in err
    assert not (tmp_path / "new" / "run.json").exists()


def test_a_run_with_damaged_metrics_does_not_hide_the_others(tmp_path, run, capsys):
    for name in ("other", "third"):
        shutil.copytree(run.path, run.path.parent / name)
    (run.path.parent / "other" / "metrics.csv").write_text("epoch,step,loss\n0,1,abc\n")
    (run.path.parent / "third" / "metrics.csv").write_text("epoch,step,loss\n0,1,0.5\n")
    assert main(["runs", str(run.path.parent)]) == 0
    shown = capsys.readouterr()
    assert f"{run.path.name}: richness" in shown.out
    assert "other left out: " in shown.err
    assert "metrics.csv: expected numbers" in shown.err
