"""State on disk: databases, records, changes, blobs."""
