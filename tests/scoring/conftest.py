"""Fixtures of the metrics' tests."""

from scoring_fixtures import captions, ruler, score, section, sprites  # noqa: F401
