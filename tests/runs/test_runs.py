import errno
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from galviz.io.paths import home
from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run, list_runs
from galviz.tasks.target import Target

TARGET = Target(name="ln_richness", task="regression", columns=("richness",), label="λ", transform="ln")
RECIPE = Recipe(name="quick", epochs=3, batch=8, optimiser={"learning_rates": {"head": 1e-2}})
WRITER = """
import sys, time
from galviz.runs.run import Run
run = Run.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
try:
    with run.writer():
        run.write_state(status="running", epoch=1)
        print("writing", flush=True)
        time.sleep(float(sys.argv[2]))
except RuntimeError as error:
    print(error, flush=True)
"""


@pytest.fixture
def run(tmp_path):
    return Run.create(
        tmp_path / "runs/one", study="richness", target=TARGET, recipe=RECIPE, data="sky", fingerprint="f"
    )


def start_writer(run, seconds):
    command = [sys.executable, "-c", WRITER, str(run.path), str(seconds)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def gone_process():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def row(epoch, **more):
    return {"epoch": epoch, "step": 10 * epoch, "seconds": 1.5 * epoch, "train_loss": 0.1 / epoch, **more}


def test_home_is_where_the_environment_says(galviz_home, monkeypatch):
    assert home() == galviz_home
    monkeypatch.setenv("GALVIZ_HOME", "")
    assert home() == Path.home() / "galviz"


def test_a_new_run_says_what_is_trained_on_what(run):
    opened = Run.open(str(run.path))
    assert opened.name == "one"
    assert opened.recipe == RECIPE
    assert opened.target == TARGET
    assert opened.data == Path("sky").resolve()
    assert opened.info["study"] == "richness"
    assert opened.info["fingerprint"] == "f"
    assert opened.info["versions"]["numpy"] == np.__version__
    assert abs(opened.info["created"] - time.time()) < 60
    assert opened.state()["status"] == "created"
    assert opened.predictions() is None
    assert opened.log() == ""
    assert opened.metrics().empty
    assert {"epoch", "step", "seconds"} <= set(opened.metrics().columns)
    assert (opened.checkpoint.name, opened.weights.name) == ("last.ckpt", "model.safetensors")


def test_what_is_known_later_is_added(run):
    run.update_info(normalisation={"scale": 2.0}, study="richness")
    assert run.info["normalisation"] == {"scale": 2.0}
    assert run.info["fingerprint"] == "f"


def test_a_run_is_not_overwritten(run):
    with pytest.raises(
        FileExistsError, match=r"out: expected a new folder, got .*one, which holds a run\. Resume it, or"
    ):
        Run.create(run.path, study="other", target=TARGET, recipe=RECIPE, data="sky")
    assert run.info["study"] == "richness"


def test_a_log_may_be_there_before_the_run(tmp_path):
    (tmp_path / "log.txt").write_text("starting\n")
    run = Run.create(tmp_path, study="richness", target=TARGET, recipe=RECIPE, data="sky")
    assert run.log() == "starting"


def test_what_is_no_run_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(
            FileNotFoundError, match=r"run: expected a run folder, got .*has no run\.json.*galviz train"
        ):
            Run.open(path)


@pytest.mark.parametrize("name", ["run.json", "state.json"])
@pytest.mark.parametrize("content", [None, "", '{"study": "rich', "[1, 2]", "{}"])
def test_half_a_run_is_refused_by_the_name_of_what_is_wrong(run, name, content):
    if content is None:
        (run.path / name).unlink()
    else:
        (run.path / name).write_text(content)
    with pytest.raises((FileNotFoundError, ValueError), match=rf"{re.escape(name)}.*(Remove|remove)"):
        Run.open(run.path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("run.json", {"created": "yesterday"}),
        ("run.json", {"study": ["richness"]}),
        ("run.json", {"data": None}),
        ("run.json", {"recipe": {"name": "quick"}}),
        ("run.json", {"recipe": RECIPE.to_json() | {"epochs": "3"}}),
        ("run.json", {"recipe": RECIPE.to_json() | {"optimiser": {"learning_rates": {"head": "fast"}}}}),
        ("run.json", {"recipe": RECIPE.to_json() | {"network": 3}}),
        ("run.json", {"version": 99}),
        ("run.json", {"target": TARGET.to_json() | {"label": 7}}),
        ("run.json", {"target": TARGET.to_json() | {"columns": [1]}}),
        ("run.json", {"target": TARGET.to_json() | {"more": 1}}),
        ("run.json", {"build": {"bands": "ugriz"}}),
        ("state.json", {"status": "finished"}),
        ("state.json", {"status": "running", "pid": "1", "host": platform.node()}),
        ("state.json", {"status": "done", "epoch": [1]}),
    ],
)
def test_a_damaged_run_is_listed_with_the_file_at_fault_and_the_others_show(run, tmp_path, name, change):
    good = Run.create(tmp_path / "runs/two", study="richness", target=TARGET, recipe=RECIPE, data="sky")
    file = run.path / name
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    runs, broken = list_runs(tmp_path / "runs")
    assert [found.path for found in runs] == [good.path]
    assert list(broken) == [str(run.path)]
    assert name in broken[str(run.path)]


@pytest.mark.parametrize("name", ["run.json", "state.json"])
def test_deeply_nested_json_is_a_damaged_run(run, tmp_path, name):
    (run.path / name).write_text('{"study":' + "[" * 100_000 + "]" * 100_000 + "}")
    assert "expected JSON" in list_runs(tmp_path)[1][str(run.path)]


def test_a_running_run_whose_process_is_not_named_is_lost(run):
    state = json.loads((run.path / "state.json").read_text()) | {"status": "running", "pid": 2**70}
    for gone, pid in (((), 2**70), ((), -1), (("pid",), 0), (("heartbeat",), 1)):
        changed = {k: v for k, v in (state | {"pid": pid}).items() if k not in gone}
        (run.path / "state.json").write_text(json.dumps(changed))
        assert Run.open(run.path).state()["status"] == "lost"


def test_a_file_of_a_run_that_is_a_link_to_elsewhere_is_refused(run, tmp_path):
    (tmp_path / "secret.txt").write_text("a password")
    (run.path / "log.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(ValueError, match=r"run: expected a file in .*'log.txt', which lies outside"):
        Run.open(run.path)


@pytest.mark.parametrize("content", ["epoch,step\n1,many\n", "a,b\n1,2\n", "epoch,step,loss\n1,2,\x00\n", '"'])
def test_damaged_metrics_are_named(run, content):
    (run.path / "metrics.csv").write_text(content + "\n")
    with pytest.raises(ValueError, match=r"metrics\.csv: expected numbers, got a damaged file"):
        run.metrics()


def test_runs_are_listed_newest_first_and_half_ones_with_their_reason(tmp_path):
    for k, name in enumerate(["b", "sweep/c", "a"]):
        Run.create(tmp_path / name, study="richness", target=TARGET, recipe=RECIPE, data="sky", created=1000.0 + k)
    for name, file in (("half", "state.json"), ("other half", "run.json")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("{}")
    (tmp_path / "empty").mkdir()
    runs, broken = list_runs(tmp_path)
    assert [found.name for found in runs] == ["a", "c", "b"]
    assert {Path(path).name for path in broken} == {"half", "other half"}
    assert "run.json" in broken[str(tmp_path / "half")]
    assert list_runs(tmp_path / "nowhere") == ([], {})


def test_state_is_merged_and_stamped(run):
    run.write_state(status="running", epoch=1, eta_s=12.5)
    run.write_state(epoch=2)
    state = run.state()
    assert (state["status"], state["epoch"], state["eta_s"]) == ("running", 2, 12.5)
    assert (state["host"], state["pid"]) == (platform.node(), os.getpid())
    assert abs(state["heartbeat"] - time.time()) < 60


@pytest.mark.parametrize("status", ["waiting", "running"])
def test_a_run_whose_process_is_gone_is_lost(run, status):
    run.write_state(status=status)
    change_json(run.path / "state.json", pid=gone_process())
    assert run.state()["status"] == "lost"
    assert "Resume" in run.state()["message"]


@pytest.mark.parametrize("status", ["created", "stopped", "done", "failed"])
def test_a_run_that_has_ended_is_not_lost(run, status):
    run.write_state(status=status)
    change_json(run.path / "state.json", pid=gone_process(), heartbeat=0)
    assert run.state()["status"] == status


def test_on_another_host_the_heartbeat_decides(run):
    run.write_state(status="running")
    change_json(run.path / "state.json", host="elsewhere", pid=1, heartbeat=time.time() - 30)
    assert run.state()["status"] == "running"
    change_json(run.path / "state.json", heartbeat=time.time() - 90)
    assert run.state()["status"] == "lost"


def test_a_number_given_to_a_younger_process_does_not_bring_a_run_back(run):
    run.write_state(status="running")
    change_json(run.path / "state.json", heartbeat=1.0)  # this very process is younger than that
    assert run.state()["status"] == "lost"


def change_json(file, **changes):
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_run_has_one_writer(run):
    with run.writer():
        with (
            pytest.raises(
                RuntimeError, match=rf"nobody writes, got .*in use by process {os.getpid()} on {platform.node()}"
            ),
            Run.open(run.path).writer(),
        ):
            pass
        assert (run.path / "lock.json").exists()
    with run.writer():
        pass


def test_the_lock_is_given_back_when_writing_fails(run):
    with pytest.raises(ZeroDivisionError), run.writer():
        raise ZeroDivisionError
    with run.writer():
        pass


def test_a_stale_lock_is_taken_over(run):
    for holder in (
        {"host": platform.node(), "pid": gone_process(), "heartbeat": time.time()},
        {"host": "elsewhere", "pid": 1, "heartbeat": time.time() - 90},
    ):
        (run.path / "lock.json").write_text(json.dumps(holder))
        with run.writer():
            assert json.loads((run.path / "lock.json").read_text())["pid"] == os.getpid()


def test_a_lock_held_on_another_host_is_not(run):
    holder = {"host": "elsewhere", "pid": 42, "heartbeat": time.time() - 30}
    (run.path / "lock.json").write_text(json.dumps(holder))
    with pytest.raises(RuntimeError, match="in use by process 42 on elsewhere"), run.writer():
        pass
    assert json.loads((run.path / "lock.json").read_text()) == holder


def test_a_beat_keeps_the_lock(run, monkeypatch):
    with run.writer():
        later = time.time() + 50
        monkeypatch.setattr(time, "time", lambda: later)
        run.beat()
        assert json.loads((run.path / "lock.json").read_text())["heartbeat"] == later


def test_a_killed_writer_leaves_a_lost_run_that_another_takes_over(run):
    with start_writer(run, 60) as process:
        go(process)
        assert process.stdout.readline() == "writing\n"
        assert run.state()["status"] == "running"
        with pytest.raises(RuntimeError, match=f"in use by process {process.pid}"), run.writer():
            pass
        process.send_signal(signal.SIGKILL)
    assert run.state()["status"] == "lost"
    with run.writer():
        run.write_state(status="running")
        assert run.state()["status"] == "running"


@pytest.mark.slow
def test_of_many_that_take_over_at_once_one_gets_it(run):
    stale = {"host": platform.node(), "pid": gone_process(), "heartbeat": time.time()}
    (run.path / "lock.json").write_text(json.dumps(stale))
    processes = [start_writer(run, 2) for _ in range(4)]
    for process in processes:
        go(process)
    shown_text = [process.communicate()[0] for process in processes]
    assert sum(text == "writing\n" for text in shown_text) == 1
    assert sum("in use by process" in text for text in shown_text) == 3


def test_a_stop_is_a_file(run):
    assert not run.stop_requested()
    run.request_stop()
    run.request_stop()
    assert Run.open(run.path).stop_requested()
    run.clear_stop()
    run.clear_stop()
    assert not run.stop_requested()


def test_metrics_come_back_as_written(run):
    for epoch in (1, 2, 3):
        run.append_metrics(row(epoch, val_mae=1 / 3))
    table = run.metrics()
    assert list(table.columns) == ["epoch", "step", "seconds", "train_loss", "val_mae"]
    assert table["step"].tolist() == [10, 20, 30]
    assert table["train_loss"].tolist() == [0.1, 0.1 / 2, 0.1 / 3]
    assert (table["val_mae"] == 1 / 3).all()


def test_columns_are_matched_by_name(run):
    run.append_metrics({"epoch": 1, "step": 10, "lr": 0.5})
    run.append_metrics({"lr": 0.25, "step": 20, "epoch": 2})
    assert run.metrics()["lr"].tolist() == [0.5, 0.25]


def test_a_line_that_is_being_written_is_not_read(run):
    run.append_metrics(row(1))
    run.append_metrics(row(2))
    file = run.path / "metrics.csv"
    whole = file.read_text()
    for end in range(len(whole) + 1):
        file.write_text(whole[:end])
        table = run.metrics()
        assert len(table) == max(whole[:end].count("\n") - 1, 0)
        assert table["step"].tolist() == [10, 20][: len(table)]


def test_resuming_cuts_what_is_after_the_checkpoint(run):
    for epoch in (1, 2, 3):
        run.append_metrics(row(epoch))
    with (run.path / "metrics.csv").open("a") as file:
        file.write("4,40,6.")
    run.cut_metrics(20)
    assert run.metrics()["step"].tolist() == [10, 20]
    run.append_metrics(row(3))
    assert run.metrics()["step"].tolist() == [10, 20, 30]
    run.cut_metrics(0)
    assert run.metrics().empty
    run.append_metrics(row(1))
    assert run.metrics()["step"].tolist() == [10]


@pytest.mark.parametrize("torn", ["", "epo", "epoch,step\n", "epoch,step\n1,1"])
def test_metrics_can_be_cut_and_continued_wherever_they_were_torn(run, torn):
    (run.path / "metrics.csv").write_text(torn)
    run.cut_metrics(0)
    run.append_metrics({"epoch": 1, "step": 10})
    assert run.metrics().to_dict("list") == {"epoch": [1], "step": [10]}


def test_cutting_what_is_not_there(run):
    run.cut_metrics(5)
    assert not (run.path / "metrics.csv").exists()


@pytest.mark.parametrize("torn", ["epo", "epoch,step\n1,1"])
def test_a_torn_line_does_not_spoil_the_next(run, torn):
    (run.path / "metrics.csv").write_text(torn)
    run.append_metrics({"epoch": 1, "step": 10})
    assert run.metrics().to_dict("list") == {"epoch": [1], "step": [10]}


def test_predictions_are_kept_with_their_target(run):
    index = pd.Index(["1237658493878337918", "1237658493878337919"], name="object_id")
    table = pd.DataFrame({"ln_richness": [3.0, 4.0], "ln_richness_true": [3.1, 3.9], "fold": 0}, index=index)
    run.save_predictions(Predictions(table, TARGET))
    found = Run.open(run.path).predictions()
    assert found.target == TARGET
    assert found.object_ids.tolist() == list(index)
    np.testing.assert_array_equal(found.estimate, [3.0, 4.0])


def test_the_end_of_the_log(run):
    (run.path / "log.txt").write_bytes("\n".join(f"line {k} λ" for k in range(500)).encode() + b"\n\xff")
    assert run.log(3).splitlines()[:2] == ["line 498 λ", "line 499 λ"]
    assert len(run.log().splitlines()) == 200


@pytest.mark.parametrize(
    ("file", "write"),
    [("state.json", lambda run: run.write_state(status="done")), ("run.json", lambda run: run.update_info(study="x"))],
)
def test_a_full_disk_leaves_the_old_file_whole(run, monkeypatch, file, write):
    before = (run.path / file).read_bytes()
    names = sorted(run.path.iterdir())

    def half(path, *_, **__):
        path.write_bytes(before[:10])
        full_disk()

    monkeypatch.setattr(Path, "write_text", half)
    message = rf"{re.escape(file)}: expected room on the disk, got none left\. Free some space"
    with pytest.raises(OSError, match=message) as caught:
        write(run)
    assert caught.value.errno == errno.ENOSPC
    assert (run.path / file).read_bytes() == before
    assert sorted(run.path.iterdir()) == names


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_said_when_metrics_are_appended(run):
    (run.path / "metrics.csv").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"metrics\.csv: expected room on the disk, got none left") as caught:
        run.append_metrics(row(1))
    assert caught.value.errno == errno.ENOSPC


def test_other_troubles_are_told_as_they_are(run, monkeypatch):
    def broken(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "write_text", broken)
    with pytest.raises(OSError, match="Input/output error"):
        run.write_state(status="done")
