"""Files: safe paths, atomic writes, locks, tables in all formats, and clear errors for damaged files."""
