"""The one comment of a pull request: a document that nobody vouches for made harmless, and posted."""
