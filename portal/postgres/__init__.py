"""Django's own engine for PostgreSQL, but for how it learns that a kept connection has gone."""
