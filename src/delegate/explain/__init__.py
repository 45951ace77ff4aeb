"""Why: the evidence of a refusal, and what a chain says, in words. Nothing here decides."""
