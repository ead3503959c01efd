"""May a recurrent network of Keras read on, past the length of its windows?

`windows_and_answers` makes training data. `live_of` returns a network that reads one time step
per call, and keeps its state. `check` compares errors: on windows, and reading on.

For a model that predicts the next value of a series, for example:

    stretches = [(series[:-1], series[1:]) for series in new_series]
    print(check(model, stretches, {"last value": lambda values: values}))

It reads on if, in the row "late", the error "reading on" is near that "on windows".

A live network is the same network for windows of one time step. Its recurrent layers are stateful,
and what a causal convolution sees of earlier steps is kept. So it cannot look ahead. It shares the
weights of yours, and is compared with it on windows of your values: if answers differ, there is a
ValueError. (On a GPU, which we have not tried, or in 16 bits, rounding alone may be too much.)

Copy this file, and stateful.py beside it: see README.md.
"""

import keras
import numpy as np
import pandas as pd
from keras import layers
from stateful import reset_states

# Read one time step at a time, windows must get the answers that the model gives to them at once.
# The answers of each output may differ by the larger one of two numbers:
TOLERANCE = 1e-4  # times the standard deviation of answers within a sequence
ROUNDING = 1e-6  # times the largest answer, as sums of 32-bit floats are not more exact

MOST_COMPARED = 1000  # windows
ROWS = 100  # of a batch: as many sequences are read at once

# ---- The three functions


def windows_and_answers(pairs, steps, each_step=False):
    """Return all windows of some sequences, and the right answers to them.

    pairs: of each sequence its values, (time steps, ...), and the right answer to each value,
        (time steps, outputs), or class ids, (time steps,).
    steps: number of time steps of a window, 1 or more. (Each window starts one step
        later than the one before.)
    each_step: return the answers to all time steps of a window, not only to its last one.
    Returns: X, (windows, steps, ...), and y, (windows, outputs) or class ids, (windows,). With
        each_step, (windows, steps, outputs) or (windows, steps).
    Raises: ValueError for a sequence shorter than a window, or not as many answers as values.
    """
    pairs = _arrays(pairs)
    X = np.concatenate([_windows(values, steps) for values, _ in pairs])
    y = np.concatenate([_windows(right, steps) for _, right in pairs])
    return X, (y if each_step else y[:, -1])


def live_of(model, values, steps=None, batch_size=1):
    """Return a network that reads one time step per call, and keeps its state between calls.

    It takes (batch_size, 1, ...), and returns (batch_size, outputs). Before each new sequence,
    call reset_states of stateful.py.

    It shares the weights of the model, so to train one is to train both. After more training, you
    need no new one: call live_of again if you want to compare again. (`model.summary()` may now
    show the shapes of one time step.)

    values: a sequence of your data, (time steps, ...), longer than a window. Windows from all
        over it are compared, up to 1,000.
    steps: of the training's windows, 2 or more; needed if the model takes any length.
    batch_size: how many sequences are read at the same time.
    Raises: ValueError if the answers are not those of the model.
    """
    if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ValueError(f"batch_size={batch_size!r}: at least 1 is needed")
    steps = _steps(model, steps)
    _checked_live(model, model, [np.asarray(values)], steps)  # only to compare
    return _live(model, int(batch_size))


def check(
    model, stretches, naive, steps=None, error=None, reader=None, by_number=False
):
    """Return mean errors, early and late: on windows, reading on, and of naive answers.

    model: trained. Its windows start from a zero state. (A stateful model is reset.)
    stretches: pairs as those of windows_and_answers, new to the model, longer than a window.
        (They are read side by side, step by step: one of 20,000 steps takes 10 to 20 seconds.)
    naive: functions by name: each takes values, (time steps, ...), and returns naive answers,
        (time steps, outputs). It may return fewer: those to the last time steps. If the model
        answers with logits, the function must, too: this is not checked.
    steps: of the training's windows, 2 or more; needed if the model takes any length.
    error: a loss of Keras, its name, or a function (right, answers): an error per time step.
        Default: the model's loss.
    reader: another network of as many weights, for windows of any length. It gets the model's
        weights, and reads on in place of the model.
    by_number: return a row for each number of values instead: the errors after 1, 2, 3 ...
        values, up to the length of the shortest stretch.
    Returns: DataFrame of means over the stretches, with two rows. "after 1 to 5": the errors of
        the first 5 answers. "late": those of the second half of the answers after the first
        window. The column "+/-" is the standard error of reading on (NaN if there is one
        stretch). Where answers are missing, such as those to windows before `steps` values,
        the mean is NaN.
    Raises: ValueError if windows get other answers when they are read one time step at a time, or
        if shapes do not fit.
    """
    steps = _steps(model, steps)
    stretches = _arrays(stretches)
    taken = ["on windows", "reading on", "+/-"]  # the other columns
    if not isinstance(naive, dict) or any(name in taken for name in naive):
        raise ValueError(f"naive: a dict is needed, with other names than {taken}")
    error = _error_function(model, error)
    sequences = [values for values, _ in stretches]
    if reader is not None:
        _check_input(reader)
        reader.set_weights(model.get_weights())
        for layer in reader.layers:
            if isinstance(layer, layers.Normalization):
                layer.finalize_state()  # It computes other values from its weights.
    live = _checked_live(model, model if reader is None else reader, sequences, steps)
    tables = []
    for (values, right), reading_on in zip(stretches, _read(live, sequences)):
        _check_finite(reading_on, "reading on, it")
        on_windows = _answers(model, _windows(values, steps))
        if _answers_each_step(model, live):
            on_windows = on_windows[:, -1]
        ways = {"on windows": on_windows, "reading on": reading_on}
        for name, function in naive.items():
            ways[name] = np.asarray(function(values.copy()))
            if ways[name].shape[1:] != reading_on.shape[1:]:
                found = f"{ways[name].shape}, but the model answers {reading_on.shape}"
                raise ValueError(f"{name}: {found}")
        errors = {way: _errors(error, right, ways[way], way) for way in ways}
        tables.append(pd.DataFrame(errors, index=np.arange(1, len(right) + 1)))
    if by_number:
        shortest = min(map(len, tables))
        return sum(errors.iloc[:shortest] for errors in tables) / len(tables)
    return _early_and_late(tables, steps)


# ---- One time step at a time


def _live(model, batch_size):
    """Return the network for windows of one time step whose recurrent layers keep their states.

    It takes (batch_size, 1, ...), and returns (batch_size, outputs).
    """
    live = _with_one_step(model, batch_size)
    # Only an axis of time steps differs between the two: in the model, it has as many places as a
    # window, or any number, and here it has one. So axis 1 differs if there is an answer to each
    # time step.
    if live.outputs[0].shape[1:2] != model.outputs[0].shape[1:2]:
        live = keras.Model(live.inputs[0], live.outputs[0][:, 0])
    return live


def _answers_each_step(model, live):
    """Return whether a network answers each time step of a window, by its live network."""
    return len(model.outputs[0].shape) > len(live.outputs[0].shape)


def _with_one_step(model, batch_size):
    """Return the same network with an Input of one time step and layers that keep states."""

    def call(layer, *args, **kwargs):
        """Call a layer of the model, or what reads on in its place.

        As the Input has one time step, what has an axis of time steps has the shape (batch, 1,
        ...). With another shape, there are no time steps any more. (An axis 1 of another kind
        may have one place, too. If a recurrent layer reads it, the network is refused.)
        """
        x = keras.tree.flatten([args, kwargs])[0]
        if getattr(x, "shape", ())[1:2] != (1,):
            return layer(*args, **kwargs)
        if len(getattr(layer, "inputs", None) or []) == 1:  # a network within it
            layer = _with_one_step(layer, batch_size)
        elif isinstance(layer, layers.RNN):
            layer = OneStep(layer)
        elif isinstance(layer, layers.Conv1D) and layer.padding == "causal":
            n_seen = (layer.kernel_size[0] - 1) * layer.dilation_rate[0] + 1
            seen = LastSteps(n_seen, dtype=layer.dtype_policy)(x)
            return layer(seen)[:, -1:]
        return layer(*args, **kwargs)  # If it needs other steps, answers will differ.

    x = model.inputs[0]
    step = keras.Input(batch_shape=(batch_size, 1, *x.shape[2:]), dtype=x.dtype)
    return keras.models.clone_model(
        keras.Model(x, model.outputs[0]),
        input_tensors=step,
        clone_function=lambda layer: layer,  # no clone: weights are shared
        call_function=call,
    )


class OneStep(layers.RNN):
    """A stateful layer that reads one time step with the cell of a recurrent layer."""

    def __init__(self, layer):
        if any(map(np.any, keras.tree.flatten(layer.get_initial_state(1)))):
            raise ValueError(f"{layer.name} starts from other states than zeros")
        super().__init__(
            layer.cell,
            return_sequences=layer.return_sequences,
            return_state=layer.return_state,
            stateful=True,
            dtype=layer.dtype_policy,
        )
        kinds = layers.LSTM, layers.GRU, layers.SimpleRNN
        self.keeps_output = isinstance(layer, kinds) and not layer.zero_output_for_mask

    def call(self, sequences, initial_state=None, mask=None, training=False):
        if initial_state is not None:
            raise ValueError("a layer starts from states of other layers")
        return super().call(sequences, None, mask, training)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        output, outputs, states = super().inner_loop(
            sequences, initial_state, mask, training
        )
        if mask is not None:
            # A masked step leaves the states as they are, and repeats the output of the step
            # before. An LSTM, a GRU and a SimpleRNN keep that output: it is their first state.
            if not self.keeps_output:
                raise ValueError(
                    "a layer with a mask is no plain LSTM, GRU or SimpleRNN"
                )
            output, outputs = states[0], states[0][:, np.newaxis]
        return output, outputs, states


class LastSteps(layers.Layer):
    """Keeps time steps between calls: takes one, and returns the last ones, this one included."""

    def __init__(self, n_steps, dtype):
        super().__init__(dtype=dtype)
        self.n_steps = n_steps
        self.stateful = True  # for reset_states

    def build(self, shape):
        kept = (shape[0], self.n_steps, *shape[2:])
        self.kept = self.add_weight(kept, initializer="zeros", trainable=False)

    def call(self, x):
        seen = keras.ops.concatenate([self.kept[:, 1:], x], axis=1)
        self.kept.assign(seen)
        return seen

    def reset_states(self):
        self.kept.assign(keras.ops.zeros_like(self.kept))


def _read(live, sequences):
    """Return the answers after each value of sequences, a list of arrays, (time steps, outputs).

    live: a network that reads ROWS sequences, one time step per call.

    To find networks that mix the rows of a batch, such as by their mean, the order of the rows is
    reversed (for one that looks at the first or the last row), and at least one row is a copy
    (which changes a mean). The answers of such a network then differ from those to windows.
    """
    answers = []
    for start in range(0, len(sequences), ROWS - 1):
        some = sequences[start : start + ROWS - 1]
        rows = [*reversed(some), *[some[0]] * (ROWS - len(some))]
        longest = max(map(len, rows))
        # Let shorter ones begin again: what is read later changes no answer.
        X = np.array([np.resize(row, (longest, *row.shape[1:])) for row in rows])
        reset_states(live)
        after = [_array_of(live.predict_on_batch(X[:, [n]])) for n in range(longest)]
        found = np.stack(after, axis=1)[: len(some)]
        answers += [row[: len(values)] for row, values in zip(found[::-1], some)]
    return answers


# ---- Comparison with the network's own answers


def _checked_live(model, reader, sequences, steps):
    """Return a live network of ROWS rows, if it answers to windows as the model does.

    reader: what the live network is made of: the model itself, or a network built by hand.
    Raises: ValueError if it answers otherwise.
    """
    n_axes = len(model.inputs[0].shape) - 1
    for values in sequences:
        if values.ndim != n_axes or len(values) <= steps:
            needed = f"{n_axes} axes, and more than the {steps} time steps of a window"
            raise ValueError(f"values {values.shape}: {needed} are needed")
    # Take at most 500 sequences, so that each has 2 windows or more: they show how much answers
    # vary within it.
    sequences = _spread(sequences, MOST_COMPARED // 2)
    most = MOST_COMPARED // len(sequences)
    windows = [_spread(_windows(values, steps), most) for values in sequences]
    expected = [_answers(model, np.array(X)) for X in windows]
    try:
        live = _live(reader, ROWS)
        found = np.array(_read(live, np.concatenate(windows)))
    except Exception as error:
        words = f"the network cannot read one time step at a time: {_words_of(error)}"
        raise ValueError(words) from error
    within = np.concatenate([answers - answers.mean(axis=0) for answers in expected])
    expected = np.concatenate(expected)
    if not _answers_each_step(model, live):
        found = found[:, -1]
    if expected.shape != found.shape:
        shapes = f"{found.shape}, not {expected.shape}"
        raise ValueError(f"one time step at a time, answers to windows are {shapes}")
    deviation = within.std(axis=0)
    rounding = ROUNDING * np.abs(expected).max(axis=0)
    # Refuse if rounding could hide, in all outputs, a difference of 1 % of how much they vary.
    if (rounding >= deviation / 100).all():
        advice = "scale values to about -1 to 1, in training, too, or give other values"
        raise ValueError(f"the answers hardly vary: {advice}")
    difference = np.abs(found - expected)
    if not (difference <= np.maximum(TOLERANCE * deviation, rounding)).all():
        names = ", ".join(_suspects(reader)) or "perhaps one of yours"
        raise ValueError(
            f"one time step at a time, answers differ by up to {difference.max():.2g}: does a "
            f"layer need several time steps ({names})? See README.md"
        )
    return live


def _answers(model, X):
    """Return the answers of a model to windows, each from a zero state."""
    fixed_size = model.inputs[0].shape[0]  # None if it takes any batch size
    size = fixed_size or 1000
    answers = []
    for start in range(0, len(X), size):
        batch = X[start : start + size]
        # Repeat windows if the last batch must be full.
        rows = np.resize(batch, (fixed_size or len(batch), *X.shape[1:]))
        reset_states(model)
        answers.append(_array_of(model.predict_on_batch(rows))[: len(batch)])
    answers = np.concatenate(answers)
    _check_finite(answers, "the model")
    return answers


def _check_finite(answers, who):
    """Raise ValueError if answers are nan or infinity."""
    if not np.isfinite(answers).all():
        ask = "does it grow without end, are values missing, or weights nan?"
        raise ValueError(f"{who} answers nan or infinity: {ask}")


def _suspects(network):
    """Return the names of layers of kinds that often need several time steps."""
    kinds = "Bidirectional", "Flatten", "Pooling", "Conv", "Attention"
    return [
        layer.name
        for layer in network.layers
        if any(kind in type(layer).__name__ for kind in kinds)
        and getattr(layer, "padding", None) != "causal"
    ]


def _array_of(answers):
    """Return what a network has answered as an array. It may be in a dict or list."""
    return np.asarray(keras.tree.flatten(answers)[0], "float64")


def _words_of(error):
    """Return the line of an error that says what was wrong. (Keras writes it in bold.)"""
    words = str(error).split("\033[1m")[-1].split("\033[0m")[0].strip()
    return words.split("\n")[0][:200] or type(error).__name__


# ---- What is given


def _arrays(pairs):
    """Return pairs of sequences as arrays."""
    pairs = list(pairs)
    are_pairs = all(isinstance(p, (tuple, list)) and len(p) == 2 for p in pairs)
    if not pairs or not are_pairs:
        raise ValueError("a list of pairs is needed: values and right answers")
    arrays = [(np.asarray(values), np.asarray(right)) for values, right in pairs]
    for values, right in arrays:
        if values.shape[:1] != right.shape[:1]:
            raise ValueError(f"values {values.shape}, but right is {right.shape}")
    return arrays


def _windows(array, steps):
    """Return all windows of an array, (windows, steps, ...), as a view of it."""
    length = len(array) if array.ndim else 0
    if not 1 <= steps <= length:
        raise ValueError(f"{array.shape}: axis 0 has no window of {steps} time steps")
    windows = np.lib.stride_tricks.sliding_window_view(array, steps, axis=0)
    return np.moveaxis(windows, -1, 1)


def _spread(items, most):
    """Return the first item, the last one, and others evenly between them: at most `most`."""
    numbers = np.linspace(0, len(items) - 1, min(most, len(items))).astype(int)
    return [items[n] for n in numbers]


def _check_input(model):
    """Raise ValueError unless a network has one Input, of time steps, and one output."""
    inputs = getattr(model, "inputs", None) or []  # None if it has no keras.Input
    if len(inputs) != 1 or len(model.outputs) != 1 or len(inputs[0].shape) < 2:
        needed = "one keras.Input, of time steps, and one output are needed"
        advice = "of a subclassed network, give keras.Model(inputs, yours.call(inputs))"
        raise ValueError(f"{needed} ({advice})")


def _steps(model, steps):
    """Return how many time steps a window of a model has."""
    _check_input(model)
    fixed = model.inputs[0].shape[1]
    if steps is None:
        steps = fixed
    if fixed not in (None, steps):
        raise ValueError(f"steps={steps!r}: {fixed} is needed")
    if not isinstance(steps, (int, np.integer)) or steps < 2:
        raise ValueError(f"steps={steps!r}: a whole number of at least 2 is needed")
    return steps


# ---- Errors of answers


def _error_function(model, error):
    """Return the function that `error` asks for, or that of the model's loss.

    It takes two arrays, the right answers and the answers, and returns an error per time step.
    """
    if callable(error) and not isinstance(error, keras.losses.Loss):
        return error
    given = error or getattr(model, "loss", None)
    if given is None or isinstance(given, (list, tuple, dict)):
        raise ValueError(f"loss={given}: one loss is needed, by compile or by error=")
    loss = keras.losses.get(given)
    if isinstance(loss, keras.losses.Loss):
        if loss.get_config().get("ignore_class") is not None:
            raise ValueError("the loss leaves out a class, and so steps: give error=")
        loss = loss.call  # an error per time step, where the loss itself is one mean

    def error_of_arrays(right, answers):
        tensors = [keras.ops.cast(a, keras.config.floatx()) for a in (right, answers)]
        return keras.ops.convert_to_numpy(loss(*tensors))

    return error_of_arrays


def _errors(error, right, answers, name):
    """Return the error at each time step; NaN before the first answer.

    error: as _error_function returns it. name: of the answers, for messages.
    """
    n_missing = max(len(right) - len(answers), 0)
    missing = np.full(n_missing, np.nan)
    if len(answers) == 0:  # A naive answer may need more values than there are.
        return missing
    right = right[n_missing:]
    shapes = f"{name}: {answers.shape}, but right is {right.shape}"
    # With another shape, such as (n, 1) for (n, c), mse would go on, by broadcasting.
    are_ids = right.shape == answers.shape[:-1] and answers.shape[-1] > 1
    if right.shape != answers.shape and not are_ids:
        needed = "the same shape is needed, or ids of classes, without the last axis"
        raise ValueError(f"{shapes}: {needed}")
    errors = np.asarray(error(right.copy(), answers.copy()))
    # In NumPy, for example, (9,) minus (9, 1) has the shape (9, 9).
    if errors.shape[:1] != right.shape[:1] or errors.size > answers.size:
        raise ValueError(f"{shapes}, errors are {errors.shape}: give another error=")
    return np.append(missing, errors.reshape(len(right), -1).mean(axis=1))


def _early_and_late(tables, steps):
    """Return means over tables of errors, (time steps, ways): early and late ones."""
    parts = {
        "after 1 to 5": [errors.iloc[:5] for errors in tables],
        # Half way between the first window and the end, the late ones begin.
        "late": [errors.iloc[(steps + len(errors)) // 2 :] for errors in tables],
    }
    rows = {}
    for name, part in parts.items():
        means = pd.DataFrame([errors.mean(skipna=False) for errors in part])
        rows[name] = means.mean(skipna=False)
        rows[name]["+/-"] = means["reading on"].sem(skipna=False)
    result = pd.DataFrame(rows).T
    result.insert(2, "+/-", result.pop("+/-"))  # after "reading on"
    return result
