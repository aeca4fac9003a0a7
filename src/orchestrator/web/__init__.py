"""The daemon's web server: webhooks in, health and metrics out, previews for this machine."""
