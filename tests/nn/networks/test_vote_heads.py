import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from galviz.nn.networks.vote_heads import DielemanVotes, SigmoidVotes, VoteTree, mse_and_tree, tree_cross_entropy
from galviz.sky.galaxy_zoo import COLUMNS, PARENTS, SLICES, cumulative, sum_errors

any_numbers = arrays(np.float32, (3, 37), elements=st.floats(-1e4, 1e4, width=32))


def at(name):
    return COLUMNS.index(name)


def fractions(seed, rows=4):
    rng = np.random.default_rng(seed)
    found = np.empty((rows, 37), dtype=np.float32)
    for part in SLICES:
        found[:, part] = rng.dirichlet(np.ones(part.stop - part.start), rows)
    return found


@given(any_numbers)
def test_no_child_is_larger_than_its_parent(numbers):
    for head in (VoteTree(), DielemanVotes()):
        votes = head(torch.tensor(numbers))
        assert ((votes >= 0) & (votes <= 1)).all()
        for part, parent in zip(SLICES, PARENTS, strict=True):
            most = torch.ones(3, 1) if parent is None else votes[:, parent, None]
            assert (votes[:, part] <= most).all()
            assert (votes[:, part].sum(1) <= most[:, 0] + 1e-6).all()


@given(any_numbers)
def test_children_of_the_tree_sum_to_their_parent(numbers):
    votes = VoteTree()(torch.tensor(numbers)).numpy()
    np.testing.assert_allclose(sum_errors(votes), 0, atol=2e-6)


def test_the_tree_gives_back_what_kaggle_would_publish():
    own = fractions(0)
    np.testing.assert_allclose(VoteTree()(torch.tensor(own).log()), cumulative(own), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(DielemanVotes()(torch.tensor(own * 3)), cumulative(own), rtol=1e-5, atol=1e-7)


def test_odd_is_not_weighted():
    numbers = torch.zeros(1, 37)
    numbers[0, 2] = 50.0  # a star, for sure
    votes = VoteTree()(numbers)[0]
    assert votes[at("Class6.1")] == 0.5
    assert votes[SLICES[7]].sum() == pytest.approx(0.5)
    assert votes[SLICES[9]].sum() < 1e-6


def test_divided_by_hand():
    numbers = torch.full((1, 37), -1.0)
    numbers[0, :3] = torch.tensor([3.0, 1.0, -5.0])
    numbers[0, SLICES[6]] = torch.tensor([2.0, 2.0, 0.0])
    votes = DielemanVotes()(numbers)[0]
    assert votes[:3].tolist() == pytest.approx([0.75, 0.25, 0.0])
    assert votes[SLICES[6]].tolist() == pytest.approx([0.375, 0.375, 0.0])
    assert votes[SLICES[1]].tolist() == [0, 0]  # all clipped: no votes, and no NaN


def test_without_normalisation_numbers_are_clipped():
    votes = DielemanVotes(normalise=False)(torch.tensor([[-1.0, 0.4, 7.0] + [0.0] * 34]))
    assert votes[0, :3].tolist() == pytest.approx([0, 0.4, 1])


def test_sigmoid_votes_do_not_obey_the_tree():
    votes = SigmoidVotes()(torch.zeros(1, 37))
    assert (votes == 0.5).all()
    assert np.abs(sum_errors(votes.numpy())).max() > 0.4


def test_clipped_answers_come_back_where_the_votes_ask_for_them():
    truth = torch.tensor(cumulative(fractions(3)), dtype=torch.float32)
    numbers = torch.full(truth.shape, -0.2, requires_grad=True)
    optimiser = torch.optim.SGD([numbers], lr=0.5)
    head = DielemanVotes()
    assert not head(numbers).any()
    for _ in range(3000):
        optimiser.zero_grad()
        (head(numbers) - truth).square().sum().backward()
        assert numbers.grad.isfinite().all()
        optimiser.step()
    for part in SLICES:
        assert (head(numbers)[:, part] - truth[:, part]).abs().max() < 0.1


def test_in_evaluation_votes_obey_the_tree_also_before_they_are_divided():
    head = DielemanVotes(normalise=False).eval()
    np.testing.assert_allclose(sum_errors(head(torch.rand(4, 37)).numpy()), 0, atol=2e-6)


@pytest.mark.parametrize("head", [VoteTree(), DielemanVotes(), SigmoidVotes()])
def test_gradients_are_finite(head):
    numbers = torch.randn(4, 37, generator=torch.manual_seed(0)).mul_(30).requires_grad_()
    mse_and_tree(head(numbers), torch.tensor(cumulative(fractions(1)), dtype=torch.float32)).backward()
    assert numbers.grad.isfinite().all()
    assert numbers.grad.abs().sum() > 0


def test_the_tree_loss_is_the_cross_entropy_of_each_question():
    own, shown_text = fractions(2), fractions(3)
    truth, estimate = cumulative(own), cumulative(shown_text)
    expected = -(truth * np.log(shown_text)).sum(1).mean()
    found = tree_cross_entropy(torch.tensor(estimate), torch.tensor(truth))
    assert found.item() == pytest.approx(expected, rel=1e-5)


@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_the_tree_loss_is_least_at_the_truth(seed, other):
    truth = torch.tensor(cumulative(fractions(seed)))
    wrong = torch.tensor(cumulative(fractions(other)))
    assert tree_cross_entropy(truth, truth) <= tree_cross_entropy(wrong, truth) + 1e-9


def test_the_tree_learns_votes():
    truth = torch.tensor(cumulative(fractions(4)), dtype=torch.float32)
    numbers = torch.zeros(4, 37, requires_grad=True)
    optimiser = torch.optim.Adam([numbers], lr=0.2)
    for _ in range(150):
        optimiser.zero_grad()
        loss = torch.nn.functional.mse_loss(VoteTree()(numbers), truth)
        loss.backward()
        optimiser.step()
    assert loss.sqrt() < 0.005
