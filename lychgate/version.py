"""Our version, as the package has it. Written down here too: to read the package's metadata costs a start 7 ms."""

VERSION = "0.1.0"
