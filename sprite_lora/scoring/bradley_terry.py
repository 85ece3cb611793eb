"""Strengths from paired comparisons: the model of Bradley and Terry (1952), with a normal prior.

The chance that one wins over another is the logistic function of the difference of their strengths; a tie is half a win
of each. The fit is scikit-learn's logistic regression, whose penalty is the prior; what is left uncertain is the normal
distribution with the curvature at the optimum (Laplace's approximation).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sprite_lora.core.errors import SpriteLoraError

Array = NDArray[np.float64]

NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(21)
"""Gauss-Hermite quadrature over a standard normal distribution."""

NODE_WEIGHTS = NODE_WEIGHTS / NODE_WEIGHTS.sum()


@dataclass(frozen=True)
class Posterior:
    """What is known of k strengths, in logits."""

    mean: Array
    """k values."""
    covariance: Array
    """k x k values."""


def posterior(design: Array, wins: Sequence[float], spread: Array) -> Posterior:
    """Strengths, given comparisons.

    `design`: a row per comparison, m x k, whose product with the strengths is the first one's advantage in logits.
    `wins`: m values, 1 = the first won, 0 = it lost, 0.5 = a tie. `spread`: k standard deviations of the prior, whose
    mean is 0. Without comparisons it is the prior. Raises SpriteLoraError where scikit-learn is not installed.
    """
    columns = len(spread)
    if not len(design):
        return Posterior(np.zeros(columns), np.diag(np.square(spread)))
    regression = _regression()
    scaled = design * spread  # so that one penalty is every column's prior
    won = np.asarray(wins, dtype=np.float64)
    rows = np.concatenate([scaled, -scaled])
    weights = np.concatenate([won, 1 - won])
    # A win of the one is a defeat of the other: said both ways, at half the weight, there are always two classes.
    labels = np.repeat([1, 0], len(rows))
    regression.fit(np.concatenate([rows, -rows]), labels, sample_weight=np.concatenate([weights, weights]) / 2)
    mean = regression.coef_[0]
    chance = logistic(scaled @ mean)
    curvature = (scaled * (chance * (1 - chance))[:, None]).T @ scaled + np.eye(columns)
    return Posterior(mean * spread, np.linalg.inv(curvature) * np.outer(spread, spread))


def _regression() -> Any:
    try:
        from sklearn.linear_model import LogisticRegression
    except ModuleNotFoundError:
        raise SpriteLoraError(
            "people's ratings need scikit-learn, which is not installed", "pip install 'sprite-lora[review]'"
        ) from None
    return LogisticRegression(C=1.0, fit_intercept=False, solver="newton-cholesky", tol=1e-10, max_iter=200)


def logistic(value: Array) -> Array:
    """The logistic function, without overflow."""
    return 0.5 * (1 + np.tanh(value / 2))


def expected_chance(mean: Array, variance: Array | float) -> Array:
    """Chance of a win where the advantage is normal with this mean and variance (MacKay 1992)."""
    return logistic(mean / np.sqrt(1 + np.pi * variance / 8))


def information(mean: Array, explained: Array, noise: Array) -> Array:
    """Nats that one more comparison is expected to tell about the strengths.

    Its advantage is normal with `mean`, in logits; `explained` is the variance that comes from the strengths asked
    about, `noise` the variance from all else. Mutual information of answer and strengths, as BALD has it (Houlsby et
    al. 2011).
    """
    nodes = mean[:, None] + np.sqrt(explained)[:, None] * NODES
    chances = expected_chance(nodes, noise[:, None])
    found: Array = entropy(chances @ NODE_WEIGHTS) - entropy(chances) @ NODE_WEIGHTS
    return found


def entropy(chance: Array) -> Array:
    """Of a yes with this chance, in nats."""
    inside = np.clip(chance, 1e-12, 1 - 1e-12)
    found: Array = -inside * np.log(inside) - (1 - inside) * np.log(1 - inside)
    return found
