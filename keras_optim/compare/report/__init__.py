"""Report: figures, one HTML file, Markdown and CSV."""
