"""URIs, tables and sources; knows no workspace."""
