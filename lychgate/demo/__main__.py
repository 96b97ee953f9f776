"""`python -m lychgate.demo`: one demo backend, for containers and for scripts."""

import argparse
import os
import sys

from lychgate.demo.backend import main

parser = argparse.ArgumentParser(prog="lychgate.demo", description=main.__doc__)
parser.add_argument("--name", default=os.environ.get("POD_NAME", "demo-backend"), help="what it answers as `pod`")
parser.add_argument(
    "--namespace", default=os.environ.get("NAMESPACE", "default"), help="what it answers as `namespace`"
)
parser.add_argument("--host", default="0.0.0.0", help="the interface to listen on")
parser.add_argument("--port", type=int, default=3000, help="the port to listen on")
given = parser.parse_args()
sys.exit(main(name=given.name, namespace=given.namespace, host=given.host, port=given.port))
