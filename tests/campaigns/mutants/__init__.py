"""The kit of mutants: the verifier with one check, charge, bound or error changed at a time, against the vectors.

    python -m tests.campaigns.mutants [--jobs 2] [--only cose] [--kind bounds] [--share 1/4]

A mutant that gives every vector its expected answer *survives*: the vectors would not notice an implementation that
differs from the specification in that one thing. What survives is either a gap, to be closed by a vector, or listed in
`equivalent.toml` with the reason why no vector can notice it.
"""
