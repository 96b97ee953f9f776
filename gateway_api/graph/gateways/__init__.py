"""GatewayClasses, Gateways, ListenerSets and their listeners, judged.

Read `listener` first, then `gateway`; `listener_set` is a Gateway's listeners from elsewhere, and `together` puts both
together. Which of two listeners on one port stays is `listener_conflicts`, across sets `listener_set_conflicts`; who is
only warned of another, `listener_overlaps`; what one that is wrong still holds is `standing`. Imports neither `routes`
nor `backends`.
"""
