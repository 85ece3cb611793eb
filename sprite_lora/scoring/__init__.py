"""Scoring: the metrics of a picture, what each is worth, and the verdict on a picture and an epoch."""
