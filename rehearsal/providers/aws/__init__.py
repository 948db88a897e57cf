"""The AWS stand-in."""
