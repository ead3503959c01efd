"""May a recurrent network of Keras read on, past the length of its windows?

`windows_and_answers` makes training data, `check` compares errors, `reader_of` returns a network
that reads sequences of any length, `live_of` one that keeps its state between values.

The last two share the layers of your network, and run them on one time step after the other. So
no answer can depend on later values. They are compared with your network on up to 1,000 windows
of your values, on longer windows, if its layers take them, and once more with other weights. If
answers differ by more than 1 % of their standard deviation, and by more than rounding errors, there
is a ValueError. (If your sequences have very different levels, and answers follow them, 1 % may
hide a wrong reader: subtract the levels first.) If you train on, call them again: a smaller
difference may have grown.

Copy this file, and stateful.py for live networks: see README.md.

These four functions stand at the end of this file. Before them stands what they use, in sections:
"What is given", "Failures", "Questions about layers", "One time step", "Layers of yours",
"Comparisons", "Causes", "Errors of answers" and "Trials".
"""

import contextlib
from functools import partial

import keras
import numpy as np
import pandas as pd
from keras import layers

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
    """Raise ValueError unless the `naive` given to `check` is a dict from names to functions."""
    is_dict = isinstance(naive, dict) and all(map(callable, naive.values()))
    taken = ["on windows", "reading on", "+/-"]  # the other columns of the result
    if not is_dict or any(name in taken for name in naive):
        other = "with other names than " + ", ".join(taken)
        raise ValueError(f"naive: a dict of functions is needed, {other}")


def _windows(array, steps):
    """Return all windows of an array, (windows, steps, ...), as a view of it."""
    length = len(array) if array.ndim else 0
    if not 1 <= steps <= length:
        raise ValueError(f"{array.shape}: axis 0 has no window of {steps} time steps")
    windows = np.lib.stride_tricks.sliding_window_view(array, steps, axis=0)
    return np.moveaxis(windows, -1, 1)


def _some_windows(sequences, length, most):
    """Return windows, spread over those of all sequences, but not more than `most`."""
    long_enough = [values for values in sequences if len(values) >= length]
    every = [window for values in long_enough for window in _windows(values, length)]
    spread = np.linspace(0, len(every) - 1, min(most, len(every)))
    return np.array([every[int(n)] for n in spread])


def _steps(model, steps):
    """Return how many time steps a window of a model has."""
    inputs = getattr(model, "inputs", None) or []  # None if it has no keras.Input
    if len(inputs) != 1 or len(model.outputs) != 1 or len(inputs[0].shape) < 2:
        needed = "one keras.Input, of time steps, and one output are needed"
        advice = "of a subclassed network, give keras.Model(inputs, yours.call(inputs))"
        raise ValueError(f"{needed} ({advice})")
    fixed = inputs[0].shape[1]
    if steps is None:
        steps = fixed
    if fixed not in (None, steps):
        raise ValueError(f"steps={steps!r}: {fixed} is needed")
    if not isinstance(steps, (int, np.integer)) or steps < 1:
        raise ValueError(f"steps={steps!r}: a whole number of at least 1 is needed")
    return steps


# ---- Failures
#
# If something goes wrong, and a layer may be the cause, a _Failure is raised. In the end, it
# becomes a ValueError that names causes: layers, and what may be wrong with them (see "Causes").


class _Failure(Exception):
    """A network cannot be run, or two networks answer differently: causes may be in the layers.

    __cause__: an error of Keras, if there is one, for the message.
    """


@contextlib.contextmanager
def _failing_with(failure):
    """Turn an error into a _Failure of these words."""
    try:
        yield
    except Exception as error:
        raise _Failure(failure) from error


# ---- Questions about layers


def _is_yours(layer):
    """Return whether the `call` of a layer is code of yours, not that of Keras."""
    if isinstance(layer, layers.Lambda):
        return True
    codes = [layer.call]
    # The `call` of a recurrent layer calls its `inner_loop`, to run through the time steps.
    if isinstance(layer, layers.RNN):
        codes.append(layer.inner_loop)
    # Code that `exec` runs has no module, but None: it is yours, too.
    return not all(str(code.__module__).startswith("keras.") for code in codes)


def _graph_of(network):
    """Return the part of a network that has its graph. A Sequential has it inside."""
    return getattr(network, "_functional", network)


def _nodes(network):
    """Return the nodes of a network, and of networks in it that run no code of yours.

    They are in order, from input to answer.
    """
    nodes = []
    if not getattr(network, "inputs", None):  # a network without a keras.Input
        return nodes
    graph = _graph_of(network)
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            part = node.operation
            if node.input_tensors:  # An Input has none.
                nodes.append(node)
            if isinstance(part, keras.Model) and not _is_yours(part):
                nodes += _nodes(part)
    return nodes


def _states_of(network):
    """Return the states that the recurrent layers of a network keep, also those in other layers."""
    parts = [part for part in network._flatten_layers() if isinstance(part, layers.RNN)]
    return keras.tree.flatten([part.states or [] for part in parts])


def _has_first_state(args, kwargs):
    """Return whether a recurrent layer is called with a state to start from."""
    # The first argument is the sequences.
    states = [*args[1:2], kwargs.get("initial_state")]
    return any(state is not None for state in states)


def _steps_taken(key):
    """Return which time steps x[key] takes: a number or a slice.

    For x[:, 0] and x[:, 0, :2], this is 0. For x[:, -3:], it is the slice -3:. For x[..., 0], which
    takes all time steps, it is the slice :.
    """
    # In a network that was loaded, a key is a list.
    if not isinstance(key, (tuple, list)) or len(key) < 2 or key[0] is Ellipsis:
        return slice(None)
    return key[1] if isinstance(key[1], (int, slice)) else slice(None)


# ---- One time step
#
# A network for windows becomes a cell, as LSTMCell is the cell of an LSTM:
#
#     network:  all time steps                 -> LSTM     -> Dense -> answer
#     cell:     one time step, earlier states  -> LSTMCell -> Dense -> answer, new states
#
# Keras's layer RNN runs a cell on each time step of a sequence, and hands on the states. With
# stateful=True, it keeps the last ones for the next call.
#
# For one time step:
#
#     RNN calls    OneStep.call   with the values of this step, and the states of the step before.
#     It calls     _run           which calls the layers of the network, one after the other,
#     each by      _call_layer    which has the rules: what layers need of earlier time steps.
#
# They stand below, in reverse order.
#
# Most layers hand on one time step. A padding, or x[:, -3:], hands on some earlier steps and this
# one. The layers after it get all these steps, until a layer, such as a convolution, returns one.


class _States:
    """The states of the layers of a network, in the order in which the layers are called.

    Each layer that keeps states takes its earlier ones, and appends as many new ones. All of them
    are zeros before the first time step. For a running sum, for example (see _call_layer):

        example              (1, 1, features)       of one sample
        before the 1st step  (batch, 1, features)   zeros
        after it             (batch, 1, features)   the values of this step

    earlier: the states that the previous time step has left, or None. It is None while a cell is
        being built: the cell is then called once, with symbols, to learn the shapes of states, and
        take_earlier returns the examples.
    new: the states that this time step leaves.
    is_first_step: True at the first time step of a sequence, (batch, 1).
    """

    def __init__(self, earlier):
        self.earlier = None if earlier is None else iter(earlier)
        self.new = []
        # The first state is of no layer: it is 0 before the first time step, and 1 after it.
        (has_begun,) = self.take_earlier([keras.ops.zeros((1, 1))])
        self.new.append(keras.ops.ones_like(has_begun))
        self.is_first_step = has_begun == 0

    def take_earlier(self, examples):
        """Return a list of the earlier states of the layer that is called next.

        examples: states of this layer for one sample. After a cell has been built, only their
            number and their types matter.
        """
        if self.earlier is None:
            return examples
        # States are kept in 32 bits, but layers may compute in 16.
        return [
            keras.ops.cast(next(self.earlier), example.dtype) for example in examples
        ]


def _choose(condition, values, others):
    """Return values where a condition is True, and others elsewhere.

    condition: of one time step, (batch, 1). The mask of a ConvLSTM2D may tell of each pixel,
        (batch, 1, rows, columns).
    values, others: (batch, ...). One of them may be of one sample, for all of a batch.
    """
    condition = keras.ops.squeeze(condition, axis=1)
    while len(condition.shape) < len(others.shape):
        condition = keras.ops.expand_dims(condition, axis=-1)
    return keras.ops.where(condition, values, others)


def _has_one_time_step(x, layer, network):
    """Return whether the input x of a layer has an axis of time steps, and its length is 1 now.

    `layer.input` is the symbolic input of the layer, made for whole windows. With 24 steps:

        layer.input        x
        (batch, 24, ...)   (batch, 1, ...)   It has time steps.
        (batch, 1)         (batch, 1)        It has none: it is the answer of a Dense(1), say.
    """
    # `x` may be a list of inputs, or a number, as in 1 - x. No layer that keeps states takes these.
    if not hasattr(x, "shape"):
        return False
    now = x.shape[1:2]
    # layer.input is a list if the layer got a mask, too.
    in_window = keras.tree.flatten(layer.input)[0].shape[1:2]
    # If windows have one step, axis 1 has the length 1 in any case. Then take axis 1 as the axis of
    # time steps. If this is wrong, comparisons show it.
    windows_have_one_step = network.inputs[0].shape[1] == 1
    return now == (1,) and (in_window != (1,) or windows_have_one_step)


def _call_cell(states, layer, sequences, initial_state=None, mask=None):
    """Call the cell of a recurrent layer on one time step.

    sequences: of one time step. initial_state: what other layers return, or None.
    """
    # Keras would take the mask from the sequences, but only if `layer` itself were called.
    if mask is None:
        mask = getattr(sequences, "_keras_mask", None)
    # Where the layer starts if it is not told: zeros, or what a cell of yours says.
    default = layer.get_initial_state(1)
    # A layer of several cells has its states in lists of lists. Put all into one list.
    starts = keras.tree.flatten(default if initial_state is None else initial_state)
    kept = states.take_earlier(keras.tree.flatten(default))
    # At the first time step, what is kept is zeros. Take the start instead.
    earlier = [_choose(states.is_first_step, *pair) for pair in zip(starts, kept)]
    packed = keras.tree.pack_sequence_as(default, earlier)
    step = keras.ops.squeeze(sequences, axis=1)
    output, new = layer.cell(step, packed)
    new = keras.tree.flatten(new)
    # A cell with dropout keeps what it has drawn, for all time steps of a sequence. In a compiled
    # loop, this would be an error. So let each time step draw anew.
    layer._maybe_reset_dropout_masks(layer.cell)
    if mask is None:
        states.new += new
    else:
        # A masked time step changes no state, and repeats the output of the step before. So outputs
        # are kept, too, like a state.
        (last_output,) = states.take_earlier([keras.ops.zeros_like(output[:1])])
        if layer.zero_output_for_mask:
            last_output = keras.ops.zeros_like(output)
        output = _choose(mask, output, last_output)
        new = [_choose(mask, *pair) for pair in zip(new, earlier)]
        states.new += [*new, output]
    if layer.return_sequences:
        output = keras.ops.expand_dims(output, axis=1)
        if layer.supports_masking:  # Else, Keras passes no mask on.
            output._keras_mask = mask
    return (output, *new) if layer.return_state else output


def _after_earlier_values(states, x, padding):
    """Return the values of n earlier time steps, then x, that of this one, (batch, n + 1, ...).

    padding: what stands before the first time step, (batch, n, ...), or (1, n, ...) if it is the
        same for all of a batch.
    """
    (before,) = states.take_earlier([padding[:1]])
    before = _choose(states.is_first_step, padding, before)
    seen = keras.ops.concatenate([before, x], axis=1)
    states.new.append(seen[:, 1:])
    return seen


def _call_convolution(states, layer, x):
    """Call a causal convolution on one time step."""
    n_before = (layer.kernel_size[0] - 1) * layer.dilation_rate[0]
    zeros = keras.ops.zeros((1, n_before, *x.shape[2:]), x.dtype)
    # The layer puts zeros before all that, but its last answer does not reach back to them.
    return layer(_after_earlier_values(states, x, zeros))[:, -1:]


def _call_padding(states, layer, *args, **kwargs):
    """Call a layer that puts n steps before the first one. Return n earlier steps, then this one.

    (If the layer puts steps at the end, too, this is wrong, and comparisons show it.)
    """
    # `padded` is n steps of padding, then one step. The other axes may have been padded, too.
    padded = layer(*args, **kwargs)
    n = padded.shape[1] - 1
    padding, step = padded[:, :n], padded[:, n:]
    return _after_earlier_values(states, step, padding)


def _call_get_item(states, get_item, x, key):
    """Call x[key] on one time step."""
    taken = _steps_taken(key)
    # x[:, 0] and x[:, :1]: keep the first step.
    if taken in [0, slice(1), slice(0, 1)]:
        (first,) = states.take_earlier([keras.ops.zeros_like(x[:1])])
        first = _choose(states.is_first_step, x, first)
        states.new.append(first)
        return get_item(first, key)
    # x[:, -3:], for example: keep the last 3 steps. Before the third step, zeros are among them.
    start = taken.start if isinstance(taken, slice) else None
    if start is not None and start < -1:
        # In a window of 2 steps, x[:, -3:] takes 2 steps in the network. In the reader, it takes 3,
        # as a zero comes first. So refuse a network that may read windows as short as that.
        # (Comparisons would not find all such networks: they take no windows of less than `steps`.)
        length = get_item.input.shape[1]
        if length is None or length < -start:
            needed = f"windows of a fixed length, {-start} or more"
            raise ValueError(f"x[:, {start}:] needs {needed}")
        zeros = keras.ops.zeros((1, -start - 1, *x.shape[2:]), x.dtype)
        return get_item(_after_earlier_values(states, x, zeros), key)
    # All else is called as it is. If this is wrong, comparisons show it.
    return get_item(x, key)


def _call_layer(states, network, layer, /, *args, **kwargs):
    """Call a layer of a network, or an operation such as +, on one time step.

    args, kwargs: those of the layer. The network may contain an LSTMCell, called with `states=`.
        Because of the slash, this is not taken for our own `states`.
    """
    # The first argument may be given by its name.
    x = [*args, *kwargs.values()][0]
    name = type(layer).__name__
    # A layer of yours is called as it is, since it is not known what it does.
    if _is_yours(layer):
        return layer(*args, **kwargs)
    # A layer whose input has no time steps, or several of them now, is called as it is.
    if not _has_one_time_step(x, layer, network):
        return layer(*args, **kwargs)
    # States are kept for some kinds of layer. First, recurrent ones.
    if isinstance(layer, layers.RNN):
        return _call_cell(states, layer, *args, **kwargs)
    # Second, causal convolutions.
    if isinstance(layer, layers.Conv1D) and layer.padding == "causal":
        return _call_convolution(states, layer, x)
    # Third, layers that put steps before the first one.
    if name.startswith("ZeroPadding") or name == "Pad":
        return _call_padding(states, layer, *args, **kwargs)
    # Fourth, x[:, :1], for example.
    if name == "GetItem":
        return _call_get_item(states, layer, *args)
    # Fifth, running sums.
    if name == "Cumsum" and layer.axis in [1, 1 - len(x.shape)]:
        # Add in Keras's usual floats, of 32 bits. In 16 bits, a count of steps would stop at 2048.
        x = keras.ops.cast(x, keras.config.floatx())
        (earlier,) = states.take_earlier([keras.ops.zeros_like(x[:1])])
        total = earlier + x
        states.new.append(total)
        return keras.ops.cast(total, layer.output.dtype)
    # Add other layers of Keras here, as Cumsum above: take earlier states (zeros, before the first
    # step), append as many new ones, return one step. The examples for take_earlier are of one
    # sample. Let them have as many axes as x, so that x / count is right: if x is
    # (batch, 1, features), the example of a count of steps is zeros of (1, 1, 1). If x may have a
    # mask, use it and hand it on, as _call_cell does. (For layers of yours, _call_layer has
    # returned before.)

    # All others keep no state.
    # A Reshape of (batch, 24, 2) to (batch, 24, 1, 2) keeps the axis of time steps, but asks for 24
    # of them. Ask for one, (batch, 1, 1, 2).
    if name == "Reshape":  # a layer or an operation
        shape = layer.output.shape
        if shape[1:2] == layer.input.shape[1:2]:
            return keras.ops.reshape(x, (-1, 1, *shape[2:]))
    # In Keras 3.8, SpectralNormalization asks for windows of the same length, without need. Later
    # versions do not.
    if isinstance(layer, layers.SpectralNormalization):
        layer.input_spec = None
    # CategoryEncoding and lookups get ids. For those of a window, (batch, 24), they return
    # (batch, 24, n). For those of one time step, (batch, 1), they return (batch, n): put axis 1
    # back.
    if getattr(layer, "output_mode", None) == "one_hot" and len(x.shape) == 2:
        return layer(*args, **kwargs)[:, np.newaxis]
    # All else is called as it is. If it needs earlier steps, comparisons show it.
    return layer(*args, **kwargs)


def _run(network, call_layer, inputs):
    """Call the layers of a network, and of networks in it, one after the other.

    call_layer: function of a layer and its arguments, which calls it.
    """

    def enter_or_call(layer, /, *args, **kwargs):
        # Remove the `training` with which the network was made. Then Keras hands on the value with
        # which the reader is called.
        kwargs.pop("training", None)
        # Enter a network in this network, unless its `call` is code of yours.
        if isinstance(layer, keras.Model) and not _is_yours(layer):
            masks = keras.tree.flatten(kwargs.pop("mask", None))  # [None] if none
            its_inputs = [*args, *kwargs.values()][0]
            # Let its inputs carry the masks that it got.
            for x, mask in zip(keras.tree.flatten(its_inputs), masks):
                if mask is not None:
                    x._keras_mask = mask
            return _run(layer, call_layer, its_inputs)
        return call_layer(layer, *args, **kwargs)

    # Instead of `layer(...)`, Keras calls `enter_or_call(layer, ...)`.
    return _graph_of(network)._run_through_graph(
        inputs, operation_fn=lambda layer: partial(enter_or_call, layer)
    )


def _answers_each_step(network, answer_to_step):
    """Return whether a network answers each time step of a window, not only the last one.

    If so, it gives one answer to one time step, and n answers to a window of n steps. (A forecast
    of the next 5 values has 5 of them in both cases, so this returns False.)
    """
    steps = network.inputs[0].shape[1]
    # If windows have one step, an answer of (batch, 1) may have one output or one time step. Take
    # it as one output.
    if steps == 1 and len(answer_to_step.shape) == 2:
        return False
    # shape[1:2] is the length of axis 1, as a tuple. If there is no axis 1, it is ().
    to_step, to_window = answer_to_step.shape[1:2], network.outputs[0].shape[1:2]
    # After an EinsumDense, for example, Keras does not know the length: it is None.
    return to_step == (1,) and to_window in [(steps,), (None,)]


@keras.saving.register_keras_serializable("reading_on")
class OneStep(layers.Wrapper):
    """A cell for keras.layers.RNN: runs a network on one time step.

    layer: the network. (Wrapper wants this name.)
    """

    def __init__(self, layer, **options):
        # Keep states in Keras's usual floats, of 32 bits, also if layers compute in 16. When a
        # saved cell is loaded, `options` have its dtype.
        options.setdefault("dtype", keras.config.floatx())
        # No autocast: Keras would cast floats of 64 bits to 32, and so round ids above 2**24. The
        # layers in the cell cast their inputs themselves.
        super().__init__(layer, autocast=False, **options)
        # RNN needs the sizes of answers and states. compute_output_spec finds them by a symbolic
        # call of `call`, which also sets answer_shape.
        values = layer.inputs[0]
        shape = values.shape[2:] or (1,)  # (1,) for ids
        step = keras.KerasTensor((1, *shape), values.dtype)
        vectors, states = self.compute_output_spec(step)
        self.output_size = vectors.shape[1]
        self.state_size = [state.shape[1:] for state in states]

    def get_initial_state(self, batch_size=None):
        """Return the states before the first time step: zeros."""
        shapes = [(batch_size, *shape) for shape in self.state_size]
        return [keras.ops.zeros(shape, self.compute_dtype) for shape in shapes]

    def call(self, step, earlier=None):
        """Return the answer to a time step, as vectors, and the new states.

        step: values, (batch, ...). Single values, such as ids, are (batch, 1): see _network_of.
        earlier: states after the time step before. None in the symbolic call of __init__.
        """
        states = _States(earlier)
        # Add an axis of time steps: (batch, ...) becomes (batch, 1, ...). Ids stay (batch, 1).
        batch_size = keras.ops.shape(step)[0]
        x = keras.ops.reshape(step, (batch_size, 1, *self.layer.inputs[0].shape[2:]))
        # Run the network, but let _call_layer call its layers: it keeps their states.
        call_layer = partial(_call_layer, states, self.layer)
        answer = _run(self.layer, call_layer, x)
        if _answers_each_step(self.layer, answer):
            answer = answer[:, 0]
        if earlier is None:
            self.answer_shape = answer.shape[1:]
        vectors = keras.ops.reshape(answer, (batch_size, -1))
        new = [keras.ops.cast(state, self.compute_dtype) for state in states.new]
        return vectors, new


def _network_of(cell, shape=(None, None), stateful=False):
    """Return a network that runs a cell through sequences.

    shape: of its input, batch size and number of time steps.
    """
    values = cell.layer.inputs[0]
    inputs = keras.Input(batch_shape=(*shape, *values.shape[2:]), dtype=values.dtype)
    x = inputs
    if len(x.shape) == 2:  # RNN needs an axis of features, which ids do not have.
        x = x[:, :, np.newaxis]
    # No autocast, as in the cell.
    options = {"dtype": cell.dtype_policy, "autocast": False}
    x = layers.RNN(cell, return_sequences=True, stateful=stateful, **options)(x)
    if len(cell.answer_shape) != 1:  # RNN has returned vectors: make answers again.
        x = layers.Reshape((-1, *cell.answer_shape), **options)(x)
    return keras.Model(inputs, x)


# ---- Layers of yours
#
# A layer of yours is *closed* at first: it is called as a whole, and an LSTM in it would start from
# zeros at each time step. If the reader answers otherwise than the network, such layers are
# *opened*: a layer is replaced by the layers that its `call` calls. Then their states are kept.


class _StaysClosed(Exception):
    """A layer of yours cannot be opened. The message goes on after "code of yours that"."""


def _with_open(to_open, network):
    """Return a network in which one layer, `to_open`, is open."""

    def open_or_call(layer, /, *args, **kwargs):
        if layer is not to_open:
            return layer(*args, **kwargs)
        # Keras gives a mask to a `call` that asks for it, but only if the layer stays closed.
        given = keras.tree.flatten([args, kwargs])
        has_mask = any(getattr(x, "_keras_mask", None) is not None for x in given)
        if has_mask and getattr(layer, "_call_has_mask_arg", False):
            raise _StaysClosed("asks for a mask")
        # Keras would give it `training`, too.
        if getattr(layer, "_call_has_training_arg", False):
            kwargs["training"] = False
        # Let `call` run with symbols, and change no variable.
        with keras.StatelessScope():
            return layer.call(*args, **kwargs)

    inputs = network.inputs[0]
    outputs = _run(network, open_or_call, inputs)
    return keras.Model(inputs, outputs, name=network.name)


def _open_one(to_open, network):
    """Return a network in which one layer is open. Raises: _StaysClosed if it cannot be opened."""
    try:
        opened = _with_open(to_open, network)
    except _StaysClosed:
        raise
    except Exception as error:  # The `call` cannot run with symbols.
        needed = "calls more than layers and operations of Keras"
        raise _StaysClosed(needed) from error
    # Weights that the `call` uses itself, not through a layer, are missing now: a reader could not
    # train or save them.
    kept = {*map(id, opened.weights)}
    if not {*map(id, network.weights)} <= kept:
        raise _StaysClosed("uses weights of its own")
    return opened


def _opened(network):
    """Return a network in which layers of yours are open, or the same network if none can be."""
    tried = []
    while True:
        parts = [node.operation for node in _nodes(network)]
        closed = [part for part in parts if _is_yours(part) and part not in tried]
        if not closed:
            return network
        tried.append(closed[0])
        with contextlib.suppress(_StaysClosed):
            network = _open_one(closed[0], network)


# ---- Comparisons
#
# A reader is a network for sequences of any length, with an answer at each time step. It is made of
# a cell, or was built by hand and given to `check`. It must answer as the network does.

# Two tolerances. For each output, answers may differ by the larger one of the two.
SAME = 0.01  # of the output's standard deviation
ROUNDING = 1e-6  # of its largest value, as sums of floats of 32 bits are not more exact
# At most so many windows are compared, or read at once. More would take long, and need much memory.
# Fewer could miss rare values.
MOST_WINDOWS = 1000
# At most so many longer windows are compared. They show how layers work, not rare values.
MOST_LONGER = 32


def _answers(network, X, call=None):
    """Return the answers of a network to sequences, each from a zero state.

    call: what to call instead of the network's predict_on_batch.
    """
    call = call or network.predict_on_batch
    states = _states_of(network)
    # A call changes states, and may change other variables. In the end, all are set back. (States
    # are not among the variables that Keras lists.)
    may_change = network.non_trainable_variables + states
    before = [(variable, np.array(variable)) for variable in may_change]
    try:
        for state in states:
            state.assign(keras.ops.zeros_like(state))
        # A subclassed reader, built by hand, has no input_shape.
        input_shape = getattr(network, "input_shape", None)
        with _failing_with(f"a network of shape {input_shape} cannot read {X.shape}"):
            (answers,) = keras.tree.flatten(call(X))  # It may be in a list.
    finally:
        for variable, value in before:
            variable.assign(value)
    # A network with ops.reshape(x, (-1, 4, 1)) makes two rows out of one window of 8 steps.
    if len(answers) != len(X):
        raise _Failure("the network answers other rows than it gets")
    answers = np.asarray(answers, "float64")
    if not np.isfinite(answers).all():
        ask = "are values missing, or weights nan?"
        raise ValueError(f"answers to {X.shape} are nan or infinity: {ask}")
    return answers


def _answers_of_reader(reader, X):
    """Return the answers of a reader to windows, after the network has answered to them."""
    try:
        return _answers(reader, X)
    except ValueError:
        # The reader's answers are nan or infinity, but the network's were not. So neither missing
        # values nor weights are the cause: it is in a layer.
        raise _Failure("a reader answers nan or infinity") from None


def _answers_in_batches(network, X, call=None):
    """Return answers as _answers does, also of a network with a fixed batch size."""
    batch_size = network.inputs[0].shape[0] or len(X)
    answers = []
    for start in range(0, len(X), batch_size):
        batch = X[start : start + batch_size]
        # The last batch may have fewer windows. To fill it, np.resize repeats them.
        batch = np.resize(batch, (batch_size, *X.shape[1:]))
        answers.append(_answers(network, batch, call))
    return np.concatenate(answers)[: len(X)]


def _to_compare(reader_answers, network_answers):
    """Return the answers of a reader and of a network to the same time steps, (answers, outputs).

    reader_answers: (windows, time steps, outputs).
    network_answers: the same, or answers after windows, (windows, outputs).
    """
    if network_answers.ndim < reader_answers.ndim:
        return reader_answers[:, -1], network_answers
    return [a.reshape(-1, *a.shape[2:]) for a in (reader_answers, network_answers)]


def _fail_if_different(failure, answers, expected, typical):
    """Fail if an output differs by more than its tolerance.

    failure: what the message says.
    typical: answers to many windows, (answers, outputs), for standard deviations. (`expected` may
        have too few.)
    """
    if answers.shape != expected.shape:
        shapes = f"{answers.shape}, not {expected.shape}"
        raise _Failure(f"a reader answers {shapes}")
    # For each output:
    deviation = typical.reshape(len(typical), -1).std(axis=0)
    largest = np.abs(expected).reshape(-1, len(deviation)).max(axis=0)
    difference = np.abs(answers - expected).reshape(-1, len(deviation)).max(axis=0)
    tolerance = np.maximum(SAME * deviation, ROUNDING * largest)
    tolerance += np.finfo(float).tiny  # So it is never zero: it is a divisor.
    if not (difference <= tolerance).all():
        worst = (difference / tolerance).argmax()
        numbers = f"{difference[worst]:.2g}, where it varies by {deviation[worst]:.2g}"
        raise _Failure(f"{failure}, output {worst} by {numbers}")


def _hardly_vary(answers):
    """Return whether answers, (answers, outputs), vary so little that comparisons tell nothing.

    Then, ROUNDING is the larger tolerance for all outputs, and wrong answers would pass.
    """
    deviation = answers.std(axis=0)
    largest = np.abs(answers).max(axis=0)
    return (SAME * deviation <= ROUNDING * largest).all()


def _compare_on_windows(network, reader, sequences, steps):
    """Fail unless a reader answers windows as a network does.

    Returns: the network's answers, (answers, outputs).
    """
    n_axes = len(network.inputs[0].shape) - 1
    for values in sequences:
        if values.ndim != n_axes:
            needed = f"{n_axes} axes are needed, the first of time steps"
            raise ValueError(f"values {values.shape}: {needed}")
        # Longer windows are compared, too.
        if len(values) <= steps:
            needed = f"more than a window of {steps} time steps is needed"
            raise ValueError(f"values {values.shape}: {needed}")
    X = _some_windows(sequences, steps, MOST_WINDOWS)
    network_answers = _answers_in_batches(network, X)
    # A layer may mix the rows of a batch: its answer to a window depends on the other windows. The
    # reader has the same layer, so both may give the same wrong answers. To find such a layer, take
    # the network's answers to the first and to the last window from other batches: each is a batch
    # of copies of this one window. It is as large as before, so that nothing is compiled again.
    batch_size = network.inputs[0].shape[0] or len(X)
    for row in 0, -1:
        copies = np.repeat(X[[row]], batch_size, axis=0)
        network_answers[row] = _answers(network, copies)[row]
    reader_answers = _answers_of_reader(reader, X)
    # Refuse a reader, built by hand, that answers only after the last step.
    if reader_answers.shape[1:2] != X.shape[1:2]:
        raise _Failure(f"a reader answers {reader_answers.shape} to {X.shape}")
    reader_answers, network_answers = _to_compare(reader_answers, network_answers)
    # This is not a _Failure, as no layer is the cause.
    if _hardly_vary(network_answers):
        scale = "scale values to about -1 to 1, in training, too"
        raise ValueError(f"the answers hardly vary: {scale}, or give other values")
    failure = "on windows, a reader answers otherwise than the network"
    _fail_if_different(
        failure, reader_answers, network_answers, typical=network_answers
    )
    return network_answers


def _call_layers(network, X):
    """Call a network, layer after layer, on windows of a length that its Input may refuse."""

    class LayerAfterLayer(layers.Layer):
        # Because `call` takes `training`, Keras hands its value on to the layers in it. Else, a
        # layer with the default training=True, such as RandomFlip, would work as in training.
        def call(self, X, training=False):
            return _run(
                network, lambda part, /, *args, **kwargs: part(*args, **kwargs), X
            )

    X = keras.ops.convert_to_tensor(X, network.inputs[0].dtype)
    return LayerAfterLayer(autocast=False)(X, training=False)


def _compare_on_longer_windows(network, reader, sequences, steps, typical):
    """Fail if, to longer windows, a reader answers otherwise than the layers of a network.

    This finds layers that are right only after windows of `steps` steps. For example, a network
    uses the last step of x[:, ::2], every second step. In a window of 5 steps, this is the fifth,
    the last one. In a window of 10 steps, it is the ninth.

    typical: the network's answers to windows, which show how much they vary.
    """
    # Take windows that are twice as long. In a window of 25 steps, x[:, -24:] would leave out only
    # one value. The effect of that may be less than the tolerance.
    length = 2 * steps
    if length > max(map(len, sequences)):
        length = steps + 1  # All sequences have that.
    X = _some_windows(sequences, length, MOST_LONGER)
    try:
        call = partial(_call_layers, network)
        network_answers = _answers_in_batches(network, X, call)
    except _Failure as failure:
        # A layer refuses this length, as Dense does after Flatten. Then only windows are compared.
        # But windows of one step, each from a zero state, show nothing of states.
        if steps == 1:
            words = "windows of one time step do not show whether it reads on"
            raise _Failure(words) from failure.__cause__
        return
    reader_answers = _answers_of_reader(reader, X)
    reader_answers, network_answers = _to_compare(reader_answers, network_answers)
    failure = "on longer windows, a reader answers otherwise than the network"
    _fail_if_different(failure, reader_answers, network_answers, typical)


@contextlib.contextmanager
def _other_weights(network):
    """Let a network have other weights, as after more training, until the `with` ends."""
    rng = np.random.default_rng(1)
    # Weights that are not trained are changed, too. They may be frozen only for now, or be the
    # moving means of a BatchNormalization.
    floats = [w for w in network.weights if keras.backend.is_float_dtype(w.dtype)]
    before = [(weight, np.array(weight)) for weight in floats]
    try:
        for weight, value in before:
            # Take smaller weights: with larger ones, rounding errors could grow from step to step.
            # But if all values are zero or tiny, they would hide what a layer does.
            is_tiny = np.abs(value).max(initial=0) < 0.01
            factor = rng.uniform(0.5, 1, value.shape)
            weight.assign(0.1 * factor if is_tiny else value * factor)
        yield
    finally:
        for weight, value in before:
            weight.assign(value)


def _compare_with_other_weights(network, reader, sequences, steps):
    """Fail if, with other weights, a reader answers windows otherwise than a network.

    This finds what would be wrong only after more training. For example, a layer with a kernel of
    zeros, such as the last one of a residual block, hides all before it until it is trained. Or
    the `call` of a layer of yours computes a value from weights: in the reader, this value may be a
    constant.
    """
    X = _some_windows(sequences, steps, MOST_WINDOWS)
    with _other_weights(network):
        try:
            network_answers = _answers_in_batches(network, X)
        except ValueError:  # They are nan or infinity: nothing can be compared.
            return
        reader_answers = _answers_of_reader(reader, X)
    reader_answers, network_answers = _to_compare(reader_answers, network_answers)
    failure = "with other weights, a reader answers otherwise than the network"
    if not _hardly_vary(network_answers):
        _fail_if_different(
            failure, reader_answers, network_answers, typical=network_answers
        )


# The next two functions are for a reader that was built by hand. A reader made of a cell shares the
# layers, and cannot depend on later values.


def _set_weights(reader, model):
    """Give a reader the weights of a model."""
    reader.set_weights(model.get_weights())
    for layer in reader._flatten_layers():
        if isinstance(layer, layers.Normalization):
            layer.finalize_state()  # It computes other values from its weights, and uses those.


def _fail_if_it_reads_ahead(reader, sequences, steps, typical):
    """Fail if an answer of a reader changes when more values follow. Each sequence is tried.

    typical: the network's answers to windows, which show how much they vary.
    """
    failure = "answers of the reader change when later values follow"
    for values in sequences:
        whole = _answers(reader, values[np.newaxis])
        # Of `steps` and `steps + 1`, one is odd. At an odd length, a layer that reads values in
        # pairs has the last value without its partner, and answers otherwise.
        for seen in 1, steps, steps + 1, len(values) - 1:
            first = _answers(reader, values[np.newaxis, :seen])
            _fail_if_different(failure, first, whole[:, :seen], typical)


# ---- Causes: what a message says after a _Failure
#
# Some layers are often the cause, such as one that pools time steps. They are named only after a
# _Failure, as many are harmless where they stand. So a cause refuses nothing by itself.
#
# New causes stand in _cause_in_other or _cause_in, after the comments that begin with "Add".


def _sees_several_steps(layer):
    """Return whether a convolution or a pooling sees several time steps at once."""
    sizes = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    return sizes is None or np.ravel(sizes)[0] > 1  # Global pooling has no size.


def _cause_in_recurrent(node):
    """Return why a recurrent layer may be the cause of a _Failure, or None."""
    if _has_first_state(node.arguments.args, node.arguments.kwargs):
        return "starts from a state that another layer returns"
    # Rounding errors add up from step to step.
    if node.operation.compute_dtype in ("float16", "bfloat16"):
        return "computes in 16 bits, so answers are rounded"
    return None


def _cause_in_other(node, shape):
    """Return why another layer of Keras may be the cause of a _Failure, or None.

    shape: of its first input that has time steps, (batch, steps, features, ...).
    """
    layer = node.operation
    name = type(layer).__name__
    # Add cases for layers of Keras here, before "Last".
    if "Pooling" in name and _sees_several_steps(layer):
        return "pools time steps"
    if isinstance(layer, layers.Flatten):
        return "flattens time steps"
    if name == "GetItem":
        # In x - x[:, -1:], for example, earlier time steps use a later one. Two kinds of key are
        # taken as harmless: x[:, -1], after which there is only one time step, and keys that take
        # all of them.
        harmless = [-1, slice(None)]
        if _steps_taken(node.arguments.args[1]) not in harmless:
            return "takes time steps by their numbers (x[:, -1] is for the last one)"
    is_causal = getattr(layer, "padding", None) == "causal"
    if hasattr(layer, "kernel_size") and _sees_several_steps(layer) and not is_causal:
        return "is a convolution that is not causal"
    if "Attention" in name:
        return "attends to other time steps"
    # Last, two things that any layer may do. First, it works along one axis, or several. A negative
    # one counts from the end: of three axes, -2 is axis 1.
    axis = getattr(layer, "axis", None)
    if axis is not None and 1 in (np.ravel(axis) % len(shape)):
        return "works along axis 1, that of time steps"
    # Second, it changes the number of time steps. For a network in the network, and for an
    # operation such as x[:, -1], this may be harmless.
    if isinstance(layer, keras.Model) or not isinstance(layer, layers.Layer):
        return None
    if node.outputs[0].shape[1:2] not in [shape[1:2], (None,)]:
        return "changes the number of time steps"
    return None


def _cause_in(node, network, steps, sequences):
    """Return why a layer may be the cause of a _Failure, or None. The first cause that fits counts.

    node: a Node of Keras: one call of a layer (its `operation`) on its input_tensors.
    network: the one given, or a reader built by hand. The layer may be part of a network in it.
    steps: of a window.
    sequences: the values that were given.
    """
    layer, inputs = node.operation, node.input_tensors
    if isinstance(layer, layers.Bidirectional):
        return "reads in both directions"
    if getattr(layer, "go_backwards", False):
        return "reads backwards"
    # Only an embedding directly after the Input takes the given values as ids.
    if isinstance(layer, layers.Embedding) and inputs[0] is network.inputs[0]:
        ids = np.concatenate([np.ravel(values) for values in sequences])
        are_numbers = ids.dtype.kind in "iuf"  # Texts are not.
        if are_numbers and (ids.min() < 0 or ids.max() >= layer.input_dim):
            found = f"values have ids from {ids.min()} to {ids.max()}"
            return f"takes ids from 0 to {layer.input_dim - 1}, but {found}"
    # Add cases here for two kinds of layer: those of yours, as the next `if` returns for all of
    # them, and those that get ids, (batch, steps). For all others, see _cause_in_other.
    if _is_yours(layer):
        what = "code of yours"
        try:
            _open_one(layer, network)
        except _StaysClosed as reason:
            what += f" that {reason}"
        needs = "other time steps, other rows of a batch, or values of weights"
        return f"is {what}: does it need {needs}?"
    # All other causes are in layers with an input of the shape (batch, steps, features, ...). (Two
    # axes are not enough: (batch, 24) may be 24 outputs.)
    of_steps = [x for x in inputs if len(x.shape) >= 3 and x.shape[1] in (None, steps)]
    if not of_steps:
        return None
    if isinstance(layer, layers.RNN):
        return _cause_in_recurrent(node)
    return _cause_in_other(node, of_steps[0].shape)


def _words_of(error):
    """Return the line of an error of Keras or TensorFlow that says what was wrong."""
    words = str(error)
    # Keras puts what was wrong in bold, between the layer's name and its arguments.
    if "\033[1m" in words:
        words = words.split("\033[1m")[-1].split("\033[0m")[0]
    # Of several lines, take the last one, but not TensorFlow's "[[{{node while/Gather}}]]". In a
    # line, leave out its " for '{{node strided_slice}} = ...".
    lines = [line.strip() for line in words.splitlines() if "[[{{node" not in line]
    lines = [line for line in lines if line] or [type(error).__name__]
    what = lines[-1].split(" for '{{node")[0]
    return f"error: {what[:200]}"


@contextlib.contextmanager
def _naming_causes(networks, steps, sequences):
    """Turn a _Failure into a ValueError of one line that names causes.

    networks: those in which causes may be.
    """
    try:
        yield
    except _Failure as failure:
        causes = []
        for network in networks:
            for node in _nodes(network):
                cause = _cause_in(node, network, steps, sequences)
                if cause:
                    causes.append(f"{node.operation.name!r} {cause}")
        if failure.__cause__:
            causes.append(_words_of(failure.__cause__))
        needs = "several time steps, other rows of a batch, or random numbers"
        words = "; ".join(dict.fromkeys(causes)) or f"does a layer need {needs}?"
        raise ValueError(f"{failure}: {words} (see README.md)") from failure


# ---- Errors of answers


def _error_of_tensors(error, right, answers):
    """Return errors of arrays, by a function of tensors."""
    tensors = [keras.ops.cast(a, keras.config.floatx()) for a in (right, answers)]
    return keras.ops.convert_to_numpy(error(*tensors))


def _error_function(model, error):
    """Return the function that `error` asks for, or that of the model's loss.

    It takes two arrays, the right answers and the answers, and returns an error per time step.
    """
    # A function that is given as error= takes arrays. A loss takes tensors.
    if callable(error) and not isinstance(error, keras.losses.Loss):
        return error
    given = error or getattr(model, "loss", None)
    if given is None or isinstance(given, (list, tuple, dict)):
        raise ValueError(f"loss={given}: one loss is needed, by compile or by error=")
    loss = keras.losses.get(given)
    if not isinstance(loss, keras.losses.Loss):  # a function of tensors
        return partial(_error_of_tensors, loss)
    if loss.get_config().get("ignore_class") is not None:
        raise ValueError("the loss leaves out a class, and so time steps: give error=")
    # loss(...) returns one mean, loss.call(...) an error per time step.
    return partial(_error_of_tensors, loss.call)


def _errors(error, right, answers, name):
    """Return the error at each time step; NaN before the first answer.

    error: as _error_function returns it. name: of the answers, for messages.
    """
    n_missing = max(len(right) - len(answers), 0)
    missing = np.full(n_missing, np.nan)
    if len(answers) == 0:  # A naive answer may need more values than there are.
        return missing
    # A function may write into its arrays.
    right, answers = right[n_missing:].copy(), answers.copy()
    shapes = f"{name}: {answers.shape}, but right is {right.shape}"
    # Right answers have the shape of the answers, or are class ids, without the axis of outputs.
    # With another shape, such as (n, 1) for (n, c), mse would go on, by broadcasting.
    are_ids = right.shape == answers.shape[:-1] and answers.shape[-1] > 1
    if right.shape != answers.shape and not are_ids:
        raise ValueError(shapes)
    try:
        errors = np.asarray(error(right, answers))
    except Exception as failure:
        raise ValueError(f"{shapes}: {_words_of(failure)}") from failure
    # In NumPy, for example, (9,) minus (9, 1) has the shape (9, 9).
    if errors.shape[:1] != right.shape[:1] or errors.size > answers.size:
        raise ValueError(f"{shapes}, errors are {errors.shape}: give another error=")
    means = errors.reshape(len(right), -1).mean(axis=1)
    return np.append(missing, means)


def _errors_of(reader, values, right, naive, steps, error):
    """Return errors at each time step of a stretch: on windows, reading on, and naive ones."""
    # Let the reader answer to windows, too: it takes any batch size, and has been compared with the
    # model.
    windows = _windows(values, steps)
    # All windows are read, in batches of at most MOST_WINDOWS.
    n_batches = len(windows) // MOST_WINDOWS + 1
    batches = np.array_split(windows, n_batches)
    on_windows = [_answers(reader, X)[:, -1] for X in batches]
    reading_on = _answers(reader, values[np.newaxis])[0]
    ways = {"on windows": np.concatenate(on_windows), "reading on": reading_on}
    for name, function in naive.items():
        copied = values.copy()  # A function may write into its values.
        answers = np.asarray(function(copied))
        if answers.ndim == 0 or answers.shape[1:] != reading_on.shape[1:]:
            found = f"{answers.shape}, but the network answers {reading_on.shape}"
            raise ValueError(f"{name}: {found}")
        ways[name] = answers
    errors = {way: _errors(error, right, ways[way], way) for way in ways}
    return pd.DataFrame(errors, index=np.arange(1, len(right) + 1))


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


# ---- Trials
#
# A reader is made and compared in one or two trials. If the last one fails, causes are named.
#
#     network, layers of yours closed  -> cell -> reader -> three comparisons -> done
#     network, layers of yours open    -> cell -> reader -> three comparisons -> done


def _cell_and_reader_of(model, sequences, steps):
    """Return a network as a cell, and its reader, if they answer as the network does.

    Raises: ValueError of one line if they do not.
    """
    # Take the layers alone, without what `compile` has added. Else, one who loads a saved reader
    # would need the code of a loss of yours.
    outputs = model.outputs[0]
    # A network with Input and output may have a `call` of yours all the same. Keras stores which
    # layers stand between Input and output, not what your `call` does. So take the whole network as
    # one layer of yours.
    if _is_yours(model):
        outputs = model(model.inputs[0])
    network = keras.Model(model.inputs[0], outputs, name=model.name)

    def compared(layered):
        """Return a cell and a reader of `layered`, if they answer as `network` does.

        layered: `network`, or the same with layers of yours open. The cell is made of it.
        """
        with _failing_with("the network cannot read one time step at a time"):
            cell = OneStep(layered)
            reader = _network_of(cell)
        typical = _compare_on_windows(network, reader, sequences, steps)
        # Here, compare with `layered`: in `network`, a closed layer may refuse longer windows. For
        # example, it may be a network of yours with an Input of a fixed length.
        _compare_on_longer_windows(layered, reader, sequences, steps, typical)
        _compare_with_other_weights(network, reader, sequences, steps)
        return cell, reader

    try:
        return compared(network)
    except _Failure as error:
        failure = error
    # Try it with layers of yours open, if there are any.
    opened = _opened(network)
    with _naming_causes([network, opened], steps, sequences):
        if opened is network:
            raise failure
        return compared(opened)


# ---- The four functions


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
        (time steps, outputs). It may return fewer: those to the last time steps. If the model
        answers with logits, the function must, too: this is not checked.
    steps: of the training's windows; needed if the model takes any length.
    error: a loss of Keras, its name, or a function (right, answers): an error per time step.
        Default: the model's loss.
    reader: a network that you have built by hand: for any length, with an answer at each time
        step. It gets the model's weights.
    by_number: return a row for each time step instead, up to the length of the shortest stretch.
    Returns: DataFrame of means over the stretches: after 1 to 5 values, and late, in the
        second half of the time steps after the first window. +/-: standard error of reading on.
        NaN: no answer (on windows, there is none before `steps` values), or only one stretch.
    Raises: ValueError if the reader answers otherwise than the model, or shapes do not fit.
    """
    steps = _steps(model, steps)
    stretches = _arrays(stretches)
    _check_naive(naive)
    error = _error_function(model, error)
    sequences = [values for values, _ in stretches]
    # This names causes if a reader built by hand is refused, or if the reader fails in _errors_of.
    # (If _cell_and_reader_of fails, it names causes itself.)
    with _naming_causes([reader or model], steps, sequences):
        if reader:
            with _failing_with("the reader cannot take the weights of the network"):
                _set_weights(reader, model)
            typical = _compare_on_windows(model, reader, sequences, steps)
            _fail_if_it_reads_ahead(reader, sequences, steps, typical)
        else:
            _, reader = _cell_and_reader_of(model, sequences, steps)
        tables = []
        for values, right in stretches:
            tables.append(_errors_of(reader, values, right, naive, steps, error))
    if by_number:
        shortest = min(map(len, tables))
        return sum(errors.iloc[:shortest] for errors in tables) / len(tables)
    return _early_and_late(tables, steps)


def reader_of(model, values, steps=None):
    """Return a network that reads sequences of any length, and answers at each time step.

    It shares the layers of the model: to train one is to train both. In training, Dropout is drawn
    anew at each time step, BatchNormalization takes the means of one step, and an
    activity_regularizer does not work. States are floats of 32 bits: they round whole numbers above
    2**24. To load a saved reader, import this file first.

    Layers of yours may have to be opened (see "Layers of yours" in this file). Then their `call`
    runs only once, when the reader is made, and the reader repeats what it did: training is False,
    no variables are set, attributes of the layer stay as they were, and an `if` takes the branch
    that it took then.

    values: a sequence of your data, (time steps, ...), longer than a window. The longer
        it is, the more is compared, in up to 1,000 windows.
    steps: of the training's windows; needed if the model takes any length.
    Returns: network of (batch, time steps, ...), which returns (batch, time steps, outputs).
    Raises: ValueError if it would answer otherwise than the model.
    """
    steps = _steps(model, steps)
    _, reader = _cell_and_reader_of(model, [np.asarray(values)], steps)
    return reader


def live_of(model, values, steps=None, batch_size=1):
    """Return a network that reads one time step per call, and keeps its state between calls.

    It takes (batch_size, 1, ...), and returns (batch_size, 1, outputs). Before each new
    sequence, call reset_states of stateful.py (for TensorFlow only).

    It shares the layers of the model. If the model is stateful, too, reset_states resets the states
    of the model, as well.

    values, steps: as for reader_of.
    batch_size: how many sequences are read at the same time.
    Raises: ValueError where reader_of does, or for a batch_size below 1.
    """
    if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ValueError(f"batch_size={batch_size!r}: at least 1 is needed")
    steps = _steps(model, steps)
    cell, _ = _cell_and_reader_of(model, [np.asarray(values)], steps)
    return _network_of(cell, shape=(int(batch_size), 1), stateful=True)
