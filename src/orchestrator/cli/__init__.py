"""The ``campaigns`` command: options in, one call, text or JSON out. One module per command; ``output`` prints."""
