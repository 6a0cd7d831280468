"""One resource type a module, each with one object `TYPE`."""
