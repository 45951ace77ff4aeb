"""Bytes: strict CBOR, COSE frames, envelopes and their text form. Nothing here knows what they mean."""
