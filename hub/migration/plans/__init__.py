"""A plan and what is asked of it before anything begins: its file, its problems, its estimate."""
