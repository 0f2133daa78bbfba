"""The Pulumi program: settings in, resources out, no arithmetic."""
