"""The same graph as `build`'s, at the cost of what changed since the last one (ADR 10).

Read `keeper` first. What moved between two snapshots is `news`; who looked at it, and is judged again, `readers`; how
the counts and orders that `build` makes of the whole are kept, `tally`; and a `*_stage` for each sort of object that
needs one. Nobody who judges imports anything of it.
"""
