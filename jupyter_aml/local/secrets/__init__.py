"""Secrets, sealed at rest."""
