"""SQLModel tables, connections, migrations and every query but compiled segments. Nothing else writes."""
