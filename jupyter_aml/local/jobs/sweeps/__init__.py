"""Sweeps: the space that is searched, the order of the trials, and which of them end early. Knows no job."""
