"""Callbacks that go with the optimizers."""

from keras_optim.callbacks.batch_statistics import update_batch_statistics
from keras_optim.callbacks.evaluate_averaged import EvaluateAveraged
from keras_optim.callbacks.learning_rate_finder import LearningRateFinder
from keras_optim.callbacks.log_training import LogTraining

__all__ = ["EvaluateAveraged", "LearningRateFinder", "LogTraining", "update_batch_statistics"]
