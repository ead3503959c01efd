"""The article's own loop, to compare with."""

import importlib
from unittest import mock

import keras
import numpy as np
import pytest

from tests.experiments import fit_per_epoch
from tests.scripts import SCRIPTS
from tests.shared import eagerly


def trained_by_the_loop(name, monkeypatch):
    """Run the program for two epochs; return the network that it evaluates."""
    script, evaluate = importlib.import_module(name), mock.Mock()
    monkeypatch.setattr(script, "EPOCHS", 2)
    monkeypatch.setattr(script, "evaluate", evaluate)
    fit_per_epoch.main([name])
    (model,) = evaluate.call_args.args
    return model


@eagerly()
def test_the_loop_gives_the_weights_of_the_script(trained, monkeypatch):
    keras.utils.set_random_seed(0)  # as the training of the script
    name = "echo_lag"
    weights = trained_by_the_loop(name, monkeypatch).get_weights()
    for got, expected in zip(weights, trained(name).early_weights, strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_loop_shuffles_in_part_2_only(name, monkeypatch):
    fit = mock.Mock()
    fit.return_value.history = {"loss": [4.6], "accuracy": [0.01]}
    monkeypatch.setattr(keras.Model, "fit", fit)
    model = trained_by_the_loop(name, monkeypatch)
    units, batch_shape = SCRIPTS[name].units, SCRIPTS[name].batch_shape
    assert (model.layers[0].units, model.input_shape) == (units, batch_shape)
    assert fit.call_count == 2
    assert fit.call_args.kwargs["shuffle"] is (name == "echo_current")
    assert fit.call_args.kwargs["batch_size"] == (batch_shape[0] or 1)
