"""Who broke the protocol. Ours are bugs and are asserted; theirs end the stream."""


class ProtocolError(Exception):
    """The client did what no client may do. The stream cannot go on; other streams are not concerned."""
