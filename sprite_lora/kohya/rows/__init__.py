"""The rows of the trainer's flags, a module per group: fields of `Train`, and beside them flags that it has not."""
