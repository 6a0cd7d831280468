"""Cells whose body is a script: one module per word, each with one object `CELL`."""
