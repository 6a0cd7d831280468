"""The Jupyter Server extension: a face over the workspace."""
