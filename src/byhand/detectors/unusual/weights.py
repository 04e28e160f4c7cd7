# SPDX-License-Identifier: Apache-2.0
"""The weights: logistic regression that tells acts as they were from acts with parts of other people's.

Refit with Newton's method from the weights before. What comes out is rounded, so that the last bits in which
processors differ do not make two replays differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ROUNDS = 2  # of Newton's method, from the weights before
ROUNDS_FIRST = 8  # from nothing
BLOCK = 256  # rows multiplied at a time: so few that no library spreads them over processors, whose order would show
RIDGE = 1.0  # holds each weight back a little: two features that say the same share it
RIDGE_CONSTANT = 1e-6  # only so that there always is a solution
STEP_MAX = 8.0  # a step further away is a sign of separable classes
DIGITS = 9  # far more than the data can tell, far fewer than processors agree on
LOGIT_MAX = 30.0  # e^30 is certainty


class Fitted(NamedTuple):
    """Weights of features as they are (not standardised), with the constant last, and the features' means."""

    weights: tuple[float, ...]
    means: tuple[float, ...]

    def logit(self, features: Sequence[float]) -> float:
        """Logarithm of the odds that an act has parts of somebody else's."""
        total = self.weights[-1]
        for weight, value in zip(self.weights, features, strict=False):
            total += weight * value
        return total


def fit(own: Floats, others: Floats, before: Fitted | None) -> Fitted:
    """The weights that tell ``own`` rows from ``others``."""
    matrix, truth, counted = _blocks(own, others)
    weights = np.array(before.weights) if before is not None else np.zeros(matrix.shape[2])
    penalty = np.full(len(weights), RIDGE)
    penalty[-1] = RIDGE_CONSTANT
    for _ in range(ROUNDS if before is not None else ROUNDS_FIRST):
        weights = _step(matrix, truth, counted, weights, penalty)
    return Fitted(
        tuple(np.round(weights, DIGITS).tolist()), tuple(np.round(own.mean(axis=0), DIGITS).tolist())
    )


def _blocks(own: Floats, others: Floats) -> tuple[Floats, Floats, Floats]:
    """All rows with their constant, in blocks; whose they are; and 0 for what only fills the last block."""
    count = len(own) + len(others)
    whole = -(-count // BLOCK) * BLOCK
    matrix = np.zeros((whole, own.shape[1] + 1))
    matrix[: len(own), :-1], matrix[len(own) : count, :-1] = own, others
    matrix[:count, -1] = 1.0
    truth, counted = np.zeros(whole), np.zeros(whole)
    truth[len(own) : count], counted[:count] = 1.0, 1.0
    shape = (whole // BLOCK, BLOCK)
    return matrix.reshape(*shape, -1), truth.reshape(shape), counted.reshape(shape)


def _step(matrix: Floats, truth: Floats, counted: Floats, weights: Floats, penalty: Floats) -> Floats:
    logits = np.clip(np.matmul(matrix, weights), -LOGIT_MAX, LOGIT_MAX)
    chance = 1.0 / (1.0 + np.exp(-logits))
    across = matrix.transpose(0, 2, 1)
    slope = np.matmul(across, ((chance - truth) * counted)[:, :, None]).sum(axis=0)[:, 0] + penalty * weights
    spread = chance * (1.0 - chance) * counted
    curve = np.matmul(across, matrix * spread[:, :, None]).sum(axis=0) + np.diag(penalty)
    after: Floats = weights - np.clip(np.linalg.solve(curve, slope), -STEP_MAX, STEP_MAX)
    return after
