"""IR → Resource: each function's only argument is its memo key. Pure; encodes each resource once."""
