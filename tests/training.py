"""The full training of a script, and what tests look at in it."""

import contextlib
import importlib
import io
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
import pytest

from tests.scripts import SCRIPTS


class Trained(NamedTuple):
    weights: list
    early_weights: list  # after 2 epochs
    history: pd.DataFrame
    states: list  # of the LSTM, after fit
    lines: list  # that fit and evaluate have printed
    traces: int  # how often TensorFlow has traced the compiled pass
    with_xla: bool  # whether it is compiled by XLA
    model: object = None  # a network with these weights, in the process of the tests


def train(name):
    """Train a script's network in full, with seed 0."""
    script = importlib.import_module(name)
    generate_data, compile_fit = script.generate_data, script.compile_fit
    weights, passes = [], []

    def generate_and_record():
        X, y = generate_data()
        if len(weights) < 3:
            weights.append(model.get_weights())  # after 0, 1 and 2 epochs
        return X, y

    def compile_and_record(model):
        passes.append(compile_fit(model))
        return passes[-1]

    keras.utils.set_random_seed(0)
    model = script.build_model()
    # The training must not start from the state that this leaves.
    script.predict(model, np.ones((5, *SCRIPTS[name].batch_shape[1:])))
    with contextlib.redirect_stdout(io.StringIO()) as output:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(script, "generate_data", generate_and_record)
            patch.setattr(script, "compile_fit", compile_and_record)
            history = script.fit(model)
        states = [np.array(state) for state in model.layers[0].states or []]
        script.evaluate(model)
    (fit_sequence,) = passes
    return Trained(
        weights=model.get_weights(),
        early_weights=weights[2],
        history=history,
        states=states,
        lines=output.getvalue().splitlines(),
        traces=fit_sequence.experimental_get_tracing_count(),
        with_xla=fit_sequence._jit_compile,
    )
