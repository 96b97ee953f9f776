"""The xDS protocol without I/O: requests in, decisions and responses out, for state-of-the-world and delta alike.

A stream is one object with two methods. `receive(request)` takes in what a client said and returns what that means:
`Acked`, `Nacked`, `Stale`, `Returned` or nothing. `respond(snapshot, now=…)` returns what to send so that the client
gets nearer to the snapshot: in order, and empty when there is nothing that it may have yet. There is no socket, no
clock and no protobuf request here; the shell (`xds_server.serve`) turns bytes into records and says what time it is.

How the parts stand to each other:

    messages       what comes in and goes out, as records
    subscription   which names of one type a client asked for
    holdings       which versions of one type a client has, was sent, and refused
    channel        both, with the names that need a look: one type on one stream
    gates          what may be sent, given what all channels hold: make before break
    handing_over   what may be sent, where a hostname passes from one route table to another
    removals       what may be taken away, given what the client may be using: break last
    patience       how long a client is waited for
    suspects       which of those that were refused together may be to blame
    packing        which resources travel together in a response
    variation      scopes that must come again, and not the same
    stream         several channels over one stream, in order
    delta, sotw    the two dialects: how a request is read, how resources are grouped into responses

Make before break, break last, is not a sequence of phases but a rule for each resource:

    * A resource is sent when everything that it names, and that the client asked for, has been acknowledged. An Envoy
      acknowledges a cluster only when it has warmed it, so a late ACK means "not yet".
    * A hostname that passes from one route table to another, by the server name of connections, is given up once they
      lead to the other, and lead there no more once the one has it again.
    * A resource is taken away when nothing that the client may be using names it: not what it acknowledged, not what is
      under way to it, not what waits to be sent to it.

Unrelated changes therefore never wait for each other, and endpoints, which name nothing, never wait at all. Waiting to
be sent has a limit (`Patience.make`): past it, a resource goes out even if something that it names is not there, since
an old configuration for ever is worse than a 503 for a cluster that Envoy will not take.

Spec: xDS protocol, "ACK/NACK and resource type instance version", "Eventual consistency considerations"
Spec: xDS protocol, "Incremental xDS", "How the client specifies what resources to return"
"""
