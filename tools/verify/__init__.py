"""Whether the results and DVC's cache are still what dvc.lock says."""
