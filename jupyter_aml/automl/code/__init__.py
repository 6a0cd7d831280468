"""The best model's training as code that needs none of ours: a script, and the same as a notebook."""
