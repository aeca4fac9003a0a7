"""Mails to look at before they are sent, on a local page: the very mails that are sent, made by the same code."""
