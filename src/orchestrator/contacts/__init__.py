"""What is known of each contact, as of a moment."""
