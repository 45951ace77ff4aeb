"""Bytes without meaning: deterministic CBOR, COSE_Sign1, envelopes and their text form (SPEC §3)."""
