"""The official Gateway API conformance suite against the controller in the lab → a report and its counts."""
