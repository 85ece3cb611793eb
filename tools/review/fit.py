"""Weights of the score, fitted to what people prefer, and whether they predict people better than today's.

The score's own formula is kept: people prefer one of two pictures with a chance that is the logistic function of the
difference of their scores' logarithms, times a factor. Only `score.lost` and that factor are fitted, by maximum
likelihood with a normal prior around today's weights. How well that predicts is measured on prompts that the fit did
not see.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.results.people import Ranking, decided
from sprite_lora.results.scores import PictureScore
from sprite_lora.scoring.bradley_terry import Array
from sprite_lora.scoring.judge import picture_score
from sprite_lora.scoring.score_params import Score

WEIGHT_SPREAD = 0.2
"""Prior standard deviation of a weight around today's: ten answers do not turn one over, a hundred may."""

FACTOR = 10.0
"""Prior median of the factor: a picture that scores a tenth more is preferred in three of four cases."""

HEAVIEST = 0.95
"""No weight becomes 1, since one failed metric would then make all pictures equal."""

PER_WEIGHT = 10
"""Answers that prefer one picture, per weight to fit: the usual least number of events per parameter of a logistic
regression (Peduzzi et al. 1996)."""

FEWEST_PROMPTS = 4
"""Prompts with answers: each is left out once, and what is fitted on two or three others says little."""

MOST_FOLDS = 10

VARIES = 0.01
"""Spread of a quality over the rated pictures below which nothing can be learned about its weight."""

Weights = dict[str, float]
Pairs = Sequence[tuple[str, PictureScore, PictureScore]]
"""Prompt's name, preferred picture, the other."""


@dataclass(frozen=True)
class Fit:
    """What came out."""

    today: Weights
    fitted: Weights
    """The weights that could be fitted, to two digits."""
    pairs: int
    prompts: int
    before: int
    """Pairs in which today's score prefers what people prefer."""
    after: int
    """The same for fitted weights, each pair predicted by a fit without its prompt."""
    gained: int
    """Pairs that are predicted now and were not before."""
    lost: int
    chance: float
    """Probability of so many more gained than lost pairs, or of so many more lost ones, where neither is better."""

    @property
    def better(self) -> bool:
        """Whether the fitted weights predict people better on prompts that the fit did not see."""
        return self.after > self.before


def fit_weights(ranking: Ranking, score: Score) -> Fit:
    """Fit the weights of the picture metrics. Raises SpriteLoraError where the answers are too few to learn from."""
    pairs = [pair for pair in decided(ranking) if pair[1].score > 0 and pair[2].score > 0]
    names = _fittable(pairs)
    prompts = sorted({name for name, *_ in pairs})
    needed = PER_WEIGHT * max(1, len(names))
    if len(pairs) < needed or len(prompts) < FEWEST_PROMPTS or not names:
        raise SpriteLoraError(
            f"{len(pairs)} answers prefer a picture, over {len(prompts)} prompts; to fit {len(names)} weights it takes "
            f"{needed} over {FEWEST_PROMPTS}",
            "rate more pairs: uv run sprite-lora review",
        )
    today = {name: score.lost.of(name) for name in names}
    predicted: dict[int, bool] = {}
    for fold in range(min(len(prompts), MOST_FOLDS)):
        left_out = set(prompts[fold::MOST_FOLDS])
        weights = _fit([pair for pair in pairs if pair[0] not in left_out], today, score)
        predicted |= {
            number: _prefers(pair, weights, today, score) for number, pair in enumerate(pairs) if pair[0] in left_out
        }
    before = [better.score > worse.score for _, better, worse in pairs]
    after = [predicted[number] for number in range(len(pairs))]
    gained, lost = (
        sum(now is new and was is not new for was, now in zip(before, after, strict=True)) for new in (True, False)
    )
    from scipy.stats import binomtest

    return Fit(
        today=today,
        fitted={name: round(weight, 2) for name, weight in _fit(pairs, today, score).items()},
        pairs=len(pairs),
        prompts=len(prompts),
        before=sum(before),
        after=sum(after),
        gained=gained,
        lost=lost,
        chance=float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0,
    )


def _fittable(pairs: Pairs) -> list[str]:
    """Metrics whose quality differs between rated pictures."""
    pictures = {picture.pixels: picture for _, *both in pairs for picture in both}.values()
    names = dict.fromkeys(name for picture in pictures for name in picture.qualities)
    return [name for name in names if np.std([picture.qualities.get(name, 1.0) for picture in pictures]) > VARIES]


def _rescored(picture: PictureScore, weights: Mapping[str, float], today: Mapping[str, float], score: Score) -> float:
    """The picture's score with other weights; what no weight concerns (a flat picture's loss) stays."""
    value = partial(picture_score, picture.qualities, 1.0)
    return picture.score * value(_with(score, weights)) / value(_with(score, today))


def _with(score: Score, weights: Mapping[str, float]) -> Score:
    return score.model_copy(update={"lost": score.lost.model_copy(update=dict(weights))})


def _prefers(pair: tuple[str, PictureScore, PictureScore], weights: Weights, today: Weights, score: Score) -> bool:
    return _rescored(pair[1], weights, today, score) > _rescored(pair[2], weights, today, score)


def _fit(pairs: Pairs, today: Weights, score: Score) -> Weights:
    from scipy.optimize import minimize

    start = np.array([*today.values(), np.log(FACTOR)])
    loss = _loss(pairs, today, score, start)
    bounds = [*((0.0, HEAVIEST) for _ in today), (0.0, 6.0)]
    found = minimize(loss, np.clip(start, 0, [*[HEAVIEST] * len(today), 6.0]), method="L-BFGS-B", bounds=bounds)
    return dict(zip(today, found.x[:-1].tolist(), strict=True))


def _loss(pairs: Pairs, today: Weights, score: Score, prior: Array) -> Callable[[Array], float]:
    pictures = {picture.pixels: picture for _, *both in pairs for picture in both}
    places = {pixels: place for place, pixels in enumerate(pictures)}
    better = [places[one.pixels] for _, one, _ in pairs]
    worse = [places[other.pixels] for _, _, other in pairs]
    spread = np.array([WEIGHT_SPREAD] * len(today) + [1.0])

    def loss(values: Array) -> float:
        weights = dict(zip(today, values.tolist(), strict=False))
        logs = np.log([_rescored(picture, weights, today, score) for picture in pictures.values()])
        advantage = np.exp(values[-1]) * (logs[better] - logs[worse])
        return float(np.logaddexp(0, -advantage).sum() + np.square((values - prior) / spread).sum() / 2)

    return loss
