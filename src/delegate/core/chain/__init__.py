"""What a block says, what a request is, and how one block follows another (SPEC §4, §5.2, §7, §10.2, §14)."""
