"""Files and folders of YAML → ClusterSnapshot: the source of a standalone Lychgate, behind the same port as a cluster.

`folder` finds and reads files, `yaml_text` and `manifest` make typed objects of their documents, `contents` knows what
each file last said that was good, `shelf` gives the objects what an API server would, `source` puts it all together.
Whatever is bad is isolated and reported; the rest goes on.
"""

from k8s_watch.files.overrides import Override, OverrideError, parse_override
from k8s_watch.files.source import FileSource

__all__ = ["FileSource", "Override", "OverrideError", "parse_override"]
