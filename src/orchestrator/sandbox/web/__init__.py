"""Everything a person opens in a browser: the inbox, what a recipient's links lead to, and the controls for tests."""
