"""Report: the self-contained HTML page and its parts."""
