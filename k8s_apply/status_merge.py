"""Observed status + wanted status → patch. Pure."""
