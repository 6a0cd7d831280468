"""Runs on a worker of a cluster elsewhere: what is sent there, what happens there, and how it is watched from here."""
