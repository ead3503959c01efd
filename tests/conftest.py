"""What tests share: the environment that the scripts set, and the trained networks."""

import contextlib
import functools
import importlib
import io
import os
from typing import NamedTuple
from unittest import mock

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.scripts import SCRIPTS


class Trained(NamedTuple):
    script: object  # the module
    model: keras.Model
    history: pd.DataFrame
    sequences: list  # X and y of the first 4 epochs
    weights: list  # after 3 epochs
    states: list  # of the LSTM, after fit
    lines: list  # that fit and evaluate have printed
    tf_function: mock.Mock  # knows how fit has called tf.function


def train(name):
    """Train a script's network in full, with seed 0."""
    script = importlib.import_module(name)
    generate_data = script.generate_data
    sequences, weights = [], []

    def record():
        X, y = generate_data()
        if len(weights) < 4:
            sequences.append((X, y))
            weights.append(model.get_weights())
        return X, y

    keras.utils.set_random_seed(0)
    model = script.build_model()
    # The training must not start from the state that this leaves.
    script.predict(model, np.ones((5, *SCRIPTS[name].batch_shape[1:])))
    model.train_step = mock.Mock(wraps=model.train_step)  # counts its calls
    with contextlib.redirect_stdout(io.StringIO()) as output:
        with (
            mock.patch.object(script, "generate_data", record),
            mock.patch.object(tf, "function", wraps=tf.function) as tf_function,
        ):
            history = script.fit(model)
        states = [np.array(state) for state in model.layers[0].states or []]
        script.evaluate(model)
    lines = output.getvalue().splitlines()
    return Trained(
        script, model, history, sequences, weights[3], states, lines, tf_function
    )


@pytest.fixture(scope="session")
def trained():
    """Return a function: trained("echo_lag") trains once, and returns a Trained."""
    return functools.cache(train)
