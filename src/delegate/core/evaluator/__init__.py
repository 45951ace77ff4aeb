"""Conditions, from the objects of the wire to closures, and what they mean (SPEC §6)."""
