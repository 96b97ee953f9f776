"""`lychgate run`: files and local Envoys on this machine, and what only a person at a terminal asks for."""
