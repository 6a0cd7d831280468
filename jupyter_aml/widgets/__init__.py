"""Interactive drawings, one folder a widget."""
