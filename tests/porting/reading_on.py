"""May a recurrent network of Keras (with TensorFlow) keep its state past the end of a window?

To keep it is to *read on*. `windows_and_answers` makes training data. `check` compares errors: on
windows, and reading on. `live_of` returns a network that reads one time step per call, and keeps its
state.

An example, for a model that predicts the next value of a series, (time steps, features):

    import numpy as np
    from reading_on import check, live_of
    from stateful import reset_states

    stretches = [(series[:-1], series[1:]) for series in new_series]
    print(check(model, stretches, {"last value": lambda values: values}))

In the row "late", the error "reading on" should be below all naive errors, and less than about
twice the error "on windows". Then the model may read on, in stretches of this length. (Twice is a
rule of thumb for squared errors. For classes, let `error` count wrong answers: "reading on" should
be about the same as "on windows".) "+/-" is the standard error of the difference of these two: more
stretches make it smaller. If the model may read on:

    live = live_of(model, new_series[0])
    for value in new_series[1]:
        answer = live.predict_on_batch(value[np.newaxis, np.newaxis])[0]
    reset_states(live)  # before the next series

A live network calls the layers of your model, with their weights, on an Input of one time step, so
it cannot look ahead. From call to call, a recurrent layer keeps its state, and a causal convolution
keeps the time steps that it still needs. Before you get your live network, a second one, with 100
rows and made in the same way, is compared with your model on windows of your values: if answers
differ, there is a ValueError. (If a layer changes what it does only after more steps than a window
has, this comparison cannot notice it. On a GPU, which we have not tried, or in 16 bits, answers may
differ too much by rounding alone.)

Copy this file, and stateful.py beside it: see README.md.
"""

# SPDX-FileCopyrightText: Copyright (c) 2026 the contributors
# SPDX-License-Identifier: MIT
# (The licence: the file LICENSE of the repository, or https://spdx.org/licenses/MIT.html)

import contextlib

import keras
import numpy as np
import pandas as pd
from keras import layers
from stateful import reset_states

# A live network must answer windows as the model does. For each number of an answer, the larger one
# of these two differences is allowed.
TOLERANCE = 1e-4  # times the standard deviation of answers within a sequence
ROUNDING = 1e-6  # times the largest answer, as sums of 32-bit floats are not more exact

MOST_COMPARED = 1000  # windows
ROWS = 100  # sequences that are read side by side, in one batch

# ---- The three functions


def windows_and_answers(pairs, steps, each_step=False):
    """Return all windows of some sequences, and the right answers to them.

    pairs: of each sequence its values, (time steps, ...), and the right answer to each value,
        (time steps, outputs), or class ids, (time steps,).
    steps: number of time steps of a window, 1 or more. (Each window starts one step later than
        the one before.)
    each_step: return the answers to all time steps of a window, not only to its last one.
    Returns: X, (windows, steps, ...), and y, (windows, outputs) or class ids, (windows,). With
        each_step, (windows, steps, outputs) or (windows, steps).
    Raises: ValueError for a sequence shorter than a window, or not as many answers as values.
    """
    pairs = _arrays(pairs)
    X = np.concatenate([_windows(values, steps) for values, _ in pairs])
    if each_step:
        return X, np.concatenate([_windows(right, steps) for _, right in pairs])
    return X, np.concatenate([right[steps - 1 :] for _, right in pairs])


def live_of(model, values, steps=None, batch_size=1):
    """Return a network that reads one time step per call, and keeps its state between calls.

    It takes (batch_size, 1, ...) and returns the answer to this step, (batch_size, ...). Call
    reset_states of stateful.py before each new sequence.

    It has the weights of `model` itself, no copies: after more training, you need no new one.
    (`model.summary()` may now show the shapes of one time step. If the model is
    stateful, its states are lost. Save the model, not this network, which cannot be loaded.)

    model: trained. (Or a `reader`: see check. Then the live network is compared with the reader
        only, not with your model: check does that.)
    values: a sequence of your data, (time steps, ...), longer than a window. Windows from all
        over it are compared, up to 1,000.
    steps: how many time steps a training window has, 2 or more. Needed only if the model takes
        any length.
    batch_size: how many sequences are read at the same time.
    Raises: ValueError as check does.
    """
    if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ValueError(f"batch_size={batch_size!r}: at least 1 is needed")
    steps = _steps(model, steps)
    # To read windows side by side takes less time, so the live network that is compared has ROWS
    # rows. The one that is returned is made in the same way, with batch_size rows.
    _checked_live(model, [np.asarray(values)], steps)
    return _live(model, int(batch_size))


def check(
    model, stretches, naive, steps=None, error=None, reader=None, by_number=False
):
    """Return mean errors, early and late: on windows, reading on, and of naive answers.

    model: trained. It reads each window from a zero state. (If stateful, its states are lost.)
    stretches: pairs as those of windows_and_answers, new to the model, several windows long,
        without values in common. (Stretches of 20,000 time steps take 10 to 20 seconds. Up to 100
        of them are read side by side.)
    naive: functions by name: each takes values, (time steps, ...), and returns naive answers,
        (time steps, outputs). If there are fewer answers than values, they belong to the last
        time steps, and earlier errors are NaN. Not checked: a function must not use later values.
        It must answer with logits if the model does.
    steps: how many time steps a training window has, 2 or more. Needed only if the model takes
        any length.
    error: a loss of Keras, its name, or a function (right, answers): an error per time step.
        Default: the model's loss.
    reader: another network with the model's weights, which reads on in place of a model that
        cannot, such as one with burn-in (see README.md). It must answer windows as the model does.
        Its Input takes any number of time steps: keras.Input((None, ...)). Give it to live_of,
        too. (Weights that you copied, by set_weights, must be copied again after more training.)
    by_number: return a row for each number of values instead: the errors after 1, 2, 3 ...
        values, up to the length of the shortest stretch, without "+/-".
    Returns: DataFrame of means over the stretches, with two rows. "after 1 to 5": the errors of
        the first 5 answers ("on windows", NaN: before the first window is full, there is no
        answer). "late": those of the second half of the answers after the first window. "+/-" is
        the standard error of the difference of the two columns before it (NaN in the first row,
        and if there is only one stretch). If answers grow without end, the error is inf, and "+/-"
        NaN.
    Raises: ValueError if the network cannot read one time step at a time, or if, read so, it does
        not answer windows as the model does; if answers hardly vary, or are nan or infinite; if an
        argument does not fit.
    """
    steps = _steps(model, steps)
    stretches = _arrays(stretches)
    if len({values.tobytes() for values, _ in stretches}) < len(stretches):
        raise ValueError("two stretches have equal values: give each of them once")
    reserved = ["on windows", "reading on", "+/-"]
    if not isinstance(naive, dict) or any(name in reserved for name in naive):
        raise ValueError(f"naive: a dict is needed, with other names than {reserved}")
    error = _error_function(model, error)
    sequences = [values for values, _ in stretches]
    if reader is not None:
        _check_input(reader)
    live, each_step = _checked_live(model, sequences, steps, reader)
    tables = []
    for (values, right), reading_on in zip(stretches, _read(live, sequences)):
        on_windows = _answers(model, _windows(values, steps))
        if each_step:
            on_windows = on_windows[:, -1]  # (windows, outputs)
        ways = {"on windows": on_windows}
        for name, function in naive.items():
            ways[name] = np.asarray(function(values.copy()))
            if ways[name].shape[1:] != reading_on.shape[1:]:
                shapes = f"{ways[name].shape}, but the model answers {reading_on.shape}"
                raise ValueError(f"{name}: {shapes}")
        errors = {way: _errors(error, right, ways[way], way) for way in ways}
        table = pd.DataFrame(errors, index=np.arange(1, len(right) + 1))
        # If answers grow without end, they become inf, then nan. Their errors are inf.
        finite = np.isfinite(reading_on).reshape(len(right), -1).all(axis=1)
        of_finite = _errors(error, right[finite], reading_on[finite], "reading on")
        table.insert(1, "reading on", np.inf)
        table.loc[finite, "reading on"] = of_finite
        tables.append(table)
    if by_number:
        shortest = min(map(len, tables))
        return sum(table.iloc[:shortest] for table in tables) / len(tables)
    return _early_and_late(tables, steps)


# ---- One time step at a time


def _live(model, batch_size):
    """Return a live network: it reads one time step, and keeps its states from call to call.

    It takes (batch_size, 1, ...) and returns (batch_size, ...).
    """
    live = _with_one_step(model, batch_size)
    of_step, of_window = live.outputs[0], model.outputs[0]
    # If the model answers each step of a window, of_step is (rows, 1, outputs): leave out its axis
    # 1. (Windows have 2 or more steps: if axis 1 of of_window has length 1, it is not time.)
    if of_step.shape[1:2] == (1,) and of_window.shape[1:2] != (1,):
        # Not of_step[:, 0]: Keras would name this operation, and a part of a loaded model may
        # already have this name. Two equal names are an error.
        without_axis = layers.Reshape(of_step.shape[2:], name="answers_of_one_step")
        live = keras.Model(live.inputs[0], without_axis(of_step))
    return live


def _with_one_step(model, batch_size):
    """Return a network that calls the layers of a model on an Input of one time step.

    In place of a recurrent layer or a causal convolution, it calls one that keeps what it needs of
    earlier steps. If other layers need earlier steps, answers are wrong, and _compare finds that.
    (To support such a layer, write one like CausalStep, and call it here.)
    """

    def call(layer, *args, **kwargs):
        """Call a layer of the model, or the one in its place."""
        # The layer's input is a tensor, (rows, ...), or something without a shape.
        first, *_ = keras.tree.flatten([args, kwargs])
        is_one_step = getattr(first, "shape", ())[1:2] == (1,)  # (rows, 1, ...)
        is_network_of_one_input = len(getattr(layer, "inputs", None) or []) == 1
        is_causal = isinstance(layer, layers.Conv1D) and layer.padding == "causal"
        if is_one_step and is_network_of_one_input:
            layer = _with_one_step(layer, batch_size)
        elif is_one_step and isinstance(layer, layers.RNN):
            # (An axis of length 1 may also come from RepeatVector(1). Then it is wrong to keep the
            # layer's state. _compare finds that.)
            layer = OneStep(layer)
        elif is_one_step and is_causal:
            layer = CausalStep(layer)
        return layer(*args, **kwargs)

    x = model.inputs[0]
    # A network within the model may have several outputs.
    outputs = model.outputs if len(model.outputs) > 1 else model.outputs[0]
    # A part of a loaded model may have the usual name already, such as functional_1.
    name = f"network_of_one_step_{keras.backend.get_uid('network_of_one_step')}"
    step = keras.Input(batch_shape=(batch_size, 1, *x.shape[2:]), dtype=x.dtype)
    # (Wrapped in a keras.Model, because clone_model refuses call_function for a Sequential.)
    return keras.models.clone_model(
        keras.Model(x, outputs, name=name),
        input_tensors=step,
        clone_function=lambda layer: layer,  # no clone: weights are shared
        call_function=call,
    )


class OneStep(layers.RNN):
    """Reads one time step with the cell of a recurrent layer, and keeps its state."""

    def __init__(self, layer):
        convolutional = layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D
        if isinstance(layer, convolutional):
            raise NotImplementedError(f"{type(layer).__name__} is not supported")
        first_states = keras.tree.flatten(layer.get_initial_state(1))
        if any(np.any(state) for state in first_states):
            raise ValueError(f"{layer.name} starts from other states than zeros")
        super().__init__(
            layer.cell,
            return_sequences=layer.return_sequences,
            return_state=layer.return_state,
            stateful=True,
        )
        kinds = layers.LSTM, layers.GRU, layers.SimpleRNN
        self.may_be_masked = isinstance(layer, kinds) and not layer.zero_output_for_mask

    def call(self, sequences, initial_state=None, mask=None, training=False):
        if initial_state is not None:
            raise ValueError("a layer starts from states of other layers")
        return super().call(sequences, None, mask, training)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Read the step; return the last output, all outputs and states, as `RNN.call` asks."""
        read = super().inner_loop(sequences, initial_state, mask, training)
        if mask is None:
            return read
        if not self.may_be_masked:
            needed = "an LSTM, GRU or SimpleRNN without zero_output_for_mask"
            raise ValueError(f"a layer with a mask: {needed} is needed")
        # At a masked step, the output is that of the step before, which was in another call. In
        # these three kinds of layers, it is also the first state, which masked steps leave alone.
        *_, states = read
        output = states[0]  # (rows, units)
        return output, output[:, np.newaxis], states


class CausalStep(layers.Layer):
    """Reads one time step with a causal convolution, and keeps the time steps that it sees."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.n_seen = (layer.kernel_size[0] - 1) * layer.dilation_rate[0] + 1
        self.stateful = True  # for reset_states

    def build(self, shape):
        kept = (shape[0], self.n_seen, *shape[2:])  # (rows, steps seen, features)
        # Zeros, as those that causal padding adds.
        self.kept = self.add_weight(kept, initializer="zeros", trainable=False)

    def call(self, x):
        seen = keras.ops.concatenate([self.kept[:, 1:], x], axis=1)
        self.kept.assign(seen)
        return self.layer(seen)[:, -1:]  # (rows, 1, filters)

    def reset_states(self):
        self.kept.assign(keras.ops.zeros_like(self.kept))


def _read(live, sequences):
    """Return the answers after each value of sequences: a list of arrays, (time steps, outputs).

    live: a live network of ROWS rows. sequences: arrays, (time steps, ...).
    """
    answers = []
    for start in range(0, len(sequences), ROWS):
        some = sequences[start : start + ROWS]
        longest = max(map(len, some))
        # Shorter sequences, and batches of fewer rows, are filled up: after their end, they begin
        # again. (If an answer depended on later values or on other rows, _compare would find it.)
        X = np.array([_repeated(values, longest) for values in some])
        reset_states(live)
        after = []
        for n in range(longest):
            step = _repeated(X[:, [n]], ROWS)  # (rows, 1, ...)
            after.append(_predicted(live, step)[: len(some)])
        after = np.stack(after, axis=1)  # (sequences, time steps, outputs)
        answers += [row[: len(values)] for row, values in zip(after, some)]
    return answers


def _repeated(array, length):
    """Return `length` items of an array. After its last item, it begins again."""
    return np.resize(array, (length, *array.shape[1:]))  # It repeats, and does not pad.


# ---- Comparison with the network's own answers


def _checked_live(model, sequences, steps, reader=None):
    """Return a live network of ROWS rows, and whether the model answers each step of a window.

    reader: what the live network is made of; None: of the model itself.
    Raises: ValueError if the live network does not answer windows as the model does.
    """
    n_axes = len(model.inputs[0].shape) - 1
    for values in sequences:
        if values.ndim != n_axes or len(values) <= steps:
            needed = f"{n_axes} axes, and more than the {steps} time steps of a window"
            raise ValueError(f"values {values.shape}: {needed} are needed")
    # To see how much answers vary within a sequence takes 2 windows of it, or more. So compare at
    # most MOST_COMPARED // 2 sequences.
    sequences = _spread(sequences, MOST_COMPARED // 2)
    most = MOST_COMPARED // len(sequences)
    windows = [_spread(_windows(values, steps), most) for values in sequences]
    # On purpose, the model gets other batches than the live network: at most 10 windows at once,
    # and at most half of them. So if it mixes the rows of a batch, answers differ.
    expected = [_answers(model, np.array(X), min(10, len(X) // 2)) for X in windows]
    try:
        with _plain_messages():
            live = _live(model if reader is None else reader, ROWS)
        found = np.array(_read(live, np.concatenate(windows)))  # (windows, steps, ...)
    except Exception as error:
        needed = "the network cannot read one time step at a time"
        raise ValueError(f"{needed}: {_line_of(error)}") from error
    # The live network has answered each step. Has the model, too?
    each_step = expected[0].ndim == found.ndim
    _compare(found if each_step else found[:, -1], expected)
    return live, each_step


def _compare(found, expected):
    """Raise ValueError if answers to windows differ.

    found: of the live network, (windows, ...).
    expected: of the model, a list: of each sequence an array, (windows, ...).
    """
    # Sequences may have very different levels. What counts is how answers vary within each.
    centred = [answers - answers.mean(axis=0) for answers in expected]
    deviation = np.concatenate(centred).std(axis=0)  # of each number of an answer
    expected = np.concatenate(expected)
    if expected.shape != found.shape:
        shapes = f"{found.shape}, not {expected.shape}"
        raise ValueError(f"one time step at a time, answers to windows are {shapes}")
    rounding = ROUNDING * np.abs(expected).max(axis=0)  # of each number of an answer
    # If answers vary by less than 100 times rounding (a rule of thumb), it proves little that they
    # are equal. (Some numbers of an answer may be constant, but not all.)
    if (deviation <= 100 * rounding).all():
        raise ValueError(
            "the answers hardly vary: scale values to about -1 to 1, in training, too, or give "
            "longer sequences"
        )
    allowed = np.maximum(TOLERANCE * deviation, rounding)
    difference, allowed = np.broadcast_arrays(np.abs(found - expected), allowed)
    too_large = ~(difference <= allowed)  # also if it is nan
    if too_large.any():
        most, at_most = difference[too_large].max(), allowed[too_large].max()
        raise ValueError(
            f"one time step at a time, answers differ by up to {most:.2g}, and up to "
            f"{at_most:.2g} is allowed: does a layer need several time steps, such as "
            "Bidirectional, go_backwards, pooling, Flatten, Attention or a Conv1D that is not "
            "causal, does a layer of yours have an LSTM in it, or does a reader have other "
            "weights? See README.md. (On a GPU or in 16 bits, rounding may need a larger TOLERANCE.)"
        )


def _answers(model, X, at_once=1000):
    """Return the answers of a model to windows, each from a zero state."""
    fixed_size = model.inputs[0].shape[0]  # None if it takes any batch size
    at_once = min(at_once, fixed_size or at_once)
    answers = []
    for start in range(0, len(X), at_once):
        batch = X[start : start + at_once]
        rows = _repeated(batch, fixed_size or len(batch))
        reset_states(model)
        answers.append(_predicted(model, rows)[: len(batch)])
    answers = np.concatenate(answers)
    if not np.isfinite(answers).all():
        ask = "are values missing, or weights nan?"
        raise ValueError(f"the model answers nan or infinity to windows: {ask}")
    return answers


def _predicted(network, X):
    """Return what a network answers to a batch, as an array. It may be in a dict or list."""
    try:
        with _plain_messages():
            answers = network.predict_on_batch(X)
    except Exception as error:
        values = f"values {X.shape} of type {X.dtype}"
        raise ValueError(f"no answer to {values}: {_line_of(error)}") from error
    return np.asarray(keras.tree.flatten(answers)[0], "float64")


@contextlib.contextmanager
def _plain_messages():
    """Let Keras add no lines to the messages of errors."""
    is_filtering = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()  # Filtering adds lines.
    try:
        yield
    finally:
        if is_filtering:
            keras.config.enable_traceback_filtering()


def _line_of(error):
    """Return the line of an error that says what is wrong."""
    lines = [line for line in str(error).splitlines() if line and not line[0].isspace()]
    if not lines:
        return type(error).__name__
    # TensorFlow's errors in compiled functions say it last, after where it is.
    line = lines[-1] if lines[0] == "Graph execution error:" else lines[0]
    return line.rpartition("}} ")[-1][:200]  # without the name of an operation


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
        needed = "the number of time steps of the training's windows, 2 or more,"
        raise ValueError(f"steps={steps!r}: {needed} is needed")
    return steps


# ---- Errors of answers


def _error_function(model, error):
    """Return the function that `error` asks for, or that of the model's loss.

    It takes two arrays, the right answers and the answers, and returns an error per time step.
    """
    # A plain function is used as it is. (Losses that are objects or classes are callable, too.)
    if callable(error) and not isinstance(error, (keras.losses.Loss, type)):
        return error
    given = error or getattr(model, "loss", None)
    if given is None or isinstance(given, (list, tuple, dict)):
        raise ValueError(f"loss={given}: one loss is needed, by compile or by error=")
    loss = keras.losses.get(given)
    if isinstance(loss, keras.losses.Loss):
        if loss.get_config().get("ignore_class") is not None:
            raise ValueError(
                "the loss leaves out a class, so some time steps have no error: give error="
            )
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
    if len(answers) == 0:  # such as of a naive function that needs more values
        return missing
    right = right[n_missing:]
    # Of one output, right answers may be (n,): here, they become (n, 1).
    if answers.shape[1:] == (1,) and right.ndim == 1:
        right = right[:, np.newaxis]
    shapes = f"{name}: {answers.shape}, but right is {right.shape}"
    # With another shape, such as (n, 1) for (n, c), mse would go on, by broadcasting.
    if right.shape not in (answers.shape, answers.shape[:-1]):
        needed = "the same shape is needed, or ids of classes, without the last axis"
        raise ValueError(f"{shapes}: {needed}")
    try:
        errors = np.asarray(error(right.copy(), answers.copy()))
    except Exception as failed:
        failure = f"the error function failed: {_line_of(failed)}"
        raise ValueError(f"{shapes}: {failure}") from failed
    # One error for each number of an answer, or for each time step. (A function that mixes (n,) and
    # (n, 1) returns (n, n).)
    if errors.ndim == 0 or errors.shape != answers.shape[: errors.ndim]:
        raise ValueError(f"{shapes}, errors are {errors.shape}: give another error=")
    return np.append(missing, errors.reshape(len(right), -1).mean(axis=1))


def _early_and_late(tables, steps):
    """Return means over tables of errors, (time steps, ways): early and late ones."""
    parts = {
        "after 1 to 5": [errors.iloc[:5] for errors in tables],
        # The late errors begin half way between the first window and the end.
        "late": [errors.iloc[(steps + len(errors)) // 2 :] for errors in tables],
    }
    rows = {}
    for name, part in parts.items():
        means = pd.DataFrame([errors.mean(skipna=False) for errors in part])
        rows[name] = means.mean(skipna=False)
        difference = means["reading on"] - means["on windows"]
        with np.errstate(invalid="ignore"):  # of inf, it is NaN
            rows[name]["+/-"] = difference.sem(skipna=False)
    result = pd.DataFrame(rows).T
    result.insert(2, "+/-", result.pop("+/-"))  # after "reading on"
    return result
