"""Pure drawings: a snapshot in; HTML, SVG or text out."""
