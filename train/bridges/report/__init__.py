"""Report that compares the bridges: their runs, figures, pictures and page."""
