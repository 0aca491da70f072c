"""Analysis of runs: tables, claims, sensitivity, profiles and ranks."""
