"""Measuring: programs, and what runs them."""
