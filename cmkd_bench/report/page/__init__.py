"""An experiment as one static HTML file: tables, pictures, and every run behind every number."""
