"""One job type a module."""
