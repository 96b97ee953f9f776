"""Who broke the protocol. Ours are bugs and are asserted; theirs end the stream."""


class ProtocolError(Exception):
    """The client takes more than any client may. The stream cannot go on; other streams are not concerned."""
