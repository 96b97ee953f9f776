"""Graph → IR: from what the user meant to what a proxy must do. Pure, and total: nothing here is judged any more.

Endpoints have their own road here, past the graph.
"""
