"""Chains: claims, tokens, requests, and how they are made (SPEC §3, §4, §6, §7)."""
