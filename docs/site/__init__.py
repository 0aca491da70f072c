"""Documentation site: `python -m docs.site` builds it, and checks each of its links."""
