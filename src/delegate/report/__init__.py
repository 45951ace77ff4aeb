"""Pages: data in, one file of HTML out.

- `page`: the inspector, which is the JavaScript verifier and a few forms in one file.
"""
