"""Runs for months: APScheduler is the metronome, the database knows what is due."""
