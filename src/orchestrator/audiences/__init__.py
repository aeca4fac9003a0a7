"""Our memberships become the provider's audience, by differences, and its opt-outs become ours.

There is no queue of owed changes. The provider's last confirmed state is stored (``audience_member``, ``tag_mask``),
what is owed is the difference to what should be, and every write is one that may be made twice: a crash anywhere only
means that the next sync finds the same difference again.
"""
