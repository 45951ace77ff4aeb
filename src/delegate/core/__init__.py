"""What decides: from bytes to `Granted` or `Refusal`. Who wants to trust a verdict reads this folder, and nothing else.

The laws that hold here (SPEC §5, §6):

1. **Authority is a conjunction.** A request is allowed only if every block permits it: if the block has capabilities,
   at least one matches; and all its caveats are true. Nothing here compares a child with its parent.
2. **What is not understood denies.** An unknown claim, opcode, envelope or version, an error in a caveat, a missing
   argument, a stale revocation list, an unpriced budget, a store that does not answer: each denies, and says so.
3. **Bytes are signed as they travel.** Nothing is encoded again to be verified, and no key comes from a header.
4. **A name is the word of whoever signed it**, as far as the verifier's own roots and directory do not bear it out.
5. **Signature first, then meaning.** A block's claims are read only after its signature held. Refusing spends nothing:
   all checks that only read come first; proofs are claimed and budgets charged last, in one step.

The boundary: the core must be right for any decision. A service's own policy texts and `Root(can=…)` are compiled by
`language`: whoever writes them as text trusts that too. The store in use must be right for replay, budgets and
revocation, and a directory, where a verifier is given one, for names: `verifier/known.py` asks it, and refuses who is
not known. Nothing else: the rest of this package writes, compares, explains, stores and shows, and none of it is
imported here.
"""
