"""Azure ML's resources as the service keeps them."""
