"""The routes under ``/3.0``: one module per subject, each a list of routes; ``gate`` is the HTTP in front of them."""
