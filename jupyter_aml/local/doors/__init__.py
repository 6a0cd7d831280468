"""Ways into the local service: in process and over loopback HTTP."""
