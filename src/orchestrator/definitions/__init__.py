"""The marketers' files become frozen values; every fault in them becomes a Problem with its place."""
