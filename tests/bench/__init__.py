"""Benchmarks: the helpers beside what others recommend, on one machine, in turns. `make bench` runs them."""
