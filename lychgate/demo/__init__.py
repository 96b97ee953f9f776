"""The tutorial's backends: requests in, JSON that describes them out. Started by `run` where manifests ask for them."""

from lychgate.demo.backend import Backend
from lychgate.demo.quickstart import demo_backends, run_demo_backend

__all__ = ["Backend", "demo_backends", "run_demo_backend"]
