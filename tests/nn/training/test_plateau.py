import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@given(losses)
def test_the_lowest_loss_is_the_one_waited_for_since(history):
    assert waited(history) == (len(history) - 1 - history.index(min(history)) if history else 0)


@pytest.mark.parametrize(("stop_after", "ends"), [(0, False), (2, True), (3, True), (4, False)])
def test_a_training_ends_that_many_epochs_after_the_lowest_loss(stop_after, ends):
    assert stalled([1.0, 0.5, 0.6, 0.5, 0.7], stop_after) == ends
