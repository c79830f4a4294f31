"""Into the new system: its mark, dossiers in batches, files one by one."""
