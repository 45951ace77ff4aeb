"""What a service calls: verifiers, their configuration, and what they answer."""
