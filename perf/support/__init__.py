"""What scripts/perf is made of."""
