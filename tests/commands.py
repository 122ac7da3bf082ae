"""`galviz ARGUMENTS` in processes that need not load torch first, for that takes seconds."""

import multiprocessing
import os
import sys
from types import SimpleNamespace

from galviz.cli.main import main

FORKS = multiprocessing.get_context("forkserver")
LOADED = ["galviz.nn.training.fit", "galviz.studies.richness", "galviz.work.training", "galviz.cli.commands"]


def start(arguments, out=None):
    """Start a command; what it prints goes to files OUT.stdout and OUT.stderr if a path is given."""
    FORKS.set_forkserver_preload(LOADED)
    process = FORKS.Process(target=_command, args=([str(each) for each in arguments], dict(os.environ), out))
    process.start()
    return process


def run(arguments, out):
    """Run a command to its end; gives what `subprocess.run` does."""
    process = start(arguments, out)
    process.join()
    texts = [out.with_suffix(suffix).read_text() for suffix in (".stdout", ".stderr")]
    return SimpleNamespace(returncode=process.exitcode, stdout=texts[0], stderr=texts[1])


def _command(arguments, environment, out):
    os.environ.update(environment, OMP_NUM_THREADS="1")
    for stream, suffix in ((1, ".stdout"), (2, ".stderr")) if out else ():
        with out.with_suffix(suffix).open("wb") as file:
            os.dup2(file.fileno(), stream)
    sys.exit(main(arguments))
