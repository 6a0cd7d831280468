"""The process that runs things: queue, slots, loopback server."""
