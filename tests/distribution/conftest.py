"""Scripts run in processes of their own, each on one backend."""

collect_ignore = ["scripts"]
