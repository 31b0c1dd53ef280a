"""The zoo: every reference model trained for the same time, scored alike, and a report of what came out.

`python -m benchmarks.zoo --help` says how. One module for each step: `settings` what is wanted, `training` and `bench`
make it, `results` keeps it, the studies look closer at one kind of model each, `report` tells.
"""
