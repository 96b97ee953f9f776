"""Graph → IR: from what the user meant to what a proxy must do. Endpoints have their own road here, past the graph."""
