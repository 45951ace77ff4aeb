"""Making: identities, blocks, proofs, discharges and revocation lists. A verifier trusts none of it."""
