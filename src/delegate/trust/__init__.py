"""What tells a verifier whom to trust, from elsewhere: signed bundles of roots, and how they are fetched."""
