"""What files of tests share: the code of pages, networks, `eagerly`."""

import contextlib
import io
import re
import runpy
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import pytest
import tensorflow as tf

# What takes long (see conftest.py): by name, a function and its arguments. Files of tests add
# theirs.
JOBS = {}  # for the second process
COMMANDS = {}  # each waits for a process of its own


@contextlib.contextmanager
def eagerly():
    """Let TensorFlow compile nothing: for a few batches, this is faster."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def predict_in_one_batch(patch):
    """Let Keras predict all samples in one batch: for a few, this is faster."""

    def predict(model, X, verbose):
        return model.predict_on_batch(X)

    patch.setattr(keras.Model, "predict", predict)


def run_program(code, files=None):
    """Run a program; return what it prints.

    files: the texts of files that it imports, by their names.
    """
    keras.utils.set_random_seed(1)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        # TensorFlow reads the source of functions, so each text needs a file.
        for name, text in {**(files or {}), "program.py": code}.items():
            Path(folder, name).write_text(text, "utf-8")
            # At the end, what was imported by this name before comes back, or nothing.
            module = name.removesuffix(".py")
            patch.setitem(sys.modules, module, None)
            del sys.modules[module]
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


def sequential(*chain, shape=(2, 3, 4)):
    """Return a network of layers, for a batch shape."""
    return keras.Sequential([keras.Input(batch_shape=shape), *chain])


def states(model):
    """Return all states of the recurrent layers of a network."""
    parts = [part for part in model._flatten_layers() if hasattr(part, "cell")]
    return keras.tree.flatten([part.states or [] for part in parts])


def weights(model):
    """Return all weights of a network as one array."""
    return np.concatenate([array.ravel() for array in model.get_weights()])


def fit_and_reset(model, X, y, batch_size=2):
    """Train as Keras does, and return the loss and the metrics."""
    history = model.fit(X, y, batch_size=batch_size, shuffle=False, verbose=0).history
    for state in states(model):
        state.assign(np.zeros(state.shape))
    return {name: value for name, (value,) in history.items()}


def read_nothing(model, n_sequences=2, length=25, before=()):
    """Return sequences and answers of zeros at once, in place of what a network reads."""
    zeros = np.zeros((n_sequences, length), dtype=int)
    return zeros, zeros
