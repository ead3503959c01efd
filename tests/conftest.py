"""What tests share: the environment of the scripts, `eagerly`, and trained networks."""

import contextlib
import functools
import gc
import importlib
import io
import multiprocessing
import os
import re
import runpy
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

gc.disable()  # Only for speed: the tests leave little garbage, but very many objects.
os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1")
os.environ["MPLBACKEND"] = "agg"  # A notebook's may not be installed.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Two processes side by side are faster with a thread each.
os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.scripts import SCRIPTS

keras.config.set_image_data_format("channels_last")  # of Conv1D, as in the guide


@contextlib.contextmanager
def eagerly():
    """Let TensorFlow compile nothing: for a few batches, this is faster."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.fixture
def seed():
    """Seed what Keras draws from."""
    keras.utils.set_random_seed(1)


class Trained(NamedTuple):
    weights: list
    early_weights: list  # after 2 epochs
    history: pd.DataFrame
    sequences: list  # X and y of the first 3 epochs
    states: list  # of the LSTM, after fit
    lines: list  # that fit and evaluate have printed
    traces: int  # how often TensorFlow has traced the compiled pass
    with_xla: bool  # whether it is compiled by XLA
    model: object = None  # a network with these weights, in the process of the tests


def train(name):
    """Train a script's network in full, with seed 0."""
    script = importlib.import_module(name)
    generate_data, compile_fit = script.generate_data, script.compile_fit
    sequences, weights, passes = [], [], []

    def generate_and_record():
        X, y = generate_data()
        if len(sequences) < 3:
            sequences.append((X, y))
            weights.append(model.get_weights())
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
    lines = output.getvalue().splitlines()
    (fit_sequence,) = passes
    compiled = fit_sequence.experimental_get_tracing_count(), fit_sequence._jit_compile
    all_weights = model.get_weights(), weights[2]
    return Trained(*all_weights, history, sequences, states, lines, *compiled)


def run_program(code, beside=None):
    """Run a program; return what it prints.

    beside: the text of a file that it imports, by the file's name.
    """
    keras.utils.set_random_seed(1)
    beside = beside or {}
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        # TensorFlow reads the source of functions, so each text needs a file.
        for name, text in {**beside, "program.py": code}.items():
            Path(folder, name).write_text(text, "utf-8")
            # What was imported by this name comes back at the end.
            patch.delitem(sys.modules, name.removesuffix(".py"), raising=False)
        patch.syspath_prepend(folder)
        with contextlib.redirect_stdout(io.StringIO()) as output:
            runpy.run_path(str(Path(folder, "program.py")))
    return output.getvalue()


def inline_code(page):
    """Return the pieces of code in the text of a page, each on one line."""
    text = re.sub(r"(?s)```.*?```", "", page)
    return [re.sub(r"\s+", " ", piece) for piece in re.findall(r"`([^`]+)`", text)]


def span(page, pattern):
    """Return the only piece of code in the text of a page that has this pattern."""
    (found,) = {piece for piece in inline_code(page) if re.fullmatch(pattern, piece)}
    return found


# What runs in a process beside the tests, if a test waits for it: a name, and a function
# with its arguments. A file of tests adds what it needs.
BESIDE = {}


@pytest.fixture(scope="session", autouse=True)
def started(request):
    """Start what the tests wait for, in a process beside them."""
    names = {name for test in request.session.items for name in test.fixturenames}
    jobs = {name: (train, name) for name in SCRIPTS if "trained" in names}
    jobs |= BESIDE if "beside" in names else {}
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    results = {name: pool.submit(*job) for name, job in jobs.items()}
    if jobs:  # Only for speed: what is frozen, Python does not search when it exits.
        pool.submit(gc.freeze)
    pool.shutdown(wait=False)  # The process ends after its last job, beside the tests.
    yield results
    for result in results.values():
        result.cancel()
    gc.freeze()  # for the same reason


@pytest.fixture(scope="session")
def beside(started):
    """Return a function that waits for a result of the process beside the tests."""
    return lambda name: started[name].result()


def pytest_configure():
    """Do not seed TensorFlow: it would forget its kernels each time, and take longer.

    What Keras draws does not depend on it, but for the order in which `fit` shuffles.
    """
    tf.random.set_seed = lambda seed: None


def pytest_collection_modifyitems(items):
    """Let tests that wait for a result come last."""
    items.sort(key=lambda item: "beside" in item.fixturenames)


@pytest.fixture(scope="session")
def trained(beside):
    """Return a function: trained("echo_lag") waits for this training, and returns it."""

    @functools.cache
    def wait(name):
        training = beside(name)
        # To send the model itself would draw random numbers when it arrives.
        model = importlib.import_module(name).build_model()
        model.set_weights(training.weights)
        return training._replace(model=model)

    return wait
