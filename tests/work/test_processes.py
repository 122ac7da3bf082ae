"""Trainings as processes: killed, stopped, resumed, followed, and none the worse for it."""

import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise

import psutil
import pytest
from commands import start as galviz

from galviz.cli.main import main
from galviz.runs.run import Run
from galviz.work import processes as jobs

SMALL = ["--set", "network.width=4", "folds=3", "batch=4", "--devices", "cpu"]
KILLS = 10


def wait_until(true, patience_s=240, every_s=0.01):
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(every_s)


def rows_of(run):
    return len(Run(run).metrics())


def state_of(run):
    return Run(run).state() if (run / "state.json").exists() else {}


@pytest.fixture(scope="module")
def sky(tmp_path_factory, make_sky):
    return str(make_sky().save(tmp_path_factory.mktemp("sky") / "tiny"))


def command(sky, run, epochs):
    """What a user types: a new training, or the same again with --resume."""
    again = ["--resume"] if (run / "run.json").exists() else ["--data", sky, "--epochs", str(epochs), *SMALL]
    return ["train", "richness", "--out", str(run), *again]


@pytest.mark.slow
def test_ten_kills_leave_no_trace(tmp_path, sky):
    epochs, dice = 30 * KILLS, random.Random(0)  # more than a fast machine gets through between the kills
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    galviz(command(sky, undisturbed, epochs)).join()

    seen = []
    for kill in range(KILLS):
        process = galviz(command(sky, killed, epochs))
        if kill % 3:  # while it learns
            wanted = rows_of(killed) + dice.randint(1, 10)
            wait_until(lambda wanted=wanted: rows_of(killed) >= wanted)
            time.sleep(dice.uniform(0, 0.1))
        else:  # or while it starts
            time.sleep(dice.uniform(0, 0.7))
        assert process.is_alive()
        process.kill()
        process.join()
        seen.append(rows_of(killed))
    assert len(set(seen)) > KILLS // 2
    galviz(command(sky, killed, epochs)).join()

    runs = Run.open(undisturbed), Run.open(killed)
    assert [run.state()["status"] for run in runs] == ["done", "done"]
    expected, got = (run.metrics().drop(columns="seconds") for run in runs)
    assert list(got["epoch"]) == list(range(1, epochs + 1))
    assert got.equals(expected)
    assert runs[1].weights.read_bytes() == runs[0].weights.read_bytes()
    assert runs[1].predictions().table.equals(runs[0].predictions().table)
    assert all(earlier <= later for earlier, later in pairwise(runs[1].metrics()["seconds"]))
    assert not list(killed.glob(".*.part"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_the_step_with_a_checkpoint(tmp_path, sky, number):
    import torch

    run = tmp_path / "run"
    process = galviz(command(sky, run, 5000))
    wait_until(lambda: rows_of(run) > 2)
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode == 0
    state = Run.open(run).state()
    assert state["status"] == "stopped"
    assert torch.load(run / "last.ckpt", weights_only=True)["step"] == state["step"]
    assert not (run / "stop").exists()


@pytest.mark.slow
def test_a_run_in_use_is_refused_naming_host_and_process(tmp_path, sky, capsys):
    run = tmp_path / "run"
    process = galviz(command(sky, run, 5000))
    wait_until(lambda: rows_of(run) > 0)
    assert main(["train", "richness", "--out", str(run), "--resume"]) == 2
    assert f"in use by process {process.pid} on {os.uname().nodename}" in capsys.readouterr().err
    assert Run.open(run).state()["status"] == "running"
    assert jobs.is_alive(run)
    with pytest.raises(RuntimeError, match="is in use"):
        jobs.resume(run)
    jobs.stop(run)
    process.join()
    assert Run.open(run).state()["status"] == "stopped"


@pytest.mark.slow
def test_a_training_outlives_who_started_it_and_goes_on_after_a_stop(tmp_path, sky):
    run = tmp_path / "run"
    starter = "import sys, time; from galviz.work.processes import start; print(start(sys.argv[2:], sys.argv[1]))"
    starter += "; time.sleep(999)"
    arguments = [sys.executable, "-u", "-c", starter, str(run), *command(sky, run, 200)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as server:
        training = psutil.Process(int(server.stdout.readline()))
        server.kill()
    wait_until(lambda: rows_of(run) > 0)
    assert os.getsid(training.pid) == training.pid
    assert training.is_running()

    updates = jobs.follow(run)  # as another server would
    first = next(updates)
    assert first.state["status"] == "running"
    jobs.stop(run)
    wait_until(lambda: not jobs.is_alive(run))
    second = next(updates)
    assert second.state["status"] == "stopped"
    assert list(first.rows["epoch"]) + list(second.rows["epoch"]) == list(range(1, rows_of(run) + 1))
    assert not second.restarted

    jobs.resume(run, "--devices", "cpu")
    assert next(updates).state["status"] == "waiting"
    wait_until(lambda: not jobs.is_alive(run))
    assert Run.open(run).state()["status"] == "done"
    assert list(Run.open(run).metrics()["epoch"]) == list(range(1, 201))
    wait_until(lambda: "epoch 200/200" in Run.open(run).log(), patience_s=30)  # the process ends a moment later
    assert Run.open(run).log(tail=2000).count("$ galviz train richness") == 2


@pytest.mark.slow
def test_trainings_take_turns_and_a_killed_one_is_stepped_over(tmp_path, sky):
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    head = galviz(command(sky, first, 5000))
    wait_until(lambda: rows_of(first) > 0)
    others = [galviz(command(sky, second, 300))]
    shown_text = f"first (process {head.pid})."
    wait_until(lambda: state_of(second).get("message") == f"Waits for cpu: 1 training is ahead, {shown_text}")
    others += [galviz(command(sky, third, 3))]
    wait_until(
        lambda: state_of(third).get("message") == f"Waits for cpu: 2 trainings are ahead; the first is {shown_text}"
    )
    assert state_of(second)["status"] == state_of(third)["status"] == "waiting"
    assert state_of(first)["status"] == "running"

    head.kill()
    wait_until(lambda: rows_of(second) > 0, patience_s=30)
    shown_text = f"Waits for cpu: 1 training is ahead, second (process {others[0].pid})."
    wait_until(lambda: state_of(third)["message"] == shown_text, patience_s=5)
    wait_until(lambda: rows_of(third) > 0)
    assert state_of(second)["status"] == "done"
    for process in others:
        process.join()
        assert process.exitcode == 0
    assert state_of(third)["status"] == "done"
    assert (rows_of(second), rows_of(third)) == (300, 3)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["file", signal.SIGINT, signal.SIGTERM])
def test_who_waits_can_be_stopped_at_once_and_begins_when_resumed(tmp_path, sky, way):
    first, second = tmp_path / "first", tmp_path / "second"
    head = galviz(command(sky, first, 5000))
    wait_until(lambda: rows_of(first) > 0)
    process = galviz(command(sky, second, 3))
    wait_until(lambda: "Waits for cpu" in state_of(second).get("message", ""))
    if way == "file":
        jobs.stop(second)
    else:
        os.kill(process.pid, way)
    wait_until(lambda: state_of(second)["status"] == "stopped", patience_s=1.5)
    process.join()
    assert process.exitcode == 0
    left = {file.name for file in second.iterdir() if not file.name.startswith(".")}
    assert left == {"run.json", "state.json"}

    at_once = galviz([*command(sky, second, 3), "--devices", "cpu", "--no-queue"])
    at_once.join()
    assert (at_once.exitcode, state_of(second)["status"], rows_of(second)) == (0, "done", 3)
    assert state_of(first)["status"] == "running"
    jobs.stop(first)
    head.join()


def test_a_process_that_ends_at_once_says_why_and_leaves_no_zombie(tmp_path):
    run = tmp_path / "run"
    pid = jobs.start(["train", "richness", "--out", str(run), "--bogus"], run)
    updates = jobs.follow(run)
    assert next(updates).state["status"] == "waiting"
    wait_until(lambda: not jobs.is_alive(run))
    state = next(updates).state
    assert state["status"] == "failed"
    assert "unrecognized arguments: --bogus" in state["message"]
    wait_until(lambda: not psutil.pid_exists(pid), patience_s=5)


def test_a_process_that_is_ended_says_so(tmp_path):
    folder = tmp_path / "job"
    jobs.end(folder)  # nothing was started
    pid = jobs.start(["devices"], folder)
    jobs.end(folder)
    wait_until(lambda: not psutil.pid_exists(pid), patience_s=5)
    assert next(jobs.follow(folder)).state["message"] == "The process ended with exit code -15."
    jobs.end(folder)


def test_a_stop_wished_for_before_the_process_began_is_forgotten(tmp_path, make_sky):
    from galviz.studies.richness import RECIPES, TARGET
    from galviz.work import training

    run = Run.create(tmp_path / "run", study="richness", target=TARGET, recipe=RECIPES["quick"], data="sky")
    run.request_stop()
    training.claim(run)
    assert run.stop_requested()  # it is younger than this process, so meant for it
    os.utime(run.path / "stop", (1e9, 1e9))
    training.claim(run)
    assert not run.stop_requested()


def test_a_second_process_cannot_claim_a_run_that_is_still_loading(tmp_path):
    from galviz.studies.richness import RECIPES, TARGET
    from galviz.work import training

    run = Run.create(tmp_path / "run", study="richness", target=TARGET, recipe=RECIPES["quick"], data="sky")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        run.write_state(status="waiting")
        state = run.path / "state.json"
        state.write_text(state.read_text().replace(f'"pid": {os.getpid()}', f'"pid": {other.pid}'))
        with pytest.raises(RuntimeError, match=f"in use by process {other.pid} on "):
            training.claim(run)
        other.kill()
    part = run.path / ".last.ckpt.1.part"  # what a killed process leaves
    part.touch()
    training.claim(run)
    assert not part.exists()


def test_follow_tells_what_is_new_and_what_was_cut(tmp_path):
    run = Run(tmp_path)
    updates = jobs.follow(tmp_path)
    assert next(updates).state == {"status": "created"}
    for epoch in (1, 2, 3):
        run.append_metrics({"epoch": epoch, "step": 2 * epoch, "seconds": 0.5 * epoch, "val_mae": 1 / epoch})
    update = next(updates)
    assert (list(update.rows["epoch"]), update.restarted) == ([1, 2, 3], False)
    with (tmp_path / "metrics.csv").open("a") as out:
        out.write("4,8,")
    assert next(updates).rows.empty
    run.cut_metrics(2)
    run.append_metrics({"epoch": 2, "step": 4, "seconds": 9.0, "val_mae": 0.5})
    update = next(updates)
    assert (list(update.rows["epoch"]), update.restarted) == ([1, 2], True)
    assert next(updates).rows.empty


def test_devices_are_found_without_torch_here():
    code = "import json, sys; from galviz.work.processes import devices; print(json.dumps(devices()))"
    code += "; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found, loaded = done.stdout.splitlines()
    assert loaded == "False"
    assert '{"device": "cpu", "name": "' in found
    assert '"memory_mb": ' in found
