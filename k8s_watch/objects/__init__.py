"""Frozen, typed views of the fields that we read, one module for each API group.

Decoding drops unknown fields (managedFields among them) and reads `null` as absent. Enumerations of the API stay plain
strings here: a value that a newer API server knows and we do not must end as a condition, not as a lost object.
"""
