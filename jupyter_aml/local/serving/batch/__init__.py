"""Batch endpoints: what a deployment is, and the job that an invocation becomes."""
