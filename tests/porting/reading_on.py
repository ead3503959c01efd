"""May a recurrent network of Keras read on, past the length of its windows?

`windows_and_answers` makes training data, `check` compares errors, `reader_of` returns a copy
that reads sequences of any length, `live_of` one that keeps its state between values.

After a window, a copy answers as the network, and no answer changes when more values follow.
Both are tested on your values, to 1 % of how much answers vary. (What a layer of yours does
only past a window, no test shows: it needs a complete get_config.) Copy this file: see README.md.

In this order: the four functions above, what they are given, copies, causes, comparisons, errors.
"""

import contextlib
import random
import re

import keras
import numpy as np
import pandas as pd
from keras import layers

# The losses of Keras that take class ids, not one hot vectors.
TAKE_IDS = (
    "sparse_categorical_crossentropy",
    "categorical_generalized_cross_entropy",
)
# Two answers are the same if they differ by less than this share of how much the output varies.
SAME = 0.01
# Floats of 32 bits are rounded by up to this share of an answer. So an output that stays near
# 300 may differ by 0.0003, however little it varies: a processor may add up in another order.
ROUNDING = 1e-6
# So many windows are compared, about. More take long. With fewer, values that are rare are
# not among them. A network of a fixed batch size is called once per batch.
MOST_WINDOWS, MOST_BATCHES = 1000, 32


def windows_and_answers(pairs, steps, each_step=False):
    """Return all windows of some sequences, each one time step later, and right answers.

    pairs: of each sequence its values, (time steps, ...), and the right answer to each value,
        (time steps, outputs), or class ids, (time steps,).
    steps: of a window, 1 or more.
    Returns: X, (windows, steps, ...), and y, the answers to the last time steps, (windows,
        outputs), or to each of them, (windows, steps, outputs).
    Raises: ValueError for a sequence shorter than a window, or not as many answers as values.
    """
    pairs = _arrays(pairs)
    X = np.concatenate([_windows(values, steps) for values, _ in pairs])
    y = np.concatenate([_windows(right, steps) for _, right in pairs])
    return X, y if each_step else y[:, -1]


def check(
    model, stretches, naive, steps=None, error=None, reader=None, by_number=False
):
    """Return mean errors on windows, reading on, and of naive answers, early and late.

    model: trained. Its windows start from a zero state, also if it is stateful.
    stretches: pairs as those of windows_and_answers, new to the model, longer than a window.
    naive: functions by name: each takes values, (time steps, ...), and returns naive answers,
        (time steps, outputs), in the form of the model's. The first may be left out.
    steps: of the training's windows; needed if the model takes any length.
    error: a loss's name, or a function (right, answers): an error per time step. Else the model's.
    reader: network for any length that answers each time step; it gets the model's weights.
    by_number: return the errors after each number of values, as many as all stretches have.
    Returns: DataFrame of means over the stretches: after 1 to 5 values, and late, in the
        second half after the first window. +/-: standard error of reading on. NaN: no answer.
    Raises: ValueError if the reader answers otherwise than the model, or shapes do not fit.
    """
    steps = _steps(model, steps)
    stretches = _arrays(stretches)
    _check_naive(naive)
    sequences = [values for values, _ in stretches]
    tables = []
    with _naming_causes(reader or model, _cause_of_reading, steps, sequences):
        if reader:
            with _trial("the reader cannot take the weights of the network"):
                _set_weights(reader, model)
            window_reader = reader
        else:
            window_reader, reader = _copies(model)
        typical = _compare_reader(model, reader, sequences, steps)
        error_of, takes_ids = _error_function(model, error, typical)
        for values, right in stretches:
            on_windows = _answers(window_reader, _windows(values, steps))
            reading_on = _answers(reader, values[np.newaxis])[0]
            if on_windows.ndim > reading_on.ndim:  # an answer at each step
                on_windows = on_windows[:, -1]
            _compare(reading_on[steps - 1], on_windows[0], typical, AFTER_A_WINDOW)
            ways = {"on windows": on_windows, "reading on": reading_on}
            for name in naive:  # A function may write into its values.
                ways[name] = np.atleast_1d(naive[name](values.copy()))
            errors = {}
            for way, answers in ways.items():
                errors[way] = _errors(error_of, takes_ids, right, answers, way)
            tables.append(pd.DataFrame(errors, index=np.arange(1, len(right) + 1)))
    if by_number:
        shortest = min(map(len, tables))
        return sum(errors[:shortest] for errors in tables) / len(tables)
    return _early_and_late(tables, steps)


def reader_of(model, values, steps=None):
    """Return a copy that reads sequences of any length, and answers at each time step.

    values: a real sequence, (time steps, ...), best more than twice as long as a window.
    steps: of the training's windows; needed if the model takes any length.
    Returns: network of (batch, time steps, ...), which returns (batch, time steps, outputs).
    Raises: ValueError if a copy answers otherwise than the model, or depends on later values.
    """
    steps = _steps(model, steps)
    sequences = [np.asarray(values)]
    with _naming_causes(model, _cause_of_reading, steps, sequences):
        _, reader = _copies(model)
        _compare_reader(model, reader, sequences, steps)
    return reader


def live_of(model, values, steps=None, batch_size=1):
    """Return a copy that reads one time step per call, and keeps its state between calls.

    It takes (batch_size, 1, ...), and returns (batch_size, 1, outputs). Before each new
    sequence, reset_states of stateful.py sets its state to zero (with TensorFlow).
    values, steps: as for reader_of; a masked time step has no answer: leave it out, live, too.
    batch_size: how many sequences are read at the same time.
    Raises: ValueError if it answers otherwise than that of reader_of.
    """
    steps = _steps(model, steps)
    reader = reader_of(model, values, steps)
    # Each row reads another sequence: the same values, from another one on.
    X = np.array([np.roll(values, -row, axis=0) for row in range(batch_size)])
    expected = _answers(reader, X)
    with _naming_causes(reader, _cause_of_live, steps, [X]):
        _, live = _copies(model, (batch_size, 1), stateful=True)
        _set_states_to_zero(live)  # A cell may start from another state.
        answers = [_answers(live, X[:, [step]]) for step in range(len(values))]
        answers = np.concatenate(answers, axis=1)
        _compare(answers, expected, expected[0], ONE_BY_ONE)
    _set_states_to_zero(live)
    return live


# ---- What is given: pairs, windows, steps


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


def _check_naive(naive):
    """Raise ValueError for what is no dict of functions."""
    is_dict = hasattr(naive, "items") and all(map(callable, naive.values()))
    if not is_dict or {"on windows", "reading on", "+/-"} & {*naive}:
        raise ValueError("naive: a dict of functions is needed, by names of their own")


def _windows(array, steps, most=None):
    """Return all windows of an array, (windows, steps, ...), or at most so many of them."""
    n = len(array) - steps + 1
    if n < 1:
        raise ValueError(f"{array.shape}: axis 0 needs {steps} time steps or more")
    starts = np.arange(n)
    if most and most < n:  # Spread over the array, with the first and the last one.
        starts = np.linspace(0, n - 1, most).astype(int)
    return array[starts[:, np.newaxis] + np.arange(steps)]


def _steps(model, steps):
    """Return how many time steps a window of a model has."""
    inputs = getattr(model, "inputs", None) or []  # None if it has no keras.Input
    if len(inputs) != 1 or len(model.outputs) != 1 or len(inputs[0].shape) < 2:
        raise ValueError("one keras.Input, of time steps, and one output are needed")
    fixed = inputs[0].shape[1]
    if steps is None:
        steps = fixed
    if fixed not in (None, steps):
        raise ValueError(f"steps={steps!r}: {fixed} is needed")
    if not isinstance(steps, (int, np.integer)) or steps < 1:
        raise ValueError(f"steps={steps!r}: a whole number of at least 1 is needed")
    return steps


# ---- Copies


@keras.saving.register_keras_serializable("reading_on")
class EachStep(layers.Wrapper):
    """A network of what follows a window's last step, at each of any number of time steps."""

    def __init__(self, layer, **options):
        super().__init__(layer, autocast=False, **options)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        inputs = keras.tree.flatten(inputs)
        batch_size, steps, *_ = keras.ops.shape(inputs[0])
        # The network reads one time step, as if all of them were rows of one batch. Where
        # it takes any number of steps, such as in x[:, -1], it gets one.
        parts = []
        for x, taken in zip(inputs, self.layer.inputs):
            sizes = [1 if size is None else size for size in taken.shape[1:]]
            parts.append(keras.ops.reshape(x, (-1, *sizes)))
        answers = self.layer(parts if len(parts) > 1 else parts[0])
        return keras.ops.reshape(answers, (batch_size, steps, *answers.shape[1:]))


def _copies(model, shape=(None, None), stateful=False):
    """Return two copies, not compiled: one that answers as the model, one each time step.

    shape, stateful: of the second one, the batch size and the number of time steps.
    """
    features = model.inputs[0].shape[2:]
    before = random.getstate()
    try:
        with _trial("the network cannot be copied"), _own_classes(model):
            options = {"stateful": False, "unroll": False}
            plain = _clone(model, (None, None, *features), options)
            options = {"return_sequences": True, "stateful": stateful}
            each_step = _clone(plain, (*shape, *features), options, each_step=True)
            return plain, each_step
    finally:  # New layers have drawn random numbers.
        random.setstate(before)


def _own_classes(model):
    """Return a scope in which Keras finds the layers' classes, also those that are yours."""
    own = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
    return keras.saving.custom_object_scope(own)


def _clone(model, shape, options, each_step=False):
    """Return a copy of a network for another shape.

    options: of recurrent layers.
    each_step: let it answer each time step. The network must take any number of them.
    """
    clones = {}

    def call_clone(layer, *args, **others):
        with _trial(f"{layer.name!r} cannot be copied for any number of time steps"):
            if layer not in clones:
                x = keras.tree.flatten((args, others))[0]
                x_shape = getattr(x, "shape", None)
                clones[layer] = _clone_layer(layer, x_shape, options, each_step)
            answers = clones[layer](*args, **others)
        if getattr(layer, "return_state", False) and not each_step:
            # The first state is the last answer. Take that: a state has no time steps.
            output, state, *states = answers
            state = output[:, -1] if layer.return_sequences else output
            return [output, state, *states]
        return answers

    ends, head = _split(model) if each_step else (model.outputs, None)
    body = keras.Model(model.inputs[0], ends)  # not compiled
    inputs = keras.Input(batch_shape=shape, dtype=model.inputs[0].dtype)
    copy = keras.models.clone_model(body, inputs, lambda layer: layer, call_clone)
    for layer in body.layers:
        if layer in clones and not isinstance(layer, keras.Model):  # nested: set there
            _set_weights(clones[layer], layer)
    answer = EachStep(head)(copy.outputs) if head else copy.outputs[0]
    return keras.Model(inputs, answer, name=_name(model))


def _split(model):
    """Return the last tensors that have time steps, and a network of what follows them.

    For example, an LSTM's answer, and a network of the Dense behind it. The network is None
    if nothing follows.
    """
    answer = model.outputs[0]
    ends, waiting, seen = [], [answer], {answer}
    while waiting:  # back from the answer
        tensor = waiting.pop()
        operation, index, _ = tensor._keras_history
        inputs = operation._inbound_nodes[index].input_tensors
        # A recurrent layer that returns its last answer will return each one.
        reads_steps = _is_recurrent(operation) and any(map(_has_steps, inputs))
        if reads_steps or _has_steps(tensor):
            ends.append(tensor)
            continue
        for x in inputs:
            if x not in seen:
                waiting.append(x)
                seen.add(x)
    if ends == [answer]:
        return ends, None
    return ends, keras.Model(ends if len(ends) > 1 else ends[0], answer)


def _has_steps(tensor):
    """Return whether a tensor has time steps, in a network for any number of them."""
    return tensor.shape[1:2] == (None,)


def _is_recurrent(operation):
    """Return whether an operation is a recurrent layer, or has one in it."""
    if not isinstance(operation, layers.Layer):
        return False
    return any(isinstance(part, layers.RNN) for part in operation._flatten_layers())


def _clone_layer(layer, shape, options, each_step=False):
    """Return a new layer, without weights, for inputs of a shape.

    options, each_step: as of _clone.
    """
    if isinstance(layer, keras.Model):  # nested
        return _clone(layer, shape, options, each_step)
    if isinstance(layer, EachStep):
        return EachStep(_clone_at_a_step(layer.layer))
    if isinstance(layer, layers.TimeDistributed):  # Keras's keeps the number of steps.
        step = keras.Input(shape[2:])
        answer = _clone_layer(layer.layer, (None, *shape[2:]), {})(step)
        return EachStep(keras.Model(step, answer))
    if isinstance(layer, layers.Lambda):  # Keras copies none without a function's name.
        return layers.Lambda(
            layer.function,
            name=_name(layer),
            mask=layer.mask,
            arguments=layer.arguments,
            dtype=layer.dtype_policy,
        )
    config = layer.get_config()
    if "name" in config:
        config["name"] = _name(layer)
    for name in config:
        value = getattr(layer, name, None)
        if hasattr(value, "__name__"):  # a function, which Keras may not know by name
            config[name] = value
        if name in options:
            config[name] = options[name]
    if hasattr(layer, "get_vocabulary"):  # adapted: the config does not have it
        config["vocabulary"] = layer.get_vocabulary(include_special_tokens=False)
    if isinstance(layer, layers.Reshape) and -1 not in layer.target_shape:
        config["target_shape"] = (-1, *layer.target_shape[1:])
    return type(layer).from_config(config)


def _name(layer):
    """Return a name for the copy of a layer. TensorFlow compiles none that has spaces."""
    return layer.name.replace(" ", "_")


def _clone_at_a_step(layer):
    """Return a new layer of the network in an EachStep, for the same shape."""
    if isinstance(layer, keras.Model):
        return keras.models.clone_model(layer, None, _clone_at_a_step)
    return _clone_layer(layer, None, {})


def _set_weights(network, model):
    """Set the weights of a network to those of a model."""
    network.set_weights(model.get_weights())
    for layer in network._flatten_layers():
        if isinstance(layer, layers.Normalization):
            layer.finalize_state()


def _set_states_to_zero(network):
    """Set the states of recurrent layers to zero."""
    for state, zeros in _zero_states(network):
        state.assign(zeros)


def _zero_states(network):
    """Return pairs of the states of recurrent layers, and zeros for each."""
    parts = network._flatten_layers()
    recurrent = [part for part in parts if isinstance(part, layers.RNN)]
    states = keras.tree.flatten([layer.states or [] for layer in recurrent])
    return [(state, keras.ops.zeros_like(state)) for state in states]


# ---- Causes: what the message says when a trial has failed. Nothing is refused for its type.


def _cause_of_reading(call, steps, sequences):
    """Return why a layer may not read on, or None. This is the place for a new cause.

    call: of the layer in the network: its operation, input_tensors, outputs and arguments.
    steps: of a window.
    sequences: the values that were given.
    """
    layer, inputs = call.operation, call.input_tensors
    name = type(layer).__name__
    if isinstance(layer, layers.Bidirectional):
        return "reads in both directions"
    if getattr(layer, "go_backwards", False):
        return "reads backwards"
    if isinstance(layer, layers.Embedding) and _is_input(inputs[0]):
        ids = np.concatenate([np.ravel(values) for values in sequences])
        if ids.min() < 0 or ids.max() >= layer.input_dim:
            found = f"values have ids from {ids.min()} to {ids.max()}"
            return f"takes ids from 0 to {layer.input_dim - 1}, but {found}"
    if not _can_be_remade(layer):
        return "needs a get_config that is complete"
    if any(_is_second_state(x) for x in inputs):
        return "takes a second state of a layer, which has no time steps"
    if isinstance(layer, layers.Lambda) or not _is_of_keras(type(layer)):
        return f"is code of yours: {UNKNOWN}"
    # The rest matters only where there are time steps.
    if len(inputs[0].shape) < 3 or inputs[0].shape[1] not in (None, steps):
        return None
    if isinstance(layer, layers.RNN) and len(inputs) > 1:
        return "starts from a state that another layer returns"
    if isinstance(layer, layers.RNN):  # ConvLSTM1D, too: no convolution of time steps
        return None
    if "Pooling" in name:
        return "pools time steps"
    if isinstance(layer, layers.Flatten):
        return "flattens time steps"
    if name == "GetItem" and _has_number(call.arguments.args[1]):
        return "takes a time step by its number: take the last one by -1"
    if "Conv" in name and getattr(layer, "padding", "causal") != "causal":
        return "is a convolution that is not causal"
    if "Attention" in name and not call.arguments.kwargs.get("use_causal_mask"):
        return "attends to later time steps, without use_causal_mask"
    is_layer = isinstance(layer, layers.Layer) and not _is_recurrent(layer)
    if is_layer and call.outputs[0].shape[1:2] != inputs[0].shape[1:2]:
        return "changes the number of time steps"
    return None


def _cause_of_live(call, steps, sequences):
    """Return why a layer that reads on may not do so live, or None. Here, too."""
    layer, inputs = call.operation, call.input_tensors
    name = type(layer).__name__
    if _is_recurrent(layer) and len(layer._inbound_nodes) > 1:
        return "is called twice, but would keep one state"
    if isinstance(layer, layers.RNN):
        if len(inputs) > 1:
            return "starts from a state that another layer returns"
        if any(map(np.any, keras.tree.flatten(layer.get_initial_state(1)))):
            return "starts from another state than zero"
        return None
    if isinstance(layer, layers.Masking) or getattr(layer, "mask_zero", False):
        return "masks time steps, which have no answer: leave them out"
    if "Conv" in name or "Attention" in name:
        return "reads several time steps"
    return None


UNKNOWN = "does a layer need later values, several at a time, or a complete get_config?"


class _Failure(Exception):
    """A trial has failed: copying, reading or comparing."""


@contextlib.contextmanager
def _trial(failure):
    """Turn any error into a failure of these words, but one that has its own."""
    try:
        yield
    except _Failure:
        raise
    except Exception as error:
        raise _Failure(failure) from error


@contextlib.contextmanager
def _naming_causes(network, cause_of, steps, sequences):
    """Turn a failure into a ValueError of one line that names causes.

    cause_of: function that returns the cause of a call, or None.
    """
    try:
        yield
    except _Failure as failure:
        causes = []
        with _own_classes(network):
            for call in _calls(network):
                cause = cause_of(call, steps, sequences)
                if cause:
                    causes.append(f"{call.operation.name!r} {cause}")
        if failure.__cause__:
            causes.append(_words_of(failure.__cause__))
        causes = "; ".join(dict.fromkeys(causes)) or UNKNOWN
        raise ValueError(f"{failure}: {causes} (see README.md)") from failure


def _calls(network):
    """Return the calls of layers in a network and in nested ones, those of its input first."""
    calls = []
    if not getattr(network, "inputs", None):  # a reader of another kind
        return calls
    graph = keras.Model(network.inputs, network.outputs)  # of a Sequential, too
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for call in graph._nodes_by_depth[depth]:
            calls.append(call)
            if isinstance(call.operation, keras.Model):
                calls += _calls(call.operation)
    return [call for call in calls if call.input_tensors]


def _is_of_keras(code):
    """Return whether a class or a function is one of Keras."""
    module = getattr(code, "__module__", None) or ""
    return module.startswith("keras.")


def _can_be_remade(layer):
    """Return whether the get_config of a layer serves to make another one."""
    with contextlib.suppress(Exception):
        config = layer.get_config()
        if not _is_of_keras(type(layer)):
            type(layer).from_config(config)
        return True
    return False


def _is_input(tensor):
    """Return whether a tensor is an input of a network."""
    return isinstance(tensor._keras_history.operation, layers.InputLayer)


def _has_number(key):
    """Return whether a key takes a time step by its number from the start, as x[:, 3]."""
    step = key[1] if isinstance(key, tuple) and len(key) > 1 else None
    return isinstance(step, int) and step >= 0


def _is_second_state(tensor):
    """Return whether a tensor is a state of a recurrent layer, but not its last answer."""
    operation, _, index = tensor._keras_history
    return isinstance(operation, layers.RNN) and index > 1


# What stands around the words of Keras or TensorFlow that say something: where it was, in
# the code or in the graph, and with what arguments.
AROUND_WORDS = (
    r".*Error encountered:",
    r".*\033\[1m",  # The words are in bold type,
    r"\033\[0m.*",  # which ends here.
    r".*, line \d+, in \S+\n",
    r".*<stack traces unavailable>",
    r"^\s*{{.*?}}",
    r"( for '|\[\[){{node.*",
)


def _words_of(error):
    """Return what an error of Keras or TensorFlow says, without what stands around it."""
    words = str(error)
    for pattern in AROUND_WORDS:
        words = re.sub(pattern, "", words, flags=re.DOTALL)
    words = " ".join(words.split())
    return f"Keras says: {words[:200]}"


# ---- Comparisons

AFTER_A_WINDOW = "after a window, a reader answers otherwise than the network"
LATER_VALUES = "answers change when later values follow"
ONE_BY_ONE = "one value at a time, a copy answers otherwise than it does on the whole"


def _answers(network, X):
    """Return the answers of a network to an array."""
    takes = getattr(network, "input_shape", "another shape")
    with _trial(f"a network of {takes} cannot read {X.shape}"):
        answers = np.asarray(network.predict_on_batch(X), "float64")
    if np.isnan(answers).any():
        raise ValueError("the network answers nan: are values missing?")
    return answers


def _compare_reader(model, reader, sequences, steps):
    """Return a model's answers to windows; a reader must have them, and not read ahead."""
    for values in sequences:
        _windows(values, steps + 1)  # raises ValueError for one that is too short
    # What is read is longer than a window, to show what reads ahead. If there are not two
    # windows of values, it ends half way, so that there are still several.
    length = min(2 * steps, (max(map(len, sequences)) + steps) // 2)
    sequences = [values for values in sequences if len(values) >= length]
    batch_size = model.inputs[0].shape[0]
    most = MOST_WINDOWS
    if batch_size:
        most = min(most, MOST_BATCHES * batch_size)
    most = most // len(sequences) + 1  # of each sequence
    X = np.concatenate([_windows(values, length, most) for values in sequences])
    read = _answers(reader, X)
    right = _answers_to_windows(model, X[:, :steps], batch_size or len(X))
    if right.ndim == read.ndim:  # an answer at each step
        right = right[:, -1]
    on_windows = _answers(reader, X[:, :steps])
    _compare(on_windows[:, -1], right, right, AFTER_A_WINDOW)
    _compare(on_windows, read[:, :steps], right, LATER_VALUES)
    # One value: the first answers may depend on the second value. One step more than a
    # window: values may be read in pairs, and a window may have an even number of them.
    for seen in 1, steps + 1:
        _compare(_answers(reader, X[:, :seen]), read[:, :seen], right, LATER_VALUES)
    whole = _answers(reader, sequences[0][np.newaxis])  # Values may come much later.
    _compare(whole[:, :length], read[:1], right, LATER_VALUES)
    return right


def _answers_to_windows(model, X, batch_size):
    """Return the answers of a model to windows, each from a zero state; it does not change."""
    answers = []
    for start in range(0, len(X), batch_size):
        batch = X[start : start + batch_size]
        # The last batch may have fewer windows: repeat them.
        batch = np.resize(batch, (batch_size, *X.shape[1:]))
        with keras.StatelessScope(_zero_states(model)):
            answer = model(keras.ops.convert_to_tensor(batch), training=False)
            (answer,) = keras.tree.flatten(answer)
            answers.append(keras.ops.convert_to_numpy(answer))
    return np.concatenate(answers)[: len(X)].astype("float64")


def _compare(answers, expected, typical, failure):
    """Fail if an output differs by 1 % of how much it varies in typical answers."""
    if answers.shape != expected.shape:
        shapes = f"{answers.shape}, not {expected.shape}"
        raise _Failure(f"a copy or reader answers {shapes}")
    typical = typical.reshape(len(typical), -1)  # a column for each output
    varies = typical.std(axis=0)
    rounding = ROUNDING * np.abs(typical).max(axis=0)
    if (SAME * varies <= rounding).all():  # Any reader would pass.
        scale = "scale values to about -1 to 1, in training, too"
        raise ValueError(f"the answers hardly vary: {scale}, or give other values")
    allowed = np.maximum(SAME * varies, rounding)
    differs = np.abs(answers - expected).reshape(-1, len(varies)).max(axis=0)
    if (differs <= allowed).all():
        return
    allowed[allowed == 0] = 1e-9  # an output that is always 0
    worst = (differs / allowed).argmax()
    numbers = f"by {differs[worst]:.2g}, where it varies by {varies[worst]:.2g}"
    raise _Failure(f"{failure}, output {worst} {numbers}")


# ---- Errors


def _error_function(model, error, typical):
    """Return a function (right, answers): an error per time step; and if it takes ids."""
    if callable(error):
        return error, True
    given = error or getattr(model, "loss", None)
    (given,) = keras.tree.flatten(given)  # It may be in a list.
    loss = keras.losses.get(given)
    if loss is None:
        raise ValueError("the network is not compiled with a loss: give error=")
    if getattr(loss, "from_logits", False) and 0 <= typical.min() <= typical.max() <= 1:
        raise ValueError("from_logits=True, but the network answers probabilities")
    call = getattr(loss, "call", loss)  # A loss as an object would return the mean.

    def error_of(right, answers):
        # Probabilities add up to 1: both must be, or none.
        are_shares = [np.allclose(a.sum(axis=-1), 1) for a in (typical, answers)]
        if answers.shape[-1] > 1 and are_shares[0] != are_shares[1]:
            raise ValueError("naive: give probabilities or logits, as the network does")
        tensors = [keras.ops.cast(a, keras.config.floatx()) for a in (right, answers)]
        return keras.ops.convert_to_numpy(call(*tensors))

    return error_of, _takes_ids(loss)


def _takes_ids(loss):
    """Return whether a loss takes class ids: by its name if it is Keras's, else perhaps."""
    function = getattr(loss, "fn", loss)  # of a class of Keras, its function
    if not _is_of_keras(function):
        return True
    return getattr(function, "__name__", None) in TAKE_IDS


def _errors(error_of, takes_ids, right, answers, name):
    """Return the error at each time step; NaN before the first answer.

    error_of, takes_ids: as _error_function returns them.
    name: of the answers, for messages.
    """
    none = max(len(right) - len(answers), 0)
    if none == len(right):  # The stretch is too short for a naive answer.
        return np.full(none, np.nan)
    right = right[none:].copy()  # A function may write into it.
    # Losses that take no ids would broadcast them, without a word.
    is_one_each = right.size == len(answers) and answers.size > len(answers)
    are_ids = takes_ids and is_one_each
    if right.shape != answers.shape and not are_ids:
        raise ValueError(f"{name}: {answers.shape}, but right is {right.shape}")
    errors = np.asarray(error_of(right, answers))
    # The first and the last error must be those of these time steps alone, but for rounding.
    is_each = errors.shape[:1] == right.shape[:1]
    if is_each:
        alone = [error_of(right[[i]], answers[[i]]) for i in (0, -1)]
        near = {"rtol": 1e-3, "atol": 1e-4 * np.nanmax(np.abs(errors))}
        is_each = np.allclose(
            errors[[0, -1]], np.concatenate(alone), **near, equal_nan=True
        )
    if not is_each:
        raise ValueError("no error for each time step: give another function error=")
    means = errors.reshape(len(right), -1).mean(axis=1)
    return np.append(np.full(none, np.nan), means)


def _early_and_late(tables, steps):
    """Return means over tables of errors, (time steps, ways): early and late ones."""
    rows = {"after 1 to 5": [], "late": []}
    for errors in tables:
        middle = (len(errors) + steps) // 2  # of what follows the first window
        rows["after 1 to 5"].append(errors[:5].mean(skipna=False))
        rows["late"].append(errors[middle:].mean(skipna=False))
    frames = {row: pd.DataFrame(rows[row]) for row in rows}
    means = pd.DataFrame({row: frames[row].mean(skipna=False) for row in frames}).T
    spread = [frames[row]["reading on"].sem(skipna=False) for row in frames]
    means.insert(2, "+/-", spread)
    return means
