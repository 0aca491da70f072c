"""Published figures of other people, reproduced with the optimizers of keras_optim."""
