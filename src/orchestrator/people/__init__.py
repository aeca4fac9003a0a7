"""Data protection: a person's name in; all that we hold of them out, or nothing of them left.

``holdings`` says of every table what of a person stands in it, and both acts follow it. ``search`` finds the person,
``export`` gives all, ``erase`` erases, ``forget`` is the whole act with Mailchimp's side.
"""
