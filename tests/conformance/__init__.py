"""The official Gateway API conformance suite against the controller in the lab → a report, its counts, a page."""
