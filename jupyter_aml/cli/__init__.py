"""The `aml` console script: a face over commands."""
