"""Public keys, their two algorithms, and the names of those who hold them."""
