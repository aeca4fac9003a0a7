"""Why a contact did, or did not, get a campaign: a campaign and a contact in, an Answer with its reasons out.

``decided`` answers from what the runs stored and from nothing else; ``never`` for a contact that no run considered.
"""
