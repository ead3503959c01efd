"""What files of tests share: pages and their code, networks, `eagerly`, `fast`."""

import contextlib
import io
import re
import runpy
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.porting.stateful import reset_states

# What takes long (see conftest.py): by name, a function and its arguments. Files of tests add
# theirs.
JOBS = {}  # for the second process
COMMANDS = {}  # each waits for a process of its own


VARIABLES = contextlib.ExitStack()


def fast():
    """Let this process be faster from now on."""
    # What TensorFlow compiles, it does not optimize: most of it runs a few times only.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    # Keras does not shorten tracebacks. (Tests that look at its words let it do so.)
    keras.config.disable_traceback_filtering()

    # For each new name, TensorFlow compiles how a variable is created. So all have one name. (The
    # slash leaves out the names of layers. Keras has its own names of variables.)
    def with_one_name(create, **options):
        return create(**{**options, "name": "variable/"})

    VARIABLES.enter_context(tf.variable_creator_scope(with_one_name))


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
    fit = keras.Model.fit

    def fit_compiled_once(model, *args, **options):
        """Build the optimizer, which TensorFlow would compile the training twice for."""
        model.optimizer.build(model.trainable_variables)
        return fit(model, *args, **options)

    keras.utils.set_random_seed(1)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        # TensorFlow reads the source of functions, so each text needs a file.
        for name, text in {**(files or {}), "program.py": code}.items():
            Path(folder, name).write_text(text, "utf-8")
            # What was imported by this name comes back at the end.
            patch.delitem(sys.modules, name.removesuffix(".py"), raising=False)
        patch.syspath_prepend(folder)
        patch.setattr(keras.Model, "fit", fit_compiled_once)
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


def text_of(picture):
    """Return the part of pictures.txt that is of a picture or a page."""
    text = (Path(__file__).parent / "experiments/pictures.txt").read_text("utf-8")
    parts = re.split(r"(?m)^(?=\w+\.(?:png|md): )", text)
    (found,) = [part for part in parts if part.startswith(f"{picture}: ")]
    return found


def table_of(picture, command, kind="median"):
    """Return a table of pictures.txt, in %, from 1 on."""
    text = text_of(picture)
    text = text[text.index(f"{command}: {kind}") :].split("\n\n")[0]
    rows = [line.split() for line in text.splitlines()[2:]]
    table = pd.DataFrame(rows).set_index(0).astype(int)
    return table.set_axis(table.index.astype(int))


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
    model.run_eagerly = True  # For so few batches, faster than compiling.
    history = model.fit(X, y, batch_size=batch_size, shuffle=False, verbose=0).history
    reset_states(model)
    return {name: value for name, (value,) in history.items()}


def read_nothing(model, n_sequences=2, length=25, before=()):
    """Return sequences and answers of zeros, at once, as extensions.feed returns them."""
    zeros = np.zeros((n_sequences, length), dtype=int)
    return zeros, zeros
