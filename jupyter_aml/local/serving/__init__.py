"""Online and batch endpoints, traffic."""
