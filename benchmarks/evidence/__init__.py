"""Modern optimizers against equally tuned AdamW on three small tasks: see `docs/evidence.md`."""
