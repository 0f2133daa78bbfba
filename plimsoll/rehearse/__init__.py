"""What a change would do to an environment: brought up as it was, then changed, on a local cloud."""
