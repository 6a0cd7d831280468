"""Jobs whose work is other jobs. A conductor decides what is submitted, what ends, and what comes of it."""
