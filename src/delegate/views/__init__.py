"""What a chain says, what was checked of it, and why a request was refused: lines and JSON for people.

Everything here is pure: data and lines of text out, no terminal, no clock. Whatever came from outside is escaped.
"""
