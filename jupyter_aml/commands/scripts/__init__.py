"""Cells as scripts: checking a body, giving it a header, and writing a job down in other forms (pure)."""
