r"""Patterns over resources and actions (SPEC §6): what matches.

Rules of this package:

- In a resource the separator is `/`, in an action `.`. `*` is any run, also empty, of characters other than
  the separator; `**` is any run of characters.
- A pattern that ends in the separator and `**` also matches without them: `/data/**` covers `/data`.
- `\*` is a star and `\\` a backslash. Any other backslash, and three stars in a row, are refused.
- Every other character is itself: `/crypto` is not a prefix of anything, and case matters.
- A pattern is text, and so is what it is matched with. That `/data/../etc` is no file of `/data` is the
  business of `plain_form`, which every resource must pass before a pattern may match it.

A bad pattern is a `TokenError` here, because the wire side meets it most; code that authors patterns turns it
into a `ValueError`.
"""
