r"""Patterns over resources and actions (SPEC §6): what matches.

Rules of this package:

- In a resource the separator is `/`, in an action `.`; what stands between two separators is a segment. `*` is any
  run, also empty, of characters of one segment; `**`, alone in its segment, is any number of segments, also none:
  `/data/**` covers `/data`, and `**/.env` covers `.env`.
- `\*` is a star and `\\` a backslash. `? [ ] { }` are wildcards to other tools and none here: they are refused unless
  a backslash stands before them. Any other backslash, and `**` beside anything else in its segment, are refused.
- Every other character is itself: `/crypto` is not a prefix of anything, and case matters.
- A pattern is text, and so is what it is matched with. That `/data/../etc` is no file of `/data` is the
  business of `plain_form`, which every resource must pass before a pattern may match it.

A bad pattern is a `TokenError` here, because the wire side meets it most; code that authors patterns turns it
into a `ValueError`.
"""
