"""May a recurrent network of Keras read on, past the length of its windows?

`windows_and_answers` makes training data, `check` compares errors, `reader_of` returns a copy
that reads sequences of any length, `live_of` one that keeps its state between values.

After a window, a copy answers as the network, and no answer changes when more values follow.
Both are tested on your values, in up to 1,000 windows, to 1 % of how much answers vary. A layer
of your own is copied from its get_config. If get_config leaves out an option that matters only
past a window, no test can see it. Copy this file, and stateful.py for live networks: see
README.md.

Sections of this file: these four functions; what they are given; copies; causes of failures;
comparisons; errors of answers.
"""

import contextlib
import random
import re
from collections.abc import Callable
from functools import partial
from inspect import signature
from types import FunctionType
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
from keras import layers

# The losses of Keras that compare the outputs of a time step with a class id.
TAKE_IDS = (
    "sparse_categorical_crossentropy",
    "categorical_generalized_cross_entropy",
)
# Two answers are the same if they differ by at most this share of how much the output varies.
SAME = 0.01
# Sums of many floats of 32 bits may differ by this share, as a processor may add them up in
# another order. So an output that stays near 300 may differ by 0.0003, however little it varies.
ROUNDING = 1e-6
# At most so many windows are compared. More would take long, and fewer could miss rare values.
MOST_WINDOWS = 1000
# If a network has a fixed batch size, at most so many batches of windows are compared.
MOST_BATCHES = 100

# What messages say if two answers are not the same
AFTER_A_WINDOW = "after a window, a reader answers otherwise than the network"
LATER_VALUES = "answers change when later values follow"
ONE_BY_ONE = "one value at a time, a copy answers otherwise than it does on the whole"


def windows_and_answers(pairs, steps, each_step=False):
    """Return all windows of some sequences, and the right answers to them.

    pairs: of each sequence its values, (time steps, ...), and the right answer to each value,
        (time steps, outputs), or class ids, (time steps,).
    steps: number of time steps of a window, 1 or more. (Each window starts one step later.)
    each_step: return the answers to all time steps of a window, not only to its last one.
    Returns: X, (windows, steps, ...), and y, (windows, outputs) or class ids, (windows,). With
        each_step, (windows, steps, outputs) or (windows, steps).
    Raises: ValueError for a sequence shorter than a window, or not as many answers as values.
    """
    pairs = _arrays(pairs)
    X = np.concatenate([_windows(values, steps) for values, _ in pairs])
    y = np.concatenate([_windows(right, steps) for _, right in pairs])
    if not each_step:
        y = y[:, -1]
    return X, y


def check(
    model, stretches, naive, steps=None, error=None, reader=None, by_number=False
):
    """Return mean errors, early and late: on windows, reading on, and of naive answers.

    model: trained. Its windows start from a zero state, also if it is stateful.
    stretches: pairs as those of windows_and_answers, new to the model, longer than a window.
    naive: functions by name: each takes values, (time steps, ...), and returns naive answers,
        (time steps, outputs), in the form of the model's. It may return fewer: those to the last
        time steps.
    steps: of the training's windows; needed if the model takes any length.
    error: a loss of Keras, its name, or a function (right, answers): an error per time step. Else
        the model's.
    reader: network for any length that answers each time step; it gets the model's weights.
    by_number: return a row for each time step instead, up to the length of the shortest stretch.
    Returns: DataFrame of means over the stretches: after 1 to 5 values, and late, in the
        second half of what follows the first window. +/-: standard error of reading on. NaN: no
        answer (to windows, none comes before `steps` values), or only one stretch.
    Raises: ValueError if the reader answers otherwise than the model, or shapes do not fit.
    """
    steps = _steps(model, steps)
    stretches = _arrays(stretches)
    _check_naive(naive)
    sequences = [values for values, _ in stretches]
    tables = []
    why_not = partial(_why_not_reading_on, steps=steps, sequences=sequences)
    with _naming_causes(reader or model, why_not):
        if reader:
            with _trial("the reader cannot take the weights of the network"):
                _set_weights(reader, model)
            window_copy = reader  # It reads windows, too.
        else:
            # A copy reads the windows, as the model may take only a fixed batch size.
            window_copy, reader = _copies(model)
        of_model = _test_reader(model, reader, sequences, steps)
        loss = _loss(model, error, of_model)
        for values, right in stretches:
            windows = _windows(values, steps)
            # Read all windows, in batches of at most MOST_WINDOWS.
            batches = np.array_split(windows, len(windows) // MOST_WINDOWS + 1)
            on_windows = np.concatenate([_answers(window_copy, X) for X in batches])
            reading_on = _answers_to_each_step(reader, values[np.newaxis])
            on_windows = _to_last_steps(on_windows, reading_on)
            reading_on = reading_on[0]  # of one sequence
            # What follows the first window must not change the answer to it. _test_reader has
            # read only one of the stretches as a whole, so look at each one here.
            after_window = reading_on[steps - 1]
            _fail_if_different(after_window, on_windows[0], of_model, LATER_VALUES)
            ways = {"on windows": on_windows, "reading on": reading_on}
            for name in naive:
                copied = values.copy()  # A function may write into its values.
                answers = naive[name](copied)
                # A single number becomes an array, so that _errors can refuse its shape.
                ways[name] = np.atleast_1d(answers)
            errors = {}
            for way, answers in ways.items():
                errors[way] = _errors(loss, right, answers, way)
            tables.append(pd.DataFrame(errors, index=np.arange(1, len(right) + 1)))
    if by_number:
        shortest = min(map(len, tables))
        return sum(errors.iloc[:shortest] for errors in tables) / len(tables)
    return _early_and_late(tables, steps)


def reader_of(model, values, steps=None):
    """Return a copy that reads sequences of any length, and answers at each time step.

    values: a sequence of your data, (time steps, ...), best of more than two windows' length.
    steps: of the training's windows; needed if the model takes any length.
    Returns: network of (batch, time steps, ...), which returns (batch, time steps, outputs). A
        layer that is used both up to the last recurrent layer and after it becomes two.
    Raises: ValueError if a copy answers otherwise than the model, or depends on later values.
    """
    steps = _steps(model, steps)
    sequences = [np.asarray(values)]
    why_not = partial(_why_not_reading_on, steps=steps, sequences=sequences)
    with _naming_causes(model, why_not):
        _, reader = _copies(model)
        _test_reader(model, reader, sequences, steps)
    return reader


def live_of(model, values, steps=None, batch_size=1):
    """Return a copy that reads one time step per call, and keeps its state between calls.

    It takes (batch_size, 1, ...), and returns (batch_size, 1, outputs). Before each new
    sequence, call reset_states of stateful.py (for TensorFlow only).
    values, steps: as for reader_of. Leave out masked time steps, here and live.
    batch_size: how many sequences are read at the same time.
    Raises: ValueError if it answers otherwise than the copy of reader_of, and where reader_of
        does.
    """
    if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ValueError(f"batch_size={batch_size!r}: at least 1 is needed")
    steps = _steps(model, steps)
    reader = reader_of(model, values, steps)
    X = np.stack([values] * batch_size)
    with _naming_causes(reader, _why_not_live):
        expected = _answers(reader, X)
        _, live = _copies(model, (batch_size, 1), stateful=True)
        # After reset_states, each state is zero. Start from zeros here, too. If a cell asks for
        # another state to start from, the comparison below fails, as it should.
        _set_states_to_zero(live)
        answers = [_answers(live, X[:, [step]]) for step in range(len(values))]
        answers = np.concatenate(answers, axis=1)
        typical = expected[0]  # All rows are alike.
        _fail_if_different(answers, expected, typical, ONE_BY_ONE)
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
    """Raise ValueError for what is no dict of functions, by names that are not taken."""
    is_dict = isinstance(naive, dict) and all(map(callable, naive.values()))
    taken = ["on windows", "reading on", "+/-"]
    if not is_dict or any(name in taken for name in naive):
        raise ValueError("naive: a dict of functions is needed, by names of their own")


def _windows(array, steps):
    """Return all windows of an array, (windows, steps, ...), as a view of it."""
    if not 1 <= steps <= len(array):
        raise ValueError(f"{array.shape}: axis 0 has no window of {steps} time steps")
    windows = np.lib.stride_tricks.sliding_window_view(array, steps, axis=0)
    return np.moveaxis(windows, -1, 1)


def _some(items, most):
    """Return at most so many items of a list, spread over it."""
    if len(items) <= most:
        return items
    return [items[n] for n in np.linspace(0, len(items) - 1, most).astype(int)]


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
#
# A network is copied twice. The window copy answers windows of any length. If there are networks
# in the network, the copy has their layers in their place.
#
# The reader is made of the window copy, and answers each time step. For this, the window copy is
# cut in two. From the answer back, the cut is at the first tensors that still have time steps, or
# that a recurrent layer has made of time steps:
#
#     LSTM -> LSTM | Dense                   The second LSTM returns its last output.
#     LSTM -> LSTM | x[:, -1] -> Dense       Both LSTMs return all of them.
#     LSTM -> LSTM -> Dense |                The same, and an answer at each step.
#
# In the reader, all that is before the cut, the body, returns each time step. What follows the
# cut, the head, is applied to each of them by a layer EachStep.


@keras.saving.register_keras_serializable("reading_on")
class EachStep(layers.Wrapper):
    """Applies a network for one time step to every time step of a sequence."""

    def __init__(self, layer, **options):
        # autocast: the network in it has types of its own.
        super().__init__(layer, autocast=False, **options)
        self.supports_masking = True
        layer.supports_masking = True  # Else, Keras warns that masks end in it.

    def call(self, inputs, mask=None):
        inputs = keras.tree.flatten(inputs)
        masks = keras.tree.flatten(mask)
        batch_size, steps, *_ = keras.ops.shape(inputs[0])
        parts, masks_of_parts = [], []
        for x, taken in zip(inputs, self.layer.inputs):
            rows = _all_steps_as_rows(x)
            # If the network begins with x[:, -1], it takes sequences. Each row becomes a sequence
            # of one step.
            if len(taken.shape) > len(rows.shape):
                rows = rows[:, np.newaxis]
            parts.append(rows)
        for x in masks:
            # The network for one step needs no mask of time steps, (batch, steps). It needs one of
            # what is within each step, such as its words, (batch, steps, words).
            is_within_steps = x is not None and len(x.shape) > 2
            masks_of_parts.append(_all_steps_as_rows(x) if is_within_steps else None)
        answers = self.layer(_one_or_all(parts), mask=_one_or_all(masks_of_parts))
        return keras.ops.reshape(answers, (batch_size, steps, *answers.shape[1:]))


def _all_steps_as_rows(x):
    """Return (batch, time steps, ...) as (batch * time steps, ...)."""
    return keras.ops.reshape(x, (-1, *x.shape[2:]))


def _copies(model, shape=(None, None), stateful=False):
    """Return two copies, not compiled: the window copy, and the reader.

    shape: of the reader's input, its batch size and its number of time steps.
    stateful: whether the reader keeps its state.
    """
    # Keras draws seeds of new layers. What you draw later must not change.
    before = random.getstate()
    try:
        with _trial("the network cannot be copied"):
            if _is_yours(type(model).call):
                advice = "give keras.Model(inputs, yours.call(inputs))"
                raise _KnownCause(f"the network has a call of yours: {advice}")
            window_copy = _window_copy(model)
            return window_copy, _reader(window_copy, shape, stateful)
    finally:
        random.setstate(before)


def _is_yours(code):
    """Return whether a class or a function is code of yours: not Keras's, not built in."""
    module = getattr(code, "__module__", None) or "builtins"
    return module != "builtins" and not module.startswith("keras.")


def _copy_graph(model, outputs, shape, call_layer):
    """Return a network of another input shape: model as far as these outputs, not compiled.

    call_layer: function (layer, *args, **kwargs) that Keras calls in place of each layer, from
        the input to the outputs.
    """
    name, x = _plain(model.name), model.inputs[0]
    body = keras.Model(x, _one_or_all(outputs), name=name)
    inputs = keras.Input(batch_shape=(*shape, *x.shape[2:]), dtype=x.dtype)
    # clone_function would copy each layer. Here, `call_layer` does.
    return keras.models.clone_model(
        body, inputs, clone_function=lambda layer: layer, call_function=call_layer
    )


def _window_copy(model):
    """Return a copy for windows of any length."""
    clones, names = {}, []

    def call_clone(layer, *args, **kwargs):
        if isinstance(layer, keras.Model) and not _is_yours(type(layer).call):
            return call_network(layer, *args, **kwargs)
        if isinstance(layer, (layers.TimeDistributed, EachStep)):
            return call_at_each_step(layer, *args, **kwargs)
        if _is_slice_of_last_step(layer, args):
            # If the number of steps is not known, Keras does not know, either, that x[:, -1:]
            # has one step.
            x, key = args
            last_step = x[(slice(None), -1, *key[2:])]
            return keras.ops.expand_dims(last_step, 1)
        with _trial(f"{layer.name!r} cannot be copied for any number of time steps"):
            if layer not in clones:
                name = _new_name(layer.name, names)
                clones[layer] = _clone_layer(layer, name, stateful=False, unroll=False)
            answers = clones[layer](*args, **kwargs)
        _set_weights(clones[layer], layer)
        if getattr(layer, "return_state", False):
            # This changes no answer here, but a reader has outputs after each step, not states.
            return _with_output_as_state(layer, answers)
        return answers

    def call_network(network, inputs, training=None, mask=None):
        """Call the layers of a network in the network, as Keras does.

        training: not needed: Keras gives it to each layer.
        """
        _fail_if_given_a_mask(network, inputs, mask)
        graph = getattr(network, "_functional", network)  # of a Sequential
        inputs = graph._standardize_inputs(inputs)
        return graph._run_through_graph(
            inputs, operation_fn=lambda layer: layer, call_fn=call_clone
        )

    def call_at_each_step(layer, inputs, training=None, mask=None):
        """Call a new EachStep in place of an EachStep, or of a TimeDistributed.

        A TimeDistributed takes a fixed number of time steps.
        """
        _fail_if_given_a_mask(layer, inputs, mask)
        given = keras.tree.flatten(inputs)
        if isinstance(layer, EachStep):  # The model is itself a copy of reader_of.
            shapes = [x.shape[1:] for x in layer.layer.inputs]
        else:  # The inner layer takes one time step of (batch, time steps, ...).
            shapes = [x.shape[2:] for x in given]
        taken = [keras.Input(shape, dtype=x.dtype) for shape, x in zip(shapes, given)]
        answer = call_clone(layer.layer, _one_or_all(taken))
        network = keras.Model(_one_or_all(taken), answer)
        return EachStep(network, name=_new_name(layer.name, names))(inputs)

    return _copy_graph(model, model.outputs, (None, None), call_clone)


def _fail_if_given_a_mask(layer, inputs, mask):
    """Fail if a layer is given a mask with a tensor that has none: its copy would not get it.

    A mask that a tensor has is no harm: Keras gives it to the inner layers by itself.
    """
    masks = keras.tree.flatten(mask)
    for x, given in zip(keras.tree.flatten(inputs), masks):
        if given is not None and getattr(x, "_keras_mask", None) is None:
            raise _KnownCause(f"{layer.name!r} cannot be given a mask of its own")


def _with_output_as_state(layer, answers):
    """Return answers of a recurrent layer, with its last output in place of its first state (h).

    In a layer of Keras with one cell, the two are equal. But Keras returns an output after each
    time step, and a state only after the last one.
    """
    cell = getattr(layer, "cell", None)  # A Bidirectional has none.
    if cell is None or hasattr(cell, "cells") or _is_yours(type(cell)):
        return answers  # They may not be equal.
    if layer.zero_output_for_mask:
        return answers  # The output of a masked step is 0, and the state is not.
    output, _, *states = answers
    last = output[:, -1] if layer.return_sequences else output
    return [output, last, *states]


def _reader(window_copy, shape, stateful):
    """Return a network that answers each time step, made of the window copy."""
    clones, names = {}, []

    def call_clone(layer, *args, **kwargs):
        if isinstance(layer, EachStep):  # It needs no change: share it.
            return layer(*args, **kwargs)
        # If a stateful layer is called twice, each call needs a state of its own, so a copy.
        if stateful or layer not in clones:
            options = {"return_sequences": True, "stateful": stateful}
            name = _new_name(layer.name, names)
            clones[layer] = _clone_layer(layer, name, **options)
        answers = clones[layer](*args, **kwargs)
        _set_weights(clones[layer], layer)
        return answers

    ends, head = _split(window_copy)
    body = _copy_graph(window_copy, ends, shape, call_clone)
    if not head:
        return body
    name = _new_name("each_step", [layer.name for layer in body.layers])
    answer = EachStep(head, name=name)(body.outputs)
    return keras.Model(body.input, answer, name=body.name)


def _split(model):
    """Return the tensors at the cut, and the head, a network; None if nothing follows."""
    answer = model.outputs[0]
    if _is_at_the_cut(answer):
        return [answer], None
    ends, waiting, seen = [], [answer], {answer}
    while waiting:  # back from the answer
        tensor = waiting.pop()
        if _is_at_the_cut(tensor):
            ends.append(tensor)
            continue
        for x in _node_of(tensor).input_tensors:
            if x not in seen:
                waiting.append(x)
                seen.add(x)
    return ends, keras.Model(_one_or_all(ends), answer)


def _is_at_the_cut(tensor):
    """Return whether a tensor has time steps, or a recurrent layer has made it of them."""
    node = _node_of(tensor)
    made_of_steps = any(map(_has_steps, node.input_tensors))
    return _has_steps(tensor) or (_is_recurrent(node.operation) and made_of_steps)


def _node_of(tensor):
    """Return the call of a layer that has made a tensor, a Node of Keras."""
    operation, number, _ = tensor._keras_history
    return operation._inbound_nodes[number]


def _one_or_all(tensors):
    """Return the only tensor of a list, or the list, as a network of Keras takes them."""
    return tensors if len(tensors) > 1 else tensors[0]


def _has_steps(tensor):
    """Return whether a tensor has time steps, in a network for any number of them."""
    return tensor.shape[1:2] == (None,)


def _is_recurrent(operation):
    """Return whether an operation is a recurrent layer, or has one in it."""
    if not isinstance(operation, layers.Layer):
        return False
    return any(isinstance(part, layers.RNN) for part in operation._flatten_layers())


def _is_slice_of_last_step(operation, args):
    """Return whether an operation is x[:, -1:], or x[:, -1:, ...]."""
    if type(operation).__name__ != "GetItem":
        return False
    _, key = args
    return isinstance(key, tuple) and key[:2] == (slice(None), slice(-1, None))


def _clone_layer(layer, name, **options):
    """Return a new layer of this name, without weights.

    options: they take the place of those of the layer, if it has them.
    """
    if isinstance(layer, layers.Lambda):  # Keras finds the shape of its output.
        return layers.Lambda(
            layer.function,
            name=name,
            mask=layer.mask,
            arguments=layer.arguments,
            dtype=layer.dtype_policy,
        )
    config = layer.get_config()
    options["name"] = name
    config.update({key: options[key] for key in options if key in config})
    if hasattr(layer, "get_vocabulary"):  # get_config leaves out one that was adapted.
        config["vocabulary"] = layer.get_vocabulary(include_special_tokens=False)
    if isinstance(layer, layers.Reshape):
        # shape[1] may be the number of time steps: let Keras find it.
        shape = layer._inbound_nodes[0].output_tensors[0].shape
        if None not in shape[2:]:
            config["target_shape"] = (-1, *shape[2:])
    if _is_yours(type(layer)):
        clone = type(layer).from_config(config)
        if isinstance(layer, layers.Layer):
            _fail_if_shared(layer, clone)
        return clone
    if isinstance(layer, layers.Bidirectional):  # Keras makes its two layers of one.
        return type(layer).from_config(config)
    config.update(_code_of(layer, config))
    if isinstance(layer, (layers.RNN, layers.StackedRNNCells, layers.Wrapper)):
        return type(layer)(
            **config
        )  # from_config would want configs of the layers in it.
    return type(layer).from_config(config)


def _code_of(layer, config):
    """Return the options of a layer of Keras that are code, by their names in its config.

    In the config, they are names, by which Keras may find other code, or none.
    """
    code = {}
    for option in config:
        value = getattr(layer, option, None)
        is_function = isinstance(value, FunctionType)  # such as an activation
        is_yours = callable(value) and _is_yours(type(value))  # such as a constraint
        if isinstance(value, layers.Layer):  # such as a cell
            code[option] = _clone_layer(value, value.name)
        elif is_function or is_yours:
            code[option] = value
    if "cells" in config:
        code["cells"] = [_clone_layer(cell, cell.name) for cell in layer.cells]
    return code


def _fail_if_shared(layer, clone):
    """Fail if a copy of a layer of yours has a variable of the layer itself."""
    variables = {id(variable) for variable in layer.variables}
    if any(id(variable) in variables for variable in clone.variables):
        found = "its get_config gives a layer or a variable itself, not a config"
        raise _KnownCause(f"{layer.name!r} cannot be copied: {found}")


def _new_name(name, names):
    """Return a name that is not one of `names` yet, and add it to them."""
    name = _plain(name)
    while name in names:
        name += "_"
    names.append(name)
    return name


def _plain(name):
    """Return a name that TensorFlow can compile: without spaces, accents and signs."""
    name = re.sub("[^A-Za-z0-9_]", "_", name)
    return f"x{name}" if name.startswith("_") else name


def _set_weights(copy, original):
    """Give a network, a layer or an operation the weights of another one."""
    if not isinstance(copy, layers.Layer):  # An operation such as + has no weights.
        return
    copy.set_weights(original.get_weights())
    for layer in copy._flatten_layers():
        if isinstance(layer, layers.Normalization):
            layer.finalize_state()  # It computes what it uses from its weights.


def _set_states_to_zero(network):
    """Set the states of recurrent layers to zero, as reset_states of stateful.py does."""
    for state, zeros in _states_and_zeros(network):
        state.assign(zeros)


def _states_and_zeros(network):
    """Return pairs of the states of recurrent layers, and zeros for each."""
    parts = network._flatten_layers()
    recurrent = [part for part in parts if isinstance(part, layers.RNN)]
    states = keras.tree.flatten([layer.states or [] for layer in recurrent])
    return [(state, keras.ops.zeros_like(state)) for state in states]


# ---- Causes: what the message says when a trial has failed
#
# The functions _why_not_... are asked only after a trial has failed. They make none fail: a layer
# of which they give a cause may be harmless where it stands.

# This is asked if nothing more is known.
ASK = "does a layer need later values, several at a time, or a complete get_config?"


def _why_not_reading_on(node, steps, sequences):
    """Return why a layer may not read on, or None. This is the place for a new cause.

    Of each layer, the first cause that fits is given.

    node: a Node of Keras, which is one call of a layer, the operation. It has input_tensors,
        outputs and arguments.
    steps: of a window.
    sequences: the values that were given.
    """
    layer, inputs = node.operation, node.input_tensors
    name = type(layer).__name__
    if isinstance(layer, layers.Bidirectional):
        return "reads in both directions"
    if getattr(layer, "go_backwards", False):
        return "reads backwards"
    if isinstance(layer, layers.Embedding) and _is_input(inputs[0]):
        ids = np.concatenate([np.ravel(values) for values in sequences])
        are_numbers = ids.dtype.kind in "iuf"
        if are_numbers and (ids.min() < 0 or ids.max() >= layer.input_dim):
            found = f"values have ids from {ids.min()} to {ids.max()}"
            return f"takes ids from 0 to {layer.input_dim - 1}, but {found}"
    if any(map(_is_inner_state, inputs)):
        return "takes a state that is not a layer's last output"
    # Causes of layers of your own belong above this line.
    if isinstance(layer, EachStep):  # It is not Keras's, and harmless.
        return None
    cell = getattr(layer, "cell", layer)  # An RNN of Keras may have cells of yours.
    cells = getattr(cell, "cells", [cell])
    is_yours = any(_is_yours(type(part)) for part in (layer, *cells))
    if isinstance(layer, layers.Lambda) or is_yours:
        return f"is code of yours: {ASK}"
    # All below is about layers that get time steps.
    rank = len(inputs[0].shape)
    if rank < 3 or inputs[0].shape[1] not in (None, steps):
        return None
    if isinstance(layer, layers.RNN):
        if _has_first_state(node):
            return "starts from a state that another layer returns"
        # Stop here: the name ConvLSTM1D has "Conv" in it, but it convolves no time steps.
        return None
    if "Pooling" in name and _sees_several_steps(layer):
        return "pools time steps"
    axes = np.ravel(getattr(layer, "axis", None))  # one, several, or None
    counted_from_the_end = 1 - rank  # of (batch, steps, outputs), axis 1 is axis -2
    if 1 in axes or counted_from_the_end in axes:
        return "works along axis 1, that of time steps"
    if isinstance(layer, layers.Flatten):
        return "flattens time steps"
    if isinstance(layer, layers.GroupNormalization):
        return "takes means over time steps"
    if name == "GetItem" and _takes_numbered_steps(node.arguments.args[1]):  # its key
        return "takes time steps by their numbers (x[:, -1] is for the last one)"
    is_causal = getattr(layer, "padding", None) == "causal"
    if _is_convolution(layer) and _sees_several_steps(layer) and not is_causal:
        return "is a convolution that is not causal"
    if "Attention" in name and not node.arguments.kwargs.get("use_causal_mask"):
        return "attends to later time steps, without use_causal_mask"
    # Operations, such as x[:, -1], and networks may leave out all steps but the last.
    is_layer = isinstance(layer, layers.Layer) and not isinstance(layer, keras.Model)
    if is_layer and node.outputs[0].shape[1:2] != inputs[0].shape[1:2]:
        return "changes the number of time steps"
    return None


def _why_not_live(node):
    """Return why a layer that reads on may not do so live, or None.

    This is the place for a new cause of live_of. The layers are those of the copy that reads on.
    """
    layer = node.operation
    name = type(layer).__name__
    if isinstance(layer, layers.RNN):
        if _has_first_state(node):
            return "starts from a state that another layer returns"
        if any(map(np.any, keras.tree.flatten(layer.get_initial_state(1)))):
            return "starts from another state than zero"
        return None
    if isinstance(layer, layers.Masking) or getattr(layer, "mask_zero", False):
        return "masks time steps: leave these out of the values"
    looks_around = _is_convolution(layer) or "Pooling" in name
    if (looks_around and _sees_several_steps(layer)) or "Attention" in name:
        return "reads several time steps"
    if _is_yours(type(layer)) and not isinstance(layer, EachStep):
        return f"is code of yours: {ASK}"
    return None


class _Failure(Exception):
    """A trial has failed: copying, reading or comparing."""


class _KnownCause(_Failure):
    """A trial has failed, and the message says why."""


@contextlib.contextmanager
def _trial(failure):
    """Turn an error into a _Failure of these words. One that is a _Failure keeps its own."""
    try:
        yield
    except _Failure:
        raise
    except Exception as error:
        raise _Failure(failure) from error


@contextlib.contextmanager
def _naming_causes(network, why_not):
    """Turn a _Failure into a ValueError of one line that names causes.

    why_not: function that returns the cause of a node, or None.
    """
    try:
        yield
    except _KnownCause as failure:
        raise ValueError(f"{failure} (see README.md)") from failure
    except _Failure as failure:
        causes = []
        for node in _nodes(network):
            cause = why_not(node)
            if cause:
                causes.append(f"{node.operation.name!r} {cause}")
        if failure.__cause__:
            causes.append(_words_of(failure.__cause__))
        words = "; ".join(dict.fromkeys(causes)) or ASK
        raise ValueError(f"{failure}: {words} (see README.md)") from failure


def _nodes(network):
    """Return the nodes of a network and of networks in it, from input to answer."""
    nodes = []
    if not getattr(network, "inputs", None):  # a reader of another kind
        return nodes
    graph = keras.Model(network.inputs, network.outputs)  # of a Sequential, too
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            nodes.append(node)
            if isinstance(node.operation, keras.Model):
                nodes += _nodes(node.operation)
    return [node for node in nodes if node.input_tensors]  # An input has none.


def _is_convolution(layer):
    """Return whether a layer is a convolution. (There is an operation ConvertToTensor.)"""
    return isinstance(layer, layers.Layer) and "Conv" in type(layer).__name__


def _sees_several_steps(layer):
    """Return whether a convolution or a pooling sees several time steps at once."""
    sizes = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    return sizes is None or np.ravel(sizes)[0] > 1  # None: it pools all of them


def _is_input(tensor):
    """Return whether a tensor is an input of a network."""
    return isinstance(tensor._keras_history.operation, layers.InputLayer)


def _takes_numbered_steps(key):
    """Return whether a key takes time steps by their numbers, not all or the last one."""
    if not isinstance(key, tuple) or len(key) < 2 or key[0] is Ellipsis:
        return False
    step = key[1]
    # As in x[:, -1], x[:, -1:] and x[:, :].
    can_be_read_on = [-1, slice(-1, None), slice(None)]
    return isinstance(step, (int, slice)) and step not in can_be_read_on


def _has_first_state(node):
    """Return whether a recurrent layer is called with a state to start from."""
    arguments = node.arguments  # as of layer(x, initial_state, ...)
    states = [*arguments.args[1:2], arguments.kwargs.get("initial_state")]
    return any(state is not None for state in states)


def _is_inner_state(tensor):
    """Return whether a tensor is a state that is no output, such as c of an LSTM."""
    operation, _, number = tensor._keras_history  # 0: the output, 1: the first state
    if not isinstance(operation, layers.RNN) or number == 0:
        return False
    # If the layer has several cells, the first state is that of the first one.
    return number > 1 or hasattr(operation.cell, "cells")


def _words_of(error):
    """Return what an error of Keras or TensorFlow says, without the place in the code."""
    words = str(error)
    if "\033[1m" in words:
        # Keras names the layer, then says in bold what was wrong, as in "... calling Dense.call().
        # <bold>Shapes differ<end of bold> Arguments received ...". In bold, "Error encountered:"
        # may stand before it.
        words = words.split("\033[1m")[-1].split("\033[0m")[0]
        words = words.split("Error encountered:")[-1]
    else:
        # TensorFlow's last line may be "indices[0,1] = 7 is not in [0, 4)". Others name nodes
        # of its graph, such as {{node functional/embedding/Gather}}.
        lines = [line for line in words.splitlines() if line.strip()]
        lines = [line for line in lines if "{{node" not in line]
        words = lines[-1] if lines else ""
        words = re.sub(r"{{function_node .*?}}", "", words)
    return f"Keras says: {' '.join(words.split())[:200]}"


# ---- Comparisons


def _answers(network, X):
    """Return the answers of a network to an array."""
    takes = getattr(network, "input_shape", None)
    with _trial(f"a network of shape {takes} cannot read {X.shape}"):
        answers = np.asarray(network.predict_on_batch(X), "float64")
    if np.isnan(answers).any():
        raise ValueError("the network answers nan: are values missing?")
    return answers


def _to_last_steps(of_windows, of_reader):
    """Return the answers to the last time steps of windows, (windows, outputs).

    of_windows: answers of a network to windows: one, or one at each time step.
    of_reader: answers of a reader, (sequences, time steps, outputs).
    """
    answers_each_step = of_windows.ndim == of_reader.ndim
    return of_windows[:, -1] if answers_each_step else of_windows


def _answers_to_each_step(reader, X):
    """Return the answers of a reader, one for each time step, or fail."""
    answers = _answers(reader, X)
    if answers.shape[1:2] != X.shape[1:2]:
        raise _Failure(f"a reader answers {answers.shape} to {X.shape}")
    return answers


def _test_reader(model, reader, sequences, steps):
    """Fail unless a reader answers windows as a model does, and does not read ahead.

    Returns: the model's answers to windows, (windows, outputs).
    """
    for values in sequences:
        _windows(values, steps + 1)  # raises ValueError for one that is too short
    batch_size = model.inputs[0].shape[0]
    most = MOST_WINDOWS
    if batch_size:
        most = min(most, MOST_BATCHES * batch_size)

    def parts(length):
        """Return parts of this length, spread over those of all sequences.

        The first one begins the first sequence that is long enough.
        """
        long_enough = [values for values in sequences if len(values) >= length]
        every = [part for values in long_enough for part in _windows(values, length)]
        return np.array(_some(every, most))

    # Does it answer windows as the model does?
    X = parts(steps)
    of_reader = _answers_to_each_step(reader, X)
    of_model = _answers_to_windows(model, X, batch_size or len(X))
    of_model = _to_last_steps(of_model, of_reader)
    _fail_if_different(of_reader[:, -1], of_model, of_model, AFTER_A_WINDOW)

    # Does an answer change if more values follow? Read parts of two windows' length.
    length = min(2 * steps, max(map(len, sequences)))
    X = parts(length)
    of_reader = _answers_to_each_step(reader, X)
    # 1 finds a first answer that needs the second value. If a layer reads values in pairs,
    # either `steps` or `steps + 1` ends within a pair.
    for seen in 1, steps, steps + 1:
        first = _answers(reader, X[:, :seen])
        _fail_if_different(first, of_reader[:, :seen], of_model, LATER_VALUES)

    # Values may follow much later: read a whole sequence, and all of it but the last value.
    values = next(values for values in sequences if len(values) >= length)
    whole = _answers_to_each_step(reader, values[np.newaxis])
    # The first of the parts above begins this sequence.
    first = of_reader[:1]
    _fail_if_different(first, whole[:, :length], of_model, LATER_VALUES)
    but_one = _answers(reader, values[np.newaxis, :-1])
    _fail_if_different(but_one, whole[:, :-1], of_model, LATER_VALUES)
    return of_model


def _answers_to_windows(model, X, batch_size):
    """Return the answers of a model to windows, each from a zero state.

    States that the model has kept are left as they are.
    """
    answers = []
    for start in range(0, len(X), batch_size):
        batch = X[start : start + batch_size]
        # The last batch may have fewer windows: repeat them.
        batch = np.resize(batch, (batch_size, *X.shape[1:]))
        with keras.StatelessScope(_states_and_zeros(model)):
            answer = model(keras.ops.convert_to_tensor(batch), training=False)
            (answer,) = keras.tree.flatten(answer)
            answers.append(keras.ops.convert_to_numpy(answer))
    return np.concatenate(answers)[: len(X)].astype("float64")


def _fail_if_different(answers, expected, typical, failure):
    """Fail if an output differs by more than 1 % of how much it varies.

    Rounding is allowed, too, if it is more.

    typical: answers that show how much each output varies, (answers, outputs).
    failure: what the message says.
    """
    if answers.shape != expected.shape:
        shapes = f"{answers.shape}, not {expected.shape}"
        raise _Failure(f"a copy or reader answers {shapes}")
    typical = typical.reshape(len(typical), -1)  # a column for each output
    varies = typical.std(axis=0)
    largest = np.abs(expected).reshape(-1, len(varies)).max(axis=0)
    rounding = ROUNDING * largest
    if (SAME * varies <= rounding).all():  # No difference can be told from rounding.
        scale = "scale values to about -1 to 1, in training, too"
        raise ValueError(f"the answers hardly vary: {scale}, or give other values")
    allowed = np.maximum(SAME * varies, rounding)
    differs = np.abs(answers - expected).reshape(-1, len(varies)).max(axis=0)
    if (differs <= allowed).all():
        return
    allowed[allowed == 0] = 1e-9  # An output is always 0: do not divide by 0.
    worst = (differs / allowed).argmax()
    numbers = f"by {differs[worst]:.2g}, where it varies by {varies[worst]:.2g}"
    raise _Failure(f"{failure}, output {worst} {numbers}")


# ---- Errors of answers


class Loss(NamedTuple):
    """How errors are measured."""

    error: Callable  # (right, answers): an error per time step
    takes_ids: bool  # whether right answers may be class ids
    form: str | None  # of answers: "probabilities", "logits", or None, any numbers


def _loss(model, error, typical):
    """Return the Loss that is asked for by `error`, or that of the model.

    typical: answers of the model.
    """
    if callable(error) and not isinstance(error, keras.losses.Loss):
        return Loss(error, _takes_ids(error), form=None)
    given = error or getattr(model, "loss", None)
    (given,) = keras.tree.flatten(given)  # It may be in a list.
    loss = keras.losses.get(given)
    if loss is None:
        raise ValueError("the network is not compiled with a loss: give error=")
    options = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
    if options.get("ignore_class") is not None:
        raise ValueError("the loss leaves out a class, and so time steps: give error=")
    call = getattr(loss, "call", loss)  # A loss as an object would return the mean.

    def error_of(right, answers):
        tensors = [keras.ops.cast(a, keras.config.floatx()) for a in (right, answers)]
        return keras.ops.convert_to_numpy(call(*tensors))

    function = getattr(loss, "fn", loss)  # of a class of Keras, its function
    form = None
    if "from_logits" in signature(function).parameters:  # a loss of classes
        form = "logits" if options.get("from_logits") else "probabilities"
        # Ask naive answers for no form that the network's own do not have, as one sigmoid's.
        if _are_probabilities(typical) != (form == "probabilities"):
            form = None
    return Loss(error_of, _takes_ids(function), form)


def _are_probabilities(answers):
    """Return whether answers are the probabilities of two or more classes."""
    rounding = 0.01  # of floats of 16 bits
    add_up_to_1 = np.allclose(answers.sum(axis=-1), 1, atol=rounding)
    return answers.shape[-1] > 1 and answers.min() >= 0 and add_up_to_1


def _takes_ids(function):
    """Return whether right answers may be class ids. With a loss of yours, they may."""
    return _is_yours(function) or getattr(function, "__name__", None) in TAKE_IDS


def _errors(loss, right, answers, name):
    """Return the error at each time step; NaN before the first answer.

    loss: a Loss; name: of the answers, for messages.
    """
    n_missing = max(len(right) - len(answers), 0)
    missing = np.full(n_missing, np.nan)
    if n_missing == len(right):  # The stretch is too short for a naive answer.
        return missing
    right = right[n_missing:].copy()  # A function may write into it.
    # Right answers are class ids if there is one for each step, but several outputs. Refuse them
    # if the loss takes none: it would compare each output with the id, without a word.
    is_one_each_step = right.size == len(right) == len(answers)
    are_ids = is_one_each_step and answers.size > len(answers)
    if right.shape != answers.shape and not (loss.takes_ids and are_ids):
        raise ValueError(f"{name}: {answers.shape}, but right is {right.shape}")
    if loss.form and _are_probabilities(answers) != (loss.form == "probabilities"):
        raise ValueError(f"{name}: give {loss.form}, as the network answers")
    errors = np.asarray(loss.error(right, answers))
    if errors.shape[:1] != right.shape[:1]:
        raise ValueError("no error for each time step: give another function error=")
    means = errors.reshape(len(right), -1).mean(axis=1)
    return np.append(missing, means)


def _early_and_late(tables, steps):
    """Return means over tables of errors, (time steps, ways): early and late ones."""
    rows = {"after 1 to 5": [], "late": []}
    for errors in tables:
        middle = (len(errors) + steps) // 2  # of what follows the first window
        rows["after 1 to 5"].append(errors.iloc[:5].mean(skipna=False))
        rows["late"].append(errors.iloc[middle:].mean(skipna=False))
    frames = {row: pd.DataFrame(rows[row]) for row in rows}
    means = pd.DataFrame({row: frames[row].mean(skipna=False) for row in frames}).T
    spread = [frames[row]["reading on"].sem(skipna=False) for row in frames]
    means.insert(2, "+/-", spread)
    return means
