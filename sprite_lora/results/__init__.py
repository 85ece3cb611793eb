"""Results: typed reports and records, pictures that carry one, and how two runs differ."""
