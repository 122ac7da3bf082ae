import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.lr_scheduler import ReduceLROnPlateau

from galviz.nn.training.plateau import lowered, stalled, waited

losses = st.lists(st.floats(0, 1), max_size=30)


@pytest.mark.parametrize(
    ("history", "patience", "times"),
    [
        ([1.0, 0.9, 0.95, 0.93, 0.92], 2, 1),  # two epochs without a new lowest; then one more
        ([1.0, 0.9, 0.95, 0.93, 0.92, 0.91], 2, 2),
        ([1.0, 0.9, 0.95, 0.8, 0.9, 0.79], 2, 0),  # each time just before
        ([0.9, 0.89995, 0.8999], 2, 1),  # lower, but not by enough
        ([0.9, 0.8, 0.7], 1, 0),
        ([0.5, 0.6, 0.7, 0.8], 1, 3),
        ([float("nan"), 0.6, float("nan"), float("nan")], 2, 1),
        ([0.5, 0.6, 0.7, 0.8], 0, 0),
        ([], 2, 0),
    ],
)
def test_rates_fall_where_the_loss_does_not(history, patience, times):
    assert lowered(history, patience, 0.5) == 0.5**times


@given(losses, st.integers(1, 4))
def test_rates_only_fall(history, patience):
    rates = [lowered(history[:n], patience, 0.5) for n in range(len(history) + 1)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] >= 0.5 ** (len(history) // patience)


@settings(deadline=None)  # torch loads much before its first optimiser
@given(st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), max_size=30), st.integers(1, 4))
def test_rates_fall_as_by_the_rule_of_torch(history, patience):
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    plateau = ReduceLROnPlateau(
        optimiser, factor=0.5, patience=patience - 1, threshold=1e-4, threshold_mode="abs", eps=0
    )
    for loss in history:
        plateau.step(loss)
    assert lowered(history, patience, 0.5) == optimiser.param_groups[0]["lr"]


def test_a_loss_that_is_no_number_is_not_the_lowest():
    nan = float("nan")
    assert [waited([nan, 0.9, 0.8, nan, 0.85][:n]) for n in range(1, 6)] == [0, 0, 0, 1, 2]
    assert waited([nan, nan]) == 1
    assert not stalled([nan, nan, 0.9], 2)


@given(losses)
def test_the_lowest_loss_is_the_one_waited_for_since(history):
    assert waited(history) == (len(history) - 1 - history.index(min(history)) if history else 0)


@pytest.mark.parametrize(("stop_after", "ends"), [(0, False), (2, True), (3, True), (4, False)])
def test_a_training_ends_that_many_epochs_after_the_lowest_loss(stop_after, ends):
    assert stalled([1.0, 0.5, 0.6, 0.5, 0.7], stop_after) == ends
