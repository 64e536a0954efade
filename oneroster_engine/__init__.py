"""OneRoster rosters: read, cleaned, selected, compared and explained. No AWS, no network."""
