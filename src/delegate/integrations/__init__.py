"""Where agents and services are: each framework in one thin file over `guard`, an extra, loaded on demand.

Importing this package loads nothing. No file here holds a rule of authority, and none knows another framework's.
"""
