"""GatewayClasses, Gateways, ListenerSets and their listeners, judged.

Read `listener` first, then `gateway`; `listener_set` is a Gateway's listeners from elsewhere. Which of two listeners on
one port stays is `listener_conflicts`, across sets `listener_set_conflicts`; what one that is wrong still holds is
`standing`; who is only warned of another, `listener_overlaps`. Imports neither `routes` nor `backends`.
"""
