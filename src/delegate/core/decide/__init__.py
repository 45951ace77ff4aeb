"""The steps of a decision in their order, and what they ask of stores (SPEC §5)."""
