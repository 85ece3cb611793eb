"""Strengths against closed forms and against a general optimizer; information against sampling."""

import sys

import numpy as np
import pytest
from scipy.optimize import minimize

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.scoring.bradley_terry import expected_chance, information, logistic, posterior


def test_two_items_without_a_prior_are_the_log_odds():
    """7 wins and 3 defeats: log(7/3), with the variance 1/7 + 1/3 of log odds."""
    design = np.array([[1.0, -1.0]] * 10)
    found = posterior(design, [1] * 7 + [0] * 3, np.array([1e3, 1e3]))
    apart = np.array([1.0, -1.0])
    assert found.mean @ apart == pytest.approx(np.log(7 / 3), rel=1e-4)
    assert apart @ found.covariance @ apart == pytest.approx(1 / 7 + 1 / 3, rel=1e-4)


def test_a_tie_is_half_a_win_of_each():
    design = np.array([[1.0, -1.0]] * 10)
    ties = posterior(design, [1] * 6 + [0.5] * 4, np.array([1e3, 1e3]))
    assert ties.mean[0] - ties.mean[1] == pytest.approx(np.log(8 / 2), rel=1e-4)


def test_any_design_against_a_general_optimizer():
    generator = np.random.default_rng(3)
    design, spread = generator.normal(size=(30, 5)), np.array([1.5, 1.5, 1.0, 0.3, 2.0])
    wins = generator.choice([0, 0.5, 1], 30)

    def loss(strengths):
        advantage = design @ strengths
        likelihood = np.logaddexp(0, -advantage) * wins + np.logaddexp(0, advantage) * (1 - wins)
        return likelihood.sum() + np.square(strengths / spread).sum() / 2

    reference = minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-9})
    found = posterior(design, wins, spread)
    np.testing.assert_allclose(found.mean, reference.x, atol=1e-5)
    step = 1e-4 * np.eye(5)
    curvature = [
        [(loss(found.mean + a + b) - loss(found.mean + a - b) - loss(found.mean - a + b) + loss(found.mean - a - b))
         / 4e-8 for b in step] for a in step
    ]  # fmt: skip
    np.testing.assert_allclose(np.linalg.inv(found.covariance), curvature, rtol=1e-4, atol=1e-5)


def test_one_comparison_or_all_alike_is_no_trouble():
    for wins in ([1], [0], [0.5]):
        assert np.isfinite(posterior(np.array([[1.0, -1.0]]), wins, np.ones(2)).mean).all()
    won = posterior(np.array([[1.0, -1.0]] * 50), [1] * 50, np.ones(2))
    assert 1 < won.mean[0] < 3, "the prior holds what nobody beat"


def test_nothing_compared_is_the_prior():
    found = posterior(np.empty((0, 2)), [], np.array([2.0, 3.0]))
    np.testing.assert_array_equal(found.covariance, [[4, 0], [0, 9]])


def test_information_is_the_mutual_information_of_answer_and_strengths():
    generator = np.random.default_rng(0)
    mean, explained, noise = 0.7, 2.0, 1.5
    strengths = mean + np.sqrt(explained) * generator.standard_normal(4000)
    chances = logistic(strengths[:, None] + np.sqrt(noise) * generator.standard_normal(2000)).mean(axis=1)

    def entropy(chance):
        return -chance * np.log(chance) - (1 - chance) * np.log(1 - chance)

    sampled = entropy(chances.mean()) - entropy(chances).mean()
    (found,) = information(np.array([mean]), np.array([explained]), np.array([noise]))
    assert found == pytest.approx(sampled, rel=0.05)
    assert expected_chance(np.array(mean), 0.0) == logistic(np.array(mean))


def test_what_is_known_and_what_is_noise_tell_less():
    base, known, noisy, clear = information(
        np.array([0.0, 0, 0, 6]), np.array([2.0, 0.1, 2, 2]), np.array([1.0, 1, 9, 1])
    )
    assert base > noisy > known > 0
    assert base > clear


def test_without_its_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(SpriteLoraError, match=r"pip install 'sprite-lora\[review\]'"):
        posterior(np.array([[1.0, -1.0]]), [1], np.ones(2))
