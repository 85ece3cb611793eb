"""The eight stages of the pipeline: each reads its params, calls the library, and writes files."""
