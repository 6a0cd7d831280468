"""Who asks, and what the one may do."""
