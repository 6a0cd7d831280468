"""What runs inside a replica of an online deployment; standard library only, except for what a model needs."""
