"""What scripts/perf and scripts/stickiness are made of."""
