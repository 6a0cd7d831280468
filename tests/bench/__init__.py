"""What `make bench` measures: every figure against its rival, both sides in turn, on the machine at hand."""
