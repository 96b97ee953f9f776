"""`lychgate serve`: a replica of a cluster's controller, and what only a cluster asks of it."""
