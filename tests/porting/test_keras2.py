"""The code of keras2.md, and what it says of Keras."""

import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras.layers import LSTM, Dense, Embedding
from stateful import reset_states

from tests import shared
from tests.porting import keras2
from tests.shared import eagerly, fit_and_reset, sequential, states, weights

FOLDER = Path(__file__).parent
PAGE = (FOLDER / "keras2.md").read_text(encoding="utf-8")
PAGE = PAGE.replace("range(100)", "range(2)")
BLOCKS = re.findall(r"(?s)```python\n(.*?)```", PAGE)
SAVE, LOAD, LENGTH, EQUAL_IDS, COPY, STATE, RESTORE, BURN_IN, BY_BATCH, BY_PASS = BLOCKS
span = functools.partial(shared.span, PAGE)

pytestmark = pytest.mark.usefixtures("seed")


def old_network():
    """Return a stateful network, and X and y for it."""
    model = sequential(layers.SimpleRNN(3, stateful=True), Dense(1), shape=(8, 4, 1))
    model.compile(loss="mse", optimizer="adam", metrics=["mae"])
    values = np.sin(np.arange(20) / 3).astype("float32")
    X = np.stack([values[i : i + 4, None] for i in range(16)])
    return model, X, values[4:20]


@pytest.mark.parametrize("code", [BY_BATCH, BY_PASS])
@eagerly()
def test_training_code_of_the_page_is_fit_and_a_reset(run, code):
    (model, X, y), (fitted, _, _) = old_network(), old_network()
    fitted.set_weights(model.get_weights())
    names = run(code, {"model": model, "X": X, "y": y})
    for _ in range(2):
        results = fit_and_reset(fitted, X, y, batch_size=8)
    loss = names["loss"] if code is BY_BATCH else names["results"]["loss"]
    assert loss == pytest.approx(results["loss"], rel=1e-5)
    np.testing.assert_allclose(weights(model), weights(fitted), rtol=0, atol=1e-5)
    assert not any(np.any(state) for state in states(model))


@eagerly()
def test_the_diff_of_the_page_turns_the_old_network_into_a_new_one(run):
    diff = re.search(r"```diff\n(.*?)```", PAGE, re.DOTALL)[1]
    new = [line[1:] for line in diff.splitlines() if not line.startswith("-")]
    X, y = np.random.random((8, 10, 1)), np.random.random((8, 1))
    names = {"Sequential": keras.Sequential, "LSTM": LSTM, "Dense": Dense}

    def run_lines(lines):
        keras.utils.set_random_seed(1)
        return run("\n".join(lines), {**names, "X": X, "y": y})["model"]

    model = run_lines(new)
    reference = run_lines(new[: new.index("for epoch in range(2):")])
    assert model.input_shape == (8, 10, 1)
    assert [layer.stateful for layer in model.layers[:2]] == [True, True]
    for _ in range(2):
        fit_and_reset(reference, X, y, batch_size=8)
    np.testing.assert_allclose(weights(model), weights(reference), atol=1e-6)


def test_a_dataset_of_unknown_length_trains_as_arrays_do_once_it_has_the_length_of_the_page(
    run,
):
    X, y = np.random.random((16, 3)), np.random.random((16, 1))
    model, fitted = (sequential(Dense(1), shape=(8, 3)) for _ in range(2))
    for network in model, fitted:
        network.compile("adam", "mse", metrics=["mae"])
        network.set_weights(model.get_weights())
    batches = tf.data.Dataset.from_tensor_slices((X, y)).batch(8, drop_remainder=True)
    names = {"dataset": batches.filter(lambda *batch: True), "tf": tf}
    with_length = run(LENGTH, names)["dataset"]
    how = {"epochs": 2, "shuffle": False, "verbose": 0}
    found = model.fit(with_length, **how).history
    expected = fitted.fit(X, y, batch_size=8, **how).history
    for name in "loss", "mae":
        assert found[name] == pytest.approx(expected[name], rel=1e-5)
    np.testing.assert_allclose(weights(model), weights(fitted), rtol=0, atol=1e-6)
    assert model.optimizer.iterations == fitted.optimizer.iterations == 4


def test_first_weights_are_carried_over_by_the_file_of_the_page(
    run, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (old, _, _), (new, _, _) = old_network(), old_network()
    run(SAVE, {"model": old, "np": np})
    run(LOAD, {"model": new, "np": np})
    assert np.array_equal(weights(new), weights(old))


@eagerly()
def test_the_copy_of_the_page_answers_as_the_network_does(run):
    def build(batch_size=8):
        shape = (batch_size, 4, 1)
        return sequential(layers.SimpleRNN(3, stateful=True), Dense(1), shape=shape)

    model, (_, X, _) = build(), old_network()
    copy = run(COPY, {"build": build, "model": model})["copy"]
    for _ in range(2):  # The second time, each reads on from its own state.
        expected = model.predict_on_batch(X[:8])[:1]
        np.testing.assert_allclose(copy.predict_on_batch(X[:1]), expected, rtol=1e-5)


@eagerly()
def test_batch_normalization_without_time_distributed_is_over_all_time_steps():
    X = np.arange(24.0).reshape(2, 4, 3)
    answers = layers.BatchNormalization(epsilon=0)(X, training=True)
    expected = (X - X.mean(axis=(0, 1))) / X.std(axis=(0, 1))
    np.testing.assert_allclose(answers, expected, rtol=0, atol=1e-5)


def test_dense_answers_at_each_time_step_of_sequences_of_several_lengths():
    rnn, dense = layers.SimpleRNN(3, return_sequences=True), Dense(2)
    model = sequential(rnn, dense, shape=(None, None, 1))
    for n in 3, 6, 2:
        X = np.random.random((1, n, 1))
        expected = layers.TimeDistributed(dense)(rnn(X))  # called outside of predict
        answers = model.predict(X, verbose=0)
        np.testing.assert_allclose(answers, expected, rtol=0, atol=1e-6)


@eagerly()
def test_one_fit_per_epoch_begins_with_the_first_batch_of_a_sequence():
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 6

        def __getitem__(self, number):
            return np.zeros((2, 1)), np.full((2, 1), number)

    model = sequential(Dense(1), shape=(None, 1))
    model.compile(keras.optimizers.SGD(0.0), "mae")  # The loss is the number.
    how = {"steps_per_epoch": 2, "shuffle": False, "verbose": 0}
    losses = [model.fit(Batches(), **how).history["loss"] for _ in range(3)]
    assert losses == [[0.5]] * 3


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.rnn, self.dense = layers.SimpleRNN(2), Dense(1)

    def call(self, x):
        return self.dense(self.rnn(x))


@eagerly()
def test_a_subclassed_model_that_was_called_on_zeros_loads_its_weights(tmp_path):
    trained, loaded = Subclassed(), Subclassed()
    for model in trained, loaded:
        model(np.zeros((1, 4, 1)))
    file = tmp_path / "network.weights.h5"
    trained.save_weights(file)
    loaded.load_weights(file)
    assert np.array_equal(weights(loaded), weights(trained))


@eagerly()
def test_burn_in_of_the_page_leaves_the_zero_state(run):
    model, X, y = old_network()
    twin, _, _ = old_network()
    twin.set_weights(model.get_weights())
    names = {"model": model, "before": X[:8], "X": X[8:16], "y": y[8:16]}
    run(BURN_IN, {**names, "reset_states": reset_states})
    twin.predict_on_batch(X[:8])
    twin.train_on_batch(X[8:16], y[8:16])
    np.testing.assert_allclose(weights(model), weights(twin), atol=1e-6)


@eagerly()
def test_the_saved_state_of_the_page_is_restored(run):
    model, X, _ = old_network()
    model.predict_on_batch(X[:8])
    before = [state.numpy() for state in states(model)]
    names = run(STATE, {"model": model, "keras": keras})
    reset_states(model)
    run(RESTORE, names)
    assert np.any(before[0])
    assert all(map(np.array_equal, before, states(model)))


@eagerly()
def test_validation_with_the_callback_of_the_page_starts_from_zero():
    assert span(r"reset_states\(self.model\)")
    hooks = [span("on_test_.*"), span("on_epoch_.*")]

    def reset(callback, *_, **__):
        reset_states(callback.model)

    names = dict.fromkeys(hooks, reset)
    callback = type("Reset", (keras.callbacks.Callback,), names)()
    (model, X, y), (reference, _, _) = old_network(), old_network()
    X, y = X[:8], y[:8]  # one batch
    # Large weights, so that a wrong state would show.
    model.set_weights([3 * array for array in model.get_weights()])
    reference.set_weights(model.get_weights())
    options = {"batch_size": 8, "verbose": 0}
    how = {"shuffle": False, "validation_data": (X, y), "validation_batch_size": 8}
    fitted = model.fit(X, y, epochs=2, callbacks=[callback], **how, **options)
    for loss, val_loss in zip(fitted.history["loss"], fitted.history["val_loss"]):
        expected = fit_and_reset(reference, X, y, batch_size=8)["loss"]
        assert loss == pytest.approx(expected, rel=1e-4)
        val_expected, _ = reference.evaluate(X, y, **options)
        reset_states(reference)
        assert val_loss == pytest.approx(val_expected, rel=1e-4)


def test_the_new_windows_are_those_of_the_old_generator():
    code = span(r"keras\.utils\.timeseries_dataset_from_array.*").replace("8", "2")
    names = {"data": np.arange(9.0), "targets": 10 * np.arange(9.0), "length": 3}
    batches = [*eval(code, {"keras": keras, **names})]
    last = [windows[:, -1].numpy().tolist() for windows, _ in batches]
    assert last == [[2, 3], [4, 5], [6, 7]]
    right = [targets.numpy().tolist() for _, targets in batches]
    assert right == [[30, 40], [50, 60], [70, 80]]  # of the next value


def test_the_schedule_of_the_page_is_the_decay_of_keras_2():
    code = span(r"keras\.optimizers\.schedules\..*")
    schedule = eval(code, {"keras": keras, "lr": 0.1, "decay": 0.5})
    for step in 0, 1, 3:
        assert float(schedule(step)) == pytest.approx(0.1 / (1 + 0.5 * step))


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("name", ["Adam", "RMSprop"])
@eagerly()
def test_first_step_with_equal_ids_is_as_in_the_table(run, name, guided):
    code = EQUAL_IDS.replace("Adam", name)
    optimizer = run(code, {})[name] if guided else getattr(keras.optimizers, name)
    model = sequential(Embedding(3, 2), layers.Flatten(), Dense(1), shape=(32, 1))
    model.compile(optimizer(0.001), "mse", run_eagerly=True)
    before = model.get_weights()[0]
    model.train_on_batch(np.zeros((32, 1), "int32"), np.ones((32, 1)))
    step = np.abs(model.get_weights()[0] - before).max() / 0.001
    row = re.search(rf"\| `Embedding\(` with `{name}` \| .*", PAGE)[0]
    old, new = re.findall(r"([\d.]+) times", row.partition("32 times")[2])
    assert step == pytest.approx(float(old if guided else new), abs=0.01)


def test_the_old_epsilon_of_rmsprop_squared_is_about_the_same():
    epsilon, gradient = 0.1, 0.01
    # The first step with epsilon outside the root; rho is 0.9.
    old = gradient / (np.sqrt(0.1 * gradient**2) + epsilon)
    weight = keras.Variable([0.0])
    given = eval(span(r"epsilon=old.*").removeprefix("epsilon="), {"old": epsilon})
    optimizer = keras.optimizers.RMSprop(1.0, epsilon=given)
    optimizer.apply([tf.constant([gradient])], [weight])
    assert -weight.numpy() == pytest.approx([old], rel=0.05)


def test_optimizer_of_the_page_leaves_weights_without_a_gradient(run):
    used, unused = keras.Variable([1.0]), keras.Variable([1.0])
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        run(EQUAL_IDS, {})["Adam"](0.5).apply([tf.ones(1), None], [used, unused])
    assert used.numpy() == pytest.approx([0.5], rel=1e-4)
    assert unused.numpy() == [1]


def test_hard_sigmoid_of_the_page_is_that_of_keras_2():
    (row,) = re.findall(r"(?m)^\| `hard_sigmoid`.*", PAGE)
    *_, keras_2, keras_3, what_to_do, _ = row.split("|")
    one = keras.ops.convert_to_tensor(1.0)
    found = float(keras.activations.hard_sigmoid(one))
    assert found == pytest.approx(float(keras_3), abs=0.001)
    formula = re.search(r"`(keras\.ops\.clip.*?)`", what_to_do)[1]
    old = eval(formula, {"keras": keras, "x": one})
    assert float(old) == pytest.approx(float(keras_2))


OLD = """\
# -*- coding: latin-1 -*-
from keras.layers import *; layer = GRU(3); plot(color="#é"); LSTM(name="a#1")
# model.add(CuDNNLSTM(5))
model.add(Embedding(9, 3, batch_input_shape=(1, 5)))\f
model.compile("adam", my_loss, SGD(lr = 1), metrics=["accuracy"])  # decay=1
logs["lr"] = any(my_lr=1, xlr=2, nadam=3, monitor="val_acc")
Adam(); Adamax(); encode(sequence); args.sequence)
class Batches(Sequence):
    x = keras.utils.Sequence)
    yield x; model.fit(x)
tf.Session(); %time print "it's
from tensorflow import keras
"""
NEEDED = [  # lines, and what is found there
    "4: batch_input_shape",
    "11: tf.Session",
    "5: lr=",
    "6: ['lr']",
    *("6: 'val_acc'", "5: 'accuracy'"),
    *("10: yield", "10: .fit("),
    *("4: Embedding(", "5: Adam", "7: Adam"),
    *("2: from keras", "2: GRU("),
]


def test_the_program_names_the_rows_that_files_need_and_their_lines(tmp_path):
    script, notebook = tmp_path / "old.py", tmp_path / "old.ipynb"
    script.write_text(OLD, "latin-1")
    cells = [("markdown", "`fit_generator`"), ("code", "import os"), ("code", OLD)]
    cells = [
        {"cell_type": of, "source": text.splitlines(keepends=True)}
        for of, text in cells
    ]
    notebook.write_text(json.dumps({"cells": cells}), "utf-8")
    other = tmp_path / "other.py"
    other.write_text("import keras\nkeras.layers.GRU(3)\nAdadelta()\n", "utf-8")
    found = run_program(script, notebook, other).stdout
    places = [line for line in found.splitlines() if not line.startswith(" ")]
    wheres = f"{script}:", f"{notebook}:cell 2:"
    expected = [f"{where}{place}" for where in wheres for place in NEEDED]
    in_other = "3: Adadelta()", "1: import keras", "2: GRU("
    assert places == [*expected, *(f"{other}:{place}" for place in in_other)]
    assert "what to do: `keras.Input(batch_shape=...)` as the first layer\n" in found


def run_program(*files):
    """Run the program in a shell, from another folder."""
    command = [sys.executable, FOLDER / "keras2.py", *files]
    return subprocess.run(command, capture_output=True, text=True, check=False)


CELLS = '{"cells": %s}'
UNREADABLE = {
    "old.ipynb": "no notebook",
    "list.ipynb": "[1]",
    "worksheets.ipynb": '{"worksheets": []}',
    "cells.ipynb": CELLS % "null",
    "source.ipynb": CELLS % '[{"cell_type": "code", "source": null}]',
    "encoding.py": "# coding: unknown",
    "missing.py": None,
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_is_an_error_of_one_line(name, tmp_path, capsys):
    file, text = tmp_path / name, UNREADABLE[name]
    if text is not None:
        file.write_text(text, "utf-8")
    with pytest.raises(SystemExit, match="^2$"):
        keras2.main([str(file)])
    *_, line = capsys.readouterr().err.splitlines()
    _, _, reason = line.partition(f"error: {file}: ")
    assert len(reason.split()) > 2  # a sentence


def test_each_row_of_the_page_is_named_for_code_that_looks_like_it():
    tables = re.findall(r"(?m)^\| in your code .*\n\|-.*\n((?:\|.*\n)+)", PAGE)
    rows = "".join(tables).splitlines()
    assert len(tables) == 3 and len(rows) > 30
    for row in rows:
        looks, *_, what_to_do, _ = row.removeprefix("| ").split(" |")
        if looks == "any":
            continue
        all_lines = []
        for alternative in re.split("(?<=`), (?=`)", looks):
            wanted, *unwanted = alternative.split(" without ")
            codes = re.findall("`(.*?)`", wanted)
            lines = [(f"line {len(all_lines) + n}", c) for n, c in enumerate(codes)]
            found = keras2.rows_needed(lines)
            assert any(line.endswith(what_to_do) for line in found), row
            for code in [piece.strip("`") for piece in unwanted]:
                found = keras2.rows_needed([*lines, ("another", code)])
                assert not any(line.endswith(what_to_do) for line in found), row
            all_lines += lines
        if "without" not in looks:
            found = keras2.rows_needed(all_lines)
            named = {line.partition(":")[0] for line in found}
            assert named >= {place for place, _ in all_lines}, row
