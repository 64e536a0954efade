"""A OneRoster provider for tests: both versions, all three ways to sign in, and a switch for each way to misbehave."""
