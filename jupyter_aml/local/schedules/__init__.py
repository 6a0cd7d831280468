"""Triggers and the clock."""
