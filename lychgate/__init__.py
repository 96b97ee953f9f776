"""The composition root: CLI, settings, pipeline (the order of the stages), wiring (TaskGroups), telemetry."""
