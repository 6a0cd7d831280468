"""One way to start a run a module, each with one object `PROVISIONER`."""
