"""The parts of networks and data that the programs of this folder and the exercises share."""

import keras
import numpy as np

MISSING = -1  # stands in every feature of a time step that does not exist, or is hidden


class CutCell(keras.layers.LSTMCell):
    """One time step of an LSTM, whose gradients do not reach the time steps before."""

    def call(self, inputs, states):
        states = [keras.ops.stop_gradient(state) for state in states]
        return super().call(inputs, states)


class BurnIn(keras.layers.Layer):
    """Lets a layer with return_state=True read the first n time steps without gradients."""

    def __init__(self, layer, n):
        super().__init__()
        self.layer, self.n = layer, n

    def call(self, X):
        _, *state = self.layer(X[:, : self.n])
        state = keras.tree.map_structure(keras.ops.stop_gradient, state)
        output, *_ = self.layer(X[:, self.n :], initial_state=state)
        return output

    # Without these two, Keras would trace `call` to find out, which takes ten times as long.
    def build(self, shape):
        self.layer.build(shape)

    def compute_output_shape(self, shape):
        output_shape, *_ = self.layer.compute_output_shape(shape)
        return output_shape


class LearnedStart(keras.layers.Layer):
    """Lets a layer start each window from states that are trained, zeros at first."""

    def __init__(self, layer, start=None):
        super().__init__()
        self.layer, self.start = layer, start

    def call(self, X):
        n_rows = keras.ops.shape(X)[0]
        rows = [keras.ops.repeat(state, n_rows, axis=0) for state in self.start]
        return self.layer(X, initial_state=rows)

    def build(self, shape):
        self.layer.build(shape)
        if self.start is None:
            sizes = keras.tree.flatten(self.layer.cell.state_size)
            self.start = [self.add_weight((1, size), "zeros") for size in sizes]

    def compute_output_shape(self, shape):
        return self.layer.compute_output_shape(shape)


def two_lstms(units, **options):
    """Return two LSTMs in one layer."""
    cells = [keras.layers.LSTMCell(units), keras.layers.LSTMCell(units)]
    return keras.layers.RNN(cells, **options)


def cut_gradients(units, **options):
    """Return an LSTM without gradients between its time steps."""
    return keras.layers.RNN(CutCell(units), **options)


LAYERS = {
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
    "simple-rnn": keras.layers.SimpleRNN,
    "two-lstms": two_lstms,
    "cut-gradients": cut_gradients,
}


def make_reader(model):
    """Return a network that shares the weights of another, and reads on.

    It takes sequences of any length, (samples, time steps, features), each from a zero state (or
    the learned one), and answers after each value what `model` answers to all values up to there.
    """
    inputs = outputs = keras.Input((None, model.input_shape[-1]))
    for layer in model.layers:
        start = getattr(layer, "start", None)
        layer = getattr(layer, "layer", layer)  # that of BurnIn or LearnedStart
        if isinstance(layer, keras.layers.RNN):
            # A new cell would draw random numbers, which would change what a seed gives.
            layer = keras.layers.RNN(layer.cell, return_sequences=True)
            layer = LearnedStart(layer, start) if start else layer
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


def hide_steps(X, shortest):
    """Return a copy of windows with a random number of first time steps MISSING.

    Behind a Masking layer and from a zero state, these are windows of `shortest` time steps
    up to all of them.
    """
    length = X.shape[1]
    first = np.random.randint(length - shortest + 1, size=(len(X), 1, 1))
    return np.where(np.arange(length)[:, np.newaxis] < first, MISSING, X)
