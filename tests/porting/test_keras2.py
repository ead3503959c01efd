"""The code of keras2.md, and what it says of Keras."""

import functools
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras.layers import LSTM, Dense, Embedding

from tests import shared
from tests.porting.stateful import reset_states
from tests.shared import eagerly, fit_and_reset, sequential, states, weights

FOLDER = Path(__file__).parent
PAGE = (FOLDER / "keras2.md").read_text(encoding="utf-8")
PAGE = PAGE.replace("range(100)", "range(2)")
BY_BATCH, BY_PASS, BURN_IN, STATE, EQUAL_IDS = re.findall(
    r"(?s)```python\n(.*?)```", PAGE
)
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
    save, restore = STATE.split("for state, value")
    names = run(save, {"model": model, "keras": keras})
    reset_states(model)
    run(f"for state, value{restore}", names)
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
    code = span(r"keras\.utils\.timeseries_dataset_from_array.*")
    names = {"data": np.arange(9.0), "targets": 10 * np.arange(9.0), "length": 3}
    ((windows, targets),) = eval(code, {"keras": keras, **names})
    assert windows.numpy()[:, -1].tolist() == [2, 3, 4, 5, 6, 7]
    assert targets.numpy().tolist() == [30, 40, 50, 60, 70, 80]  # of the next value


def test_the_schedule_of_the_page_is_the_decay_of_keras_2():
    code = span(r"keras\.optimizers\.schedules\..*")
    schedule = eval(code, {"keras": keras, "lr": 0.1, "decay": 0.5})
    for step in 0, 1, 3:
        assert float(schedule(step)) == pytest.approx(0.1 / (1 + 0.5 * step))


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize(
    ("name", "row"),
    [("Adam", "first step of Adam .*"), ("RMSprop", "the same with RMSprop")],
)
@eagerly()
def test_first_step_with_equal_ids_is_as_in_the_table(run, name, row, guided):
    code = EQUAL_IDS.replace("Adam", name)
    optimizer = run(code, {})[name] if guided else getattr(keras.optimizers, name)
    model = sequential(Embedding(3, 2), layers.Flatten(), Dense(1), shape=(32, 1))
    model.compile(optimizer(0.001), "mse", run_eagerly=True)
    before = model.get_weights()[0]
    model.train_on_batch(np.zeros((32, 1), "int32"), np.ones((32, 1)))
    step = np.abs(model.get_weights()[0] - before).max() / 0.001
    times = re.search(rf"{row} \| ([\d.]+) times the rate \| ([\d.]+) times", PAGE)
    assert step == pytest.approx(float(times[1 if guided else 2]), abs=0.01)


def test_the_old_epsilon_of_rmsprop_squared_is_about_the_same():
    epsilon, gradient = 0.1, 0.01
    # The first step with epsilon outside the root; rho is 0.9.
    old = gradient / (np.sqrt(0.1 * gradient**2) + epsilon)
    weight = keras.Variable([0.0])
    optimizer = keras.optimizers.RMSprop(1.0, epsilon=epsilon**2)
    optimizer.apply([tf.constant([gradient])], [weight])
    assert -weight.numpy() == pytest.approx([old], rel=0.05)


def test_optimizer_of_the_page_leaves_weights_without_a_gradient(run):
    used, unused = keras.Variable([1.0]), keras.Variable([1.0])
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        run(EQUAL_IDS, {})["Adam"](0.5).apply([tf.ones(1), None], [used, unused])
    assert used.numpy() == pytest.approx([0.5], rel=1e-4)
    assert unused.numpy() == [1]
