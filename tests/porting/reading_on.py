"""May a recurrent network of Keras read on, past the length of its windows?

`windows_and_answers` makes training data, `check` compares errors, `reader_of` returns a copy
that reads sequences of any length, `live_of` one that keeps its state between values.

After a window, a copy answers as the network, and no answer changes when more values follow.
Both are tested on your values, to 1 % of how much answers vary. (What a layer of yours does
only past a window, no test shows: it needs a complete get_config.) Copy this file: see README.md.
"""

import random

import keras
import numpy as np
import pandas as pd
from keras.layers import RNN, Lambda, Normalization, Reshape, TimeDistributed

WHY = "a layer needs values of other steps, other ids, or a get_config (see README.md)"


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
    steps, stretches = _steps(model, steps), _arrays(stretches)
    is_dict = hasattr(naive, "items") and all(map(callable, naive.values()))
    if not is_dict or {"on windows", "reading on", "+/-"} & {*naive}:
        raise ValueError("naive: a dict of functions is needed, by names of their own")
    if reader:
        _set_weights(reader, model)
    windows, reader = (reader, reader) if reader else _copies(model)
    typical = _compare_reader(model, reader, [values for values, _ in stretches], steps)
    loss = (error, True) if callable(error) else _loss(model, error, typical)
    found = []
    for values, right in stretches:
        on_windows = _answers(windows, _windows(values, steps))
        reading_on = _answers(reader, values[np.newaxis])[0]
        if on_windows.ndim > reading_on.ndim:  # an answer at each step
            on_windows = on_windows[:, -1]
        _compare(reading_on[steps - 1], on_windows[0], typical)
        ways = {"on windows": on_windows, "reading on": reading_on}
        ways |= {name: np.atleast_1d(naive[name](values.copy())) for name in naive}
        errors = {way: _errors(*loss, right, ways[way], way) for way in ways}
        found.append(pd.DataFrame(errors, index=np.arange(1, len(right) + 1)))
    if by_number:
        return sum(errors[: min(map(len, found))] for errors in found) / len(found)
    first = [errors[:5].mean(skipna=False) for errors in found]
    late = [errors[(len(errors) + steps) // 2 :].mean(skipna=False) for errors in found]
    rows = {"after 1 to 5": pd.DataFrame(first), "late": pd.DataFrame(late)}
    means = pd.DataFrame({row: rows[row].mean(skipna=False) for row in rows}).T
    means.insert(2, "+/-", [rows[row]["reading on"].sem(skipna=False) for row in rows])
    return means


def reader_of(model, values, steps=None):
    """Return a copy that reads sequences of any length, and answers at each time step.

    values: a real sequence, (time steps, ...), best more than twice as long as a window.
    steps: of the training's windows; needed if the model takes any length.
    Raises: ValueError if a copy answers otherwise than the model, or depends on later values.
    """
    steps, reader = _steps(model, steps), _copies(model)[1]
    _compare_reader(model, reader, [np.asarray(values)], steps)
    return reader


def live_of(model, values, steps=None, batch_size=1):
    """Return a copy that reads one time step per call, and keeps its state between calls.

    It takes (batch_size, 1, ...), and returns (batch_size, 1, outputs). Before each new
    sequence, reset_states of stateful.py sets its state to zero (with TensorFlow).
    values, steps: as for reader_of; a masked time step has no answer: leave it out, live, too.
    Raises: ValueError if it answers otherwise than that of reader_of.
    """
    X = np.array([np.roll(values, -row, axis=0) for row in range(batch_size)])
    read = _answers(reader_of(model, values, steps), X)
    _, live = _copies(model, (batch_size, 1), stateful=True)
    states = _zero_states(live)
    for state, zeros in states:  # A cell may start from another state.
        state.assign(zeros)
    answers = [_answers(live, X[:, [step]]) for step in range(len(values))]
    _compare(np.concatenate(answers, axis=1), read, read[0])
    for state, zeros in states:
        state.assign(zeros)
    return live


def _arrays(pairs):
    """Return pairs of sequences as arrays."""
    pairs = list(pairs)
    if not pairs or any(not isinstance(p, (tuple, list)) or len(p) != 2 for p in pairs):
        raise ValueError("a list of pairs is needed: values and right answers")
    arrays = [(np.asarray(values), np.asarray(right)) for values, right in pairs]
    for values, right in arrays:
        if values.shape[:1] != right.shape[:1]:
            raise ValueError(f"values {values.shape}, but right is {right.shape}")
    return arrays


def _windows(array, steps, most=None):
    """Return all windows of an array, or at most so many of them, (windows, steps, ...)."""
    n = len(array) - steps + 1
    if n < 1:
        raise ValueError(f"{array.shape}: axis 0 needs {steps} time steps or more")
    starts = np.linspace(0, n - 1, min(most or n, n)).astype(int)
    return array[starts[:, np.newaxis] + np.arange(steps)]


def _steps(model, steps):
    """Return how many time steps a window of a model has."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1 or len(model.outputs) != 1 or len(inputs[0].shape) < 2:
        raise ValueError("one keras.Input, of time steps, and one output are needed")
    fixed = inputs[0].shape[1]
    if fixed not in (None, steps or fixed) or not hasattr(steps or fixed, "__index__"):
        raise ValueError(f"steps={steps!r}: {fixed or 'a whole number'} is needed")
    return steps or fixed


def _loss(model, loss, typical):
    """Return a loss, or a model's, as a function of each time step, and if it takes ids."""
    loss = keras.losses.get(*keras.tree.flatten(loss or getattr(model, "loss", None)))
    if loss is None:
        raise ValueError("the network is not compiled with a loss: give error=")
    if getattr(loss, "from_logits", False) and 0 <= typical.min() <= typical.max() <= 1:
        raise ValueError("from_logits=True, but the network answers probabilities")
    takes_ids = "sparse" in str(loss).lower() or str(loss.__module__)[:6] != "keras."

    def error(right, answers):
        are_shares = [np.allclose(a.sum(axis=-1), 1) for a in (typical, answers)]
        if answers.shape[-1] > 1 and are_shares[0] != are_shares[1]:
            raise ValueError("naive: give probabilities or logits, as the network does")
        tensors = [keras.ops.cast(a, keras.config.floatx()) for a in (right, answers)]
        return keras.ops.convert_to_numpy(getattr(loss, "call", loss)(*tensors))

    return error, takes_ids


def _errors(error, takes_ids, right, answers, name):
    """Return the error at each time step; NaN before the first answer."""
    none = max(len(right) - len(answers), 0)
    if none == len(right):  # The stretch is too short for a naive answer.
        return np.full(none, np.nan)
    right = right[none:].copy()
    are_ids = takes_ids and right.size == len(answers) < answers.size
    if right.shape != answers.shape and not are_ids:
        raise ValueError(f"{name}: {answers.shape}, but right is {right.shape}")
    errors = np.asarray(error(right, answers))
    alone = [error(right[[i]], answers[[i]]) for i in (0, -1)]
    near = {"rtol": 1e-3, "atol": 1e-4 * np.nanmax(np.abs(errors)), "equal_nan": True}
    is_each = errors.shape[:1] == right.shape[:1]
    if not is_each or not np.allclose(errors[[0, -1]], np.concatenate(alone), **near):
        raise ValueError("no error for each time step: give another function error=")
    return np.append(np.full(none, np.nan), errors.reshape(len(right), -1).mean(axis=1))


def _answers(network, X):
    """Return the answers of a network to an array."""
    try:
        answers = np.asarray(network.predict_on_batch(X), "float64")
    except Exception as error:
        takes = f"a network of {getattr(network, 'input_shape', 'another shape')}"
        raise ValueError(f"{takes} cannot read {X.shape}, or {WHY}") from error
    if np.isnan(answers).any():
        raise ValueError("the network answers nan: are values missing?")
    return answers


def _zero_states(network):
    """Return pairs of the states of recurrent layers, and zeros for each."""
    layers = [layer for layer in network._flatten_layers() if isinstance(layer, RNN)]
    states = keras.tree.flatten([layer.states or [] for layer in layers])
    return [(state, keras.ops.zeros_like(state)) for state in states]


def _compare_reader(model, reader, sequences, steps):
    """Return a model's answers to windows; a reader must have them, and not read ahead."""
    _windows(min(sequences, key=len), steps + 1)  # or one is too short
    length = min(2 * steps, (max(map(len, sequences)) + steps) // 2)
    sequences = [values for values in sequences if len(values) >= length]
    most = 8 * max(model.inputs[0].shape[0] or 125, 4) // len(sequences) + 1
    X = np.concatenate([_windows(values, length, most) for values in sequences])
    size, read, right = model.inputs[0].shape[0] or len(X), _answers(reader, X), []
    for start in range(0, len(X), size):
        batch = np.resize(X[start : start + size, :steps], (size, steps, *X.shape[2:]))
        with keras.StatelessScope(_zero_states(model)):  # The model does not change.
            answer = model(keras.ops.convert_to_tensor(batch), training=False)
            right.append(keras.ops.convert_to_numpy(keras.tree.flatten(answer)[0]))
    right = np.concatenate(right)[: len(X)].astype("float64")
    if right.ndim == read.ndim:  # an answer at each step
        right = right[:, -1]
    _compare(read[:, :steps][:, -1], right, right)
    _compare(_answers(reader, sequences[0][np.newaxis])[:, :length], read[:1], right)
    for seen in 1, steps, steps + 1:
        _compare(_answers(reader, X[:, :seen]), read[:, :seen], right)
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
        raise ValueError(f"a copy or reader answers otherwise, {found}: {WHY}")


def _set_weights(network, model):
    """Set the weights of a network to those of a model."""
    network.set_weights(model.get_weights())
    for layer in network._flatten_layers():
        if isinstance(layer, Normalization):
            layer.finalize_state()


@keras.saving.register_keras_serializable("reading_on")
class EachStep(keras.layers.Wrapper):
    """A network of what follows a window's last step, at each of any number of time steps."""

    def __init__(self, layer, **options):
        super().__init__(layer, autocast=False, **options)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        inputs = keras.tree.flatten(inputs)
        shape = keras.ops.shape(inputs[0])
        sizes = [[size or 1 for size in x.shape[1:]] for x in self.layer.inputs]
        parts = [keras.ops.reshape(x, (-1, *size)) for x, size in zip(inputs, sizes)]
        answers = self.layer(parts if len(parts) > 1 else parts[0])
        return keras.ops.reshape(answers, (*shape[:2], *answers.shape[1:]))


def _parts(model):
    """Return the tensors where time steps end, and a network of what follows them."""
    answer, ends = model.outputs[0], []
    tensors = [answer]
    for tensor in tensors:  # Back from the answer: inputs are added.
        operation, index, _ = tensor._keras_history
        inputs = operation._inbound_nodes[index].input_tensors
        layers = getattr(operation, "_flatten_layers", list)()
        is_recurrent = any(isinstance(layer, RNN) for layer in layers)
        reads = is_recurrent and any(None in x.shape[1:2] for x in inputs)
        if reads or None in tensor.shape[1:2]:
            ends.append(tensor)
        else:
            tensors += [x for x in dict.fromkeys(inputs) if x not in tensors]
    given = ends if len(ends) > 1 else ends[0]
    return ends, None if given is answer else keras.Model(given, answer)


def _clone_layer(layer, shape=None, **options):
    """Return a new layer for a shape, with these options if it is recurrent."""
    if isinstance(layer, keras.Model) and not shape:  # in an EachStep
        return keras.models.clone_model(layer, None, _clone_layer)
    if isinstance(layer, keras.Model):  # nested
        return _clone(layer, shape, **options)
    if isinstance(layer, Lambda):  # Keras copies only functions that have a name.
        options = {"mask": layer.mask, "arguments": layer.arguments}
        return Lambda(layer.function, **options, dtype=layer.dtype_policy)
    if isinstance(layer, EachStep):
        return EachStep(_clone_layer(layer.layer))
    if isinstance(layer, TimeDistributed):  # Keras's keeps the number of steps.
        step = keras.Input(shape[2:])
        answer = _clone_layer(layer.layer, (None, *shape[2:]))(step)
        return EachStep(keras.Model(step, answer))
    config = layer.get_config()
    own = {name: getattr(layer, name, None) for name in config}
    config |= {name: own[name] for name in own if hasattr(own[name], "__name__")}
    if hasattr(layer, "get_vocabulary"):  # adapted
        config["vocabulary"] = layer.get_vocabulary(include_special_tokens=False)
    config |= {name: options[name] for name in options if name in config}
    if isinstance(layer, Reshape) and -1 not in layer.target_shape:
        config["target_shape"] = (-1, *layer.target_shape[1:])
    return type(layer).from_config(config)


def _clone(model, shape, **options):
    """Return a copy of a network for another shape; options: of recurrent layers."""
    each_step, clones = "return_sequences" in options, {}

    def call(layer, *args, **others):
        if layer not in clones:
            shape = getattr(keras.tree.flatten((args, others))[0], "shape", None)
            clones[layer] = _clone_layer(layer, shape, **options)
        answers = clones[layer](*args, **others)
        if not each_step and getattr(layer, "return_state", False):
            last = answers[0][:, -1] if layer.return_sequences else answers[0]
            return [answers[0], last, *answers[2:]]  # The first state is an answer.
        return answers

    ends, head = _parts(model) if each_step else (model.outputs, None)
    body = keras.Model(model.inputs[0], ends)  # not compiled
    inputs = keras.Input(batch_shape=shape, dtype=model.inputs[0].dtype)
    copy = keras.models.clone_model(body, inputs, lambda layer: layer, call)
    for layer in clones.keys() & {*body.layers}:
        if not isinstance(layer, keras.Model):  # nested: set there
            _set_weights(clones[layer], layer)
    answer = EachStep(head)(copy.outputs) if head else copy.outputs[0]
    return keras.Model(inputs, answer)


def _copies(model, shape=(None, None), stateful=False):
    """Return two copies, not compiled: one that answers as the model, one each time step."""
    drawn = random.getstate()
    try:
        features = model.inputs[0].shape[2:]
        own = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
        with keras.saving.custom_object_scope(own):
            plain = _clone(model, (None, None, *features), stateful=False, unroll=False)
            options = {"return_sequences": True, "stateful": stateful}
            return plain, _clone(plain, (*shape, *features), **options)
    except Exception as error:
        why = " ".join(str(error).replace("\033[1m", "").split())[:200]
        raise ValueError(f"the network cannot be copied: {WHY}. {why}") from error
    finally:  # New layers draw random numbers.
        random.setstate(drawn)
