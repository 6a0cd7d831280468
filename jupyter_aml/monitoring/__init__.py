"""Drift and quality metrics; knows no workspace."""
