"""A home with a sky and finished runs."""

from finished_runs import *  # noqa: F403 - fixtures
