"""What verbs share: loading YAML, naming assets, drawing jobs, following them, moving files."""
