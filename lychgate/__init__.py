"""The composition root: CLI, settings, pipeline (the order of the stages), controller, both modes, telemetry."""
