"""Comparing: what a chain grants, what a block takes away, what could never take effect. No decision reads it."""
