"""The line for devices: who comes first trains first, whoever dies is stepped over, and who waits can be stopped."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack

import pytest

from galviz.pages.library import Library
from galviz.pages.run import RunPanel
from galviz.pages.state import PageState
from galviz.runs.run import Run
from galviz.studies.richness import RECIPES, TARGET
from galviz.work import queue as queueing
from galviz.work import training
from galviz.work.queue import folder, in_line, is_empty

TAKE_TURNS = """
import sys, time
from galviz.work.queue import in_line
print("ready", flush=True)
sys.stdin.readline()
for k in range(30):
    with in_line(sys.argv[1], ["cpu"]) as ahead:
        while ahead():
            time.sleep(0.001)
        print(time.time(), end=" ", flush=True)
        time.sleep(0.002)
        print(time.time(), flush=True)
"""


@pytest.fixture(autouse=True)
def line(tmp_path, monkeypatch):
    """A line of this test alone."""
    monkeypatch.setenv("GALVIZ_QUEUE", str(tmp_path / "queue"))
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    return folder()


@pytest.fixture
def run(galviz_home):
    path = galviz_home / "runs" / "second"
    return Run.create(path, study="richness", target=TARGET, recipe=RECIPES["quick"], data="sky")


def names(ahead):
    return [place["name"] for place in ahead()]


def leave_by_a_killed_process(line, number, content=None):
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    place = {
        "host": platform.node(),
        "pid": process.pid,
        "heartbeat": time.time(),
        "number": number,
        "devices": ["cpu"],
    }
    file = line / f"{number:09d}-{process.pid}.json"
    file.write_text(json.dumps(place | {"name": "killed"}) if content is None else content)
    return file


def test_who_comes_first_is_first(line):
    with in_line("c", ["cpu"]) as c:
        with ExitStack() as places:
            a, b = (places.enter_context(in_line(name, ["cpu"])) for name in "ab")
            assert (names(c), names(a), names(b)) == ([], ["c"], ["c", "a"])
            with in_line("d", ["cpu"]) as d:
                assert names(d) == ["c", "a", "b"]
        assert not is_empty()
    assert is_empty()
    assert not list(line.glob("*.json"))


def test_who_leaves_the_middle_lets_the_others_move_up():
    with in_line("a", ["cpu"]), ExitStack() as first:
        first.enter_context(in_line("b", ["cpu"]))
        with in_line("c", ["cpu"]) as c:
            first.close()
            assert names(c) == ["a"]


def test_devices_have_lines_of_their_own_and_several_are_taken_at_once():
    wanted = {"a": ["cuda:0"], "b": ["cuda:1", "cuda:0"], "c": ["cuda:1"], "d": ["cpu"], "e": ["cuda:0", "cuda:1"]}
    with ExitStack() as places:
        ahead = {name: places.enter_context(in_line(name, devices)) for name, devices in wanted.items()}
        assert {name: "".join(names(them)) for name, them in ahead.items()} == {
            "a": "", "b": "a", "c": "b", "d": "", "e": "abc",
        }  # fmt: skip


@pytest.mark.parametrize("content", [None, "", '{"pid": ', "{}"])
def test_a_killed_or_torn_place_is_stepped_over_and_removed(line, content):
    before = leave_by_a_killed_process(line, 3, content)
    assert is_empty()
    with in_line("a", ["cpu"]) as a:
        assert names(a) == []
        assert not before.exists()
        leave_by_a_killed_process(line, 0, content)
        assert names(a) == []


def test_a_place_is_given_up_when_the_work_fails():
    with pytest.raises(ZeroDivisionError), in_line("a", ["cpu"]):
        raise ZeroDivisionError
    assert is_empty()


def test_of_many_processes_one_is_at_work():
    command = [sys.executable, "-c", TAKE_TURNS]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([*command, str(k)], **pipes) for k in range(4)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    shown_text = []
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        shown_text += process.communicate(timeout=60)[0].splitlines()
    times = [float(time) for turn in sorted(shown_text) for time in turn.split()]
    assert len(times) == 2 * 4 * 30
    assert times == sorted(times)  # nobody begins before the one before has ended


@pytest.mark.parametrize(
    ("visible", "device", "known_as"),
    [
        ("", "cuda:0", "cuda:0"),
        ("0,1", "cuda:1", "cuda:1"),
        ("2, 3", "cuda:1", "cuda:3"),
        ("GPU-8932f937", "cuda:0", "cuda:GPU-8932f937"),
        ("2", "cuda:1", "cuda:1"),
        ("2", "cpu", "cpu"),
        ("2", "mps", "mps"),
    ],
)
def test_a_device_has_one_name_for_all_processes(line, monkeypatch, visible, device, known_as):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with in_line("a", [device]):
        (file,) = line.glob("*.json")
        assert json.loads(file.read_text())["devices"] == [known_as]


def test_the_line_is_of_this_user_whatever_the_home(tmp_path, monkeypatch):
    monkeypatch.delenv("GALVIZ_QUEUE")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    one = folder()
    monkeypatch.setenv("GALVIZ_HOME", str(tmp_path / "elsewhere"))
    assert folder() == one == tmp_path / f"galviz-{os.getuid()}" / platform.node()
    assert one.parent.stat().st_mode & 0o777 == 0o700
    one.parent.chmod(0o777)
    with pytest.raises(PermissionError, match=r"queue: expected a folder that nobody else can enter.*GALVIZ_QUEUE"):
        folder()


def test_the_folder_of_another_is_not_used(tmp_path, monkeypatch):
    monkeypatch.delenv("GALVIZ_QUEUE")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "bait").mkdir(mode=0o700)
    (tmp_path / f"galviz-{os.getuid()}").symlink_to(tmp_path / "bait")
    with pytest.raises(PermissionError, match="nobody else can enter"):
        folder()


def test_a_job_of_slurm_has_its_own_line(line, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    assert folder() != line
    assert folder().name == f"{platform.node()}-job-4711"


@pytest.mark.parametrize(
    ("devices", "found", "expected"),
    [
        ("cpu", ["cuda:0"], ["cpu"]),
        ("cuda", [], ["cuda:0"]),
        ("cuda:1", [], ["cuda:1"]),
        (None, [], ["cpu"]),
        ("auto", ["cuda:0", "cuda:1"], ["cuda:0"]),
        (2, ["cuda:0", "cuda:1", "cuda:2"], ["cuda:0", "cuda:1"]),
        (1, ["mps"], ["mps"]),
        (2, [], ["cpu"]),
    ],
)
def test_a_training_takes_the_devices_that_it_will_train_on(monkeypatch, devices, found, expected):
    monkeypatch.setattr(training, "accelerators", lambda: found)
    assert training.device_names(devices) == expected


@pytest.mark.slow
def test_who_may_have_to_wait_asks_for_devices_without_loading_torch():
    code = "import sys; from galviz.work import training; print(training.device_names(None), 'torch' in sys.modules)"
    with in_line("a", ["cpu"]):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{training.accelerators()[:1] or ['cpu']} False\n"


def test_whose_turn_it_is_goes_on_and_keeps_others_waiting(run):
    before = run.state()
    with training.turn(run, "cpu") as has_come, in_line("next", ["cpu"]) as ahead:
        assert has_come
        assert names(ahead) == ["second"]
    assert run.state() == before
    assert is_empty()


@pytest.mark.parametrize(
    ("others", "shown_text"),
    [
        (
            ["first"],
            "Waits for cpu: 1 training is ahead, first (process {}).",
        ),
        (["first", "other"], "Waits for cpu: 2 trainings are ahead; the first is first (process {})."),
    ],
)
def test_who_waits_says_for_whom_until_the_turn_comes(run, monkeypatch, capsys, others, shown_text):
    states, places = [], ExitStack()

    def look(seconds):
        assert seconds >= 0.5
        states.append(run.state())
        if len(states) == 2:
            places.close()

    monkeypatch.setattr(time, "sleep", look)
    with places:
        for name in others:
            places.enter_context(in_line(name, ["cpu"]))
        with training.turn(run, "cpu") as has_come:
            assert has_come
    shown_text = shown_text.format(os.getpid())
    assert [(state["status"], state["message"], state["device"]) for state in states] == [
        ("waiting", shown_text, "cpu")
    ] * 2
    assert states[1]["heartbeat"] > states[0]["heartbeat"]
    assert capsys.readouterr().err == f"galviz train: {shown_text}\n"
    assert run.state()["message"] == "Loading."
    assert not (run.path / "lock.json").exists()


def test_a_stop_while_waiting_leaves_a_run_that_has_not_begun(run):
    files = sorted(run.path.iterdir())
    run.request_stop()
    with in_line("first", ["cpu"]), training.turn(run, "cpu") as has_come:
        assert not has_come
    assert (run.state()["status"], run.state()["message"]) == ("stopped", "")
    assert [file for file in sorted(run.path.iterdir()) if not file.name.startswith(".")] == files


def test_who_does_not_queue_goes_on_at_once_and_others_wait_for_it(run):
    with in_line("first", ["cpu"]), training.turn(run, "cpu", wait=False) as has_come:
        assert has_come
        with in_line("third", ["cpu"]) as ahead:
            assert names(ahead) == ["first", "second"]


def test_two_of_one_process_do_not_share_a_place(line):
    with in_line("a", ["cpu"]), in_line("b", ["mps"]):
        assert len(queueing._places(line)) == 2


def test_the_page_says_what_a_run_waits_for_and_can_stop_it(run):
    run.write_state(status="waiting", epoch=2, epochs=4, step=6, steps=12, memory_mb=300, device="cpu")
    run.write_state(message="Waits for cpu: 1 training is ahead, <first> (process 7).")
    panel = RunPanel(Library.find(), PageState(run="second"))
    assert panel.view.status() == "<div role='status'><b>◔ waiting</b> · epoch 2 of 4</div>"
    assert panel.view.progress() == 50
    assert panel.view.message() == (
        "<div class='note' role='note'>Waits for cpu: 1 training is ahead, &lt;first&gt; (process 7).</div>"
    )
    stop, resume, _ = panel.buttons()
    assert (stop.disabled, resume.disabled) == (False, True)
    panel.stop()
    assert run.stop_requested()
