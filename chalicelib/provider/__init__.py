"""The rostering provider: serves a committed snapshot by OneRoster 1.1 and 1.2. Pure but for reading Parquet."""
