"""May a recurrent network of Keras read on, past the length of its windows?

    windows_and_answers(pairs, steps)  # data to train it
    check(model, stretches, naive)  # its errors: on windows, reading on, and naive ones
    reader_of(model, values)  # a copy that reads sequences of any length
    live_of(model, values)  # a copy that reads one value per call, and keeps its state

Copies are right on the values that you give, or refused. (What a layer of yours does only past
a window, the network does not show. So its get_config must be complete.) Copy this file. It
needs Keras 3 and NumPy, and check needs pandas, too. README.md beside it shows its use.
"""

import random

import keras
import numpy as np
from keras.layers import RNN, Dense, Normalization, TimeDistributed

WHY = "a layer needs other values, too, or lacks some get_config (see README.md)"


def windows_and_answers(pairs, steps, each_step=False):
    """Return all windows of some sequences, each one time step later, and right answers.

    pairs: of each sequence its values, (time steps, ...), and the right answer to each value,
        (time steps, outputs), or class ids, (time steps,).
    Returns: X, (windows, steps, ...), and y, the answers to the last time steps, (windows,
        outputs), or to each of them, (windows, steps, outputs).
    Raises: ValueError for a sequence shorter than a window, or not as many answers as values.
    """
    pairs = _arrays(pairs)
    X = np.concatenate([_windows(values, steps) for values, _ in pairs])
    y = np.concatenate([_windows(right, steps) for _, right in pairs])
    return X, y if each_step else y[:, -1]


def check(model, stretches, naive, steps=None, error=None, reader=None, first=5):
    """Return mean errors on windows, reading on, and of naive answers, early and late.

    model: trained. Its windows start from a zero state, also if it is stateful.
    stretches: pairs as those of windows_and_answers, new to the model, longer than a window.
    naive: functions by name: each takes values, (time steps, ...), and returns naive answers,
        (time steps, outputs), in the form of the model's. The first may be left out.
    steps: of the training's windows; needed if the model takes any length.
    error: function of right answers and answers that returns an error for each time step. By
        default, the loss of the model.
    reader: network for any length that answers each time step, and gets the model's weights.
        By default, that of reader_of.
    Returns: DataFrame, means over the stretches: after 1 to `first` values, and late, in the
        second half of what follows the first window. +/- is the standard error of reading
        on. NaN where a way has no answer.
    Raises: ValueError if the reader answers otherwise than the model, or shapes do not fit.
    """
    import pandas as pd

    steps = _steps(model, steps)
    stretches = _arrays(stretches)
    if not hasattr(naive, "items"):
        raise ValueError("naive: a dict of functions by name is needed")
    error = error or _loss(model)
    reader = reader or _copy(model)
    _set_weights(reader, model)
    longest = max((values for values, _ in stretches), key=len)
    typical = _compare_reader(model, reader, longest, steps)
    # A model with a fixed batch size may keep a state. Its reader answers as it does.
    windows = reader if model.inputs[0].shape[0] else model
    found = []
    for values, right in stretches:
        on_windows = _answers(windows, _windows(values, steps))
        reading_on = _answers(reader, values[np.newaxis])[0]
        if on_windows.ndim > reading_on.ndim:  # an answer at each step
            on_windows = on_windows[:, -1]
        _compare(reading_on[steps - 1], on_windows[0], typical)
        ways = {"on windows": on_windows, "reading on": reading_on}
        ways |= {
            name: np.asarray(function(values.copy()))
            for name, function in naive.items()
        }
        errors = {name: _errors(error, right, way, name) for name, way in ways.items()}
        errors = pd.DataFrame(errors)
        late = errors[(len(values) + steps) // 2 :]
        found.append(errors[:first].mean(skipna=False).rename(f"after 1 to {first}"))
        found.append(late.mean(skipna=False).rename("late"))
    rows = pd.DataFrame(found).groupby(level=0, sort=False)
    means = rows.agg(lambda column: column.mean(skipna=False))
    means.insert(2, "+/-", rows["reading on"].sem())
    return means


def reader_of(model, values, steps=None):
    """Return a copy that reads sequences of any length, and answers at each time step.

    values: a real sequence, (time steps, ...), best more than twice as long as a window.
    steps: of the training's windows; needed if the model takes any length.
    Raises: ValueError if a copy answers otherwise than the model, or depends on later values.
    """
    steps = _steps(model, steps)
    reader = _copy(model)
    _compare_reader(model, reader, np.asarray(values), steps)
    return reader


def live_of(model, values, steps=None, batch_size=1):
    """Return a copy that reads one time step per call, and keeps its state between calls.

    It takes (batch_size, 1, ...), and returns (batch_size, 1, outputs). Before each new
    sequence, reset_states of stateful.py sets its state to zero (with TensorFlow).
    values, steps: as for reader_of. A copy reads them all: 1,000 take a second or two.
    Raises: ValueError if it answers otherwise than that of reader_of.
    """
    X = np.array([np.roll(values, -row, axis=0) for row in range(batch_size)])
    read = _answers(reader_of(model, values, steps), X)
    live = _copy(model, batch_size, steps=1, stateful=True)
    answers = [_answers(live, X[:, [step]]) for step in range(len(values))]
    _compare(np.concatenate(answers, axis=1), read, read[0])
    return _copy(model, batch_size, steps=1, stateful=True)  # with a zero state


def _arrays(pairs):
    """Return pairs of sequences as arrays."""
    arrays = []
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError("a list of pairs is needed: values and right answers")
        values, right = np.asarray(pair[0]), np.asarray(pair[1])
        if values.shape[:1] != right.shape[:1]:
            shapes = f"values {values.shape}, right answers {right.shape}"
            raise ValueError(f"{shapes}: as many are needed")
        arrays.append((values, right))
    return arrays


def _windows(array, steps):
    """Return all windows of an array, (windows, steps, ...)."""
    if len(array) <= steps:
        raise ValueError(f"{len(array)} time steps: more than {steps} are needed")
    return np.array([array[i : i + steps] for i in range(len(array) - steps + 1)])


def _steps(model, steps):
    """Return how many time steps a window of a model has."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1 or len(model.outputs) != 1:
        raise ValueError("a network with one keras.Input and one output is needed")
    fixed = inputs[0].shape[1]
    if fixed not in (None, steps or fixed) or not (steps or fixed):
        windows = f"windows of {fixed or 'any'} time steps"
        raise ValueError(f"the network takes {windows}: steps={steps} does not fit")
    return steps or fixed


def _loss(model):
    """Return the loss of a model as a function that returns an error for each time step."""
    loss = keras.losses.get(*keras.tree.flatten(getattr(model, "loss", None)))
    if loss is None:
        raise ValueError("the network is not compiled with a loss: give error=")
    name = getattr(loss, "__name__", type(loss).__name__)

    def error(right, answers):
        if right.shape != answers.shape and not name.lower().startswith("sparse"):
            raise ValueError(f"{name} takes no class ids {right.shape}: give error=")
        is_probability = answers.min() >= 0 and np.allclose(answers.sum(axis=-1), 1)
        if is_probability and getattr(loss, "from_logits", False):
            raise ValueError(f"{name} takes logits: give np.log of probabilities")
        if answers.ndim < len(model.outputs[0].shape):  # an answer at each step
            right, answers = right[:, np.newaxis], answers[:, np.newaxis]
        right = keras.ops.convert_to_tensor(right, keras.config.floatx())
        answers = keras.ops.convert_to_tensor(answers, keras.config.floatx())
        # The method `call` of a loss object takes no mean over the time steps.
        return keras.ops.convert_to_numpy(getattr(loss, "call", loss)(right, answers))

    return error


def _errors(error, right, answers, name):
    """Return the error at each time step; NaN before the first answer."""
    none = len(right) - len(answers)
    right = right[max(none, 0) :]
    are_ids = right.size == len(answers) < answers.size
    if right.shape != answers.shape and not are_ids:
        raise ValueError(f"{name}: {answers.shape}, but right is {right.shape}")
    errors, alone = np.asarray(error(right, answers)), error(right[:1], answers[:1])
    if errors.shape[:1] != right.shape[:1] or not np.allclose(errors[:1], alone):
        raise ValueError("no error for each time step: give another function error=")
    errors = errors.reshape(len(right), -1).mean(axis=1)
    return np.append(np.full(none, np.nan), errors)


def _answers(network, X):
    """Return the answers of a network to an array."""
    try:
        answers = np.asarray(network.predict_on_batch(X), "float64")
    except Exception as error:
        raise ValueError(f"{network.name} cannot read {X.shape}: see above") from error
    if np.isnan(answers).any():
        raise ValueError(f"answers of {network.name} are nan: are values missing?")
    return answers


def _from_zero(model, X):
    """Return a model's answers to windows, each from a zero state. Its state stays."""
    states = [getattr(layer, "states", None) or [] for layer in model._flatten_layers()]
    states = keras.tree.flatten(states)
    kept = [np.array(state) for state in states]
    answers = []
    for batch in np.split(X, len(X) // (model.inputs[0].shape[0] or len(X))):
        for state in states:
            state.assign(keras.ops.zeros_like(state))
        answers.append(_answers(model, batch))
    for state, array in zip(states, kept):
        state.assign(array)
    return np.concatenate(answers)


def _compare_reader(model, reader, values, steps):
    """Raise ValueError unless a reader answers as the model, and does not read ahead.

    Returns: the model's answers to some windows.
    """
    X = _windows(values, max(steps, min(2 * steps, (len(values) + steps) // 2)))
    size = model.inputs[0].shape[0]
    # A fixed size needs a call for each batch.
    n = size * max(8, 32 // size) if size else min(1000, len(X))
    X = X[np.linspace(0, len(X) - 1, n).astype(int)]
    read, right = _answers(reader, X), _from_zero(model, X[:, :steps])
    if right.ndim == read.ndim:  # an answer at each step
        right = right[:, -1]
    if read.shape != (*X.shape[:2], *right.shape[1:]):
        raise ValueError(f"a reader answers {read.shape[1:]} to {X.shape[1:]}: {WHY}")
    _compare(read[:, steps - 1], right, right)
    for seen in max(steps - 1, 1), steps, steps + 1:
        _compare(_answers(reader, X[:, :seen]), read[:, :seen], right)
    _compare(_answers(reader, values[np.newaxis])[0, : len(read[0])], read[0], right)
    return right


def _compare(answers, same, typical):
    """Raise ValueError if an output differs by 1 % of how much it varies in typical ones."""
    if answers.shape != same.shape:
        raise ValueError(f"a copy answers {answers.shape}, not {same.shape}: {WHY}")
    typical = typical.reshape(len(typical), -1)  # a column for each output
    varies = typical.std(axis=0)
    rounding = 1e-6 * np.abs(typical).max(axis=0)
    if not (0.01 * varies > rounding).any():
        raise ValueError("the answers to these values hardly vary: give other values")
    wrong = np.abs(answers - same).reshape(-1, len(varies)).max(axis=0)
    if not (wrong <= np.maximum(0.01 * varies, rounding)).all():
        found = f"by {wrong.max():.2g}, where answers vary by {varies.max():.2g}"
        raise ValueError(f"a copy answers otherwise than the network, {found}: {WHY}")


def _set_weights(network, model):
    """Set the weights of a network to those of a model."""
    network.set_weights(model.get_weights())
    for layer in network._flatten_layers():
        if isinstance(layer, Normalization):
            layer.finalize_state()


def _copy(model, batch_size=None, steps=None, stateful=False):
    """Return a copy for other shapes, not compiled, that answers at each time step."""
    options = {"return_sequences": True, "stateful": stateful, "unroll": False}

    def copy_layer(layer):
        if isinstance(layer, TimeDistributed) and isinstance(layer.layer, Dense):
            layer = layer.layer  # It does the same, for any number of time steps.
        config = layer.get_config()
        if isinstance(layer, RNN):
            config |= {name: options[name] for name in options if name in config}
        return type(layer).from_config(config)

    def call_layer(layer, *args, **options):
        if isinstance(layer, Dense):
            options.pop("mask", None)  # of TimeDistributed
        return layer(*args, **options)

    drawn = random.getstate(), np.random.get_state()
    try:
        (given,), (answer,) = model.inputs, model.outputs
        shape = (batch_size, steps, *given.shape[2:])
        inputs = keras.Input(batch_shape=shape, dtype=given.dtype)
        bare = keras.Model(given, answer)  # not compiled
        copy = keras.models.clone_model(bare, inputs, copy_layer, call_layer)
        _set_weights(copy, bare)
    except Exception as error:
        why = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"the network cannot be copied (see README.md): {why}"
        ) from error
    finally:  # New layers draw random numbers.
        random.setstate(drawn[0])
        np.random.set_state(drawn[1])
    return copy
