"""Online endpoints and deployments: what is wanted of them, and how the host brings it about."""
