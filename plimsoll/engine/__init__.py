"""The real Pulumi engine: find it or bring it, run it, read what it says. Serves any Pulumi project."""
