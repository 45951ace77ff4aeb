"""The steps of a decision in their order, and what they want of stores (SPEC §5)."""
