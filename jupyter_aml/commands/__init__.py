"""The grammar: noun verb --flags, one call, an Outcome."""
