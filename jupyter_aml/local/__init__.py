"""The local workspace: Azure ML's REST API, answered on this machine."""
