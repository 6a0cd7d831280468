"""Pipelines: their graph, their components, and the jobs that their steps are. Nothing here runs anything."""
