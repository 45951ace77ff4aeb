"""What an auditor trusts: Merkle trees, signed checkpoints, proofs, witnesses and policies.

Who wants to check a log reads this folder, and `core.wire` and `core.keys`: nothing else is imported here. There is no
I/O, no clock and no store: times, keys and hashes come in.

The formats are those of others: the tree is that of RFC 9162 §2.1 (and RFC 6962), the texts are those of C2SP
(signed-note, tlog-checkpoint, tlog-cosignature, tlog-witness, tlog-proof, tlog-policy, tlog-tiles).
"""
