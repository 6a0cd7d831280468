"""The endpoints of MLflow's REST protocol: one module per family, each with its `ROUTES`."""
