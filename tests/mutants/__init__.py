"""Mutation testing: is each slip in the helpers' arithmetic noticed by a test? `make mutants` asks."""
