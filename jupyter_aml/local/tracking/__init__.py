"""Tracking: MLflow's REST protocol over the workspace's own records, without MLflow."""
