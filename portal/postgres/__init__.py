"""Django's own engine for PostgreSQL, but for how it finds a kept connection gone, and that it keeps plans."""
