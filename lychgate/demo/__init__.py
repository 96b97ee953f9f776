"""The tutorial's backends: requests in, JSON that describes them out. Started by `run` where manifests ask for them."""
