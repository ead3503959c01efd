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
    weights: list  # after 3 epochs
    lines: list  # that fit and evaluate have printed
    tf_function: mock.Mock  # knows how fit has called tf.function


def train(name):
    """Train a script's network in full, with seed 0."""
    script = importlib.import_module(name)
    generate_data, weights = script.generate_data, []

    def record_weights():
        if len(weights) < 4:
            weights.append(model.get_weights())
        return generate_data()

    keras.utils.set_random_seed(0)
    model = script.build_model()
    # The training must not start from the state that this leaves.
    script.predict(model, np.ones((5, *SCRIPTS[name].batch_shape[1:])))
    model.train_step = mock.Mock(wraps=model.train_step)  # counts its calls
    with contextlib.redirect_stdout(io.StringIO()) as output:
        with (
            mock.patch.object(script, "generate_data", record_weights),
            mock.patch.object(tf, "function", wraps=tf.function) as tf_function,
        ):
            history = script.fit(model)
        script.evaluate(model)
    lines = output.getvalue().splitlines()
    return Trained(script, model, history, weights[3], lines, tf_function)


@pytest.fixture(scope="session")
def trained():
    """Return a function: trained("echo_lag") trains once, and returns a Trained."""
    return functools.cache(train)
