"""Params, errors, files, random numbers, devices, records, and which code a stage runs."""
