"""Conditions over profiles become memberships: parsed, compiled, computed in one pass, explained."""
