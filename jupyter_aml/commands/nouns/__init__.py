"""One noun of the grammar a module, each with one object `NOUN`."""
