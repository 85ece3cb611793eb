"""Runs stages on another machine, under the same `dvc repro`."""
