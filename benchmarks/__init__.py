"""Speed against peers, measured in one run and told as ratios: `python -m benchmarks.NAME`.

NAME is drag, grids, line, start or open_run; each takes --help. Each script prints what it measured and ends with its
ratio. Run them on a quiet machine, and compare within one run only.
"""
