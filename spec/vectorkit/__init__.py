"""How the vectors are made: an encoder, signatures and chains of their own, so that they can forge anything.

Nothing here imports the library under test, except that a reader may compare the two.
"""
