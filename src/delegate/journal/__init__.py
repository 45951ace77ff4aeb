"""The journal: what was handed out, and what was taken back, so that a person can name it later."""
