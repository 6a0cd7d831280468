"""A real MLClient over the local door or the cloud."""
