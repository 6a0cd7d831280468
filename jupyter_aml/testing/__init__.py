"""What people who test against the local workspace import."""
