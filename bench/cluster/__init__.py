"""A running lab → figures of Lychgate and of Envoy Gateway side by side: same cluster, same Envoy, alternating order.

Everything is seen from outside: an HTTP answer, a status in the API server, /proc of a process. Both systems are
installed all the time; the one that is not being measured is scaled to nothing, so that it takes no CPU.
"""
