"""Three functions for stateful recurrent networks in Keras 3, on its TensorFlow backend.

Copy this file into your project; README.md beside it is the guide. It needs Keras,
TensorFlow and NumPy only.
"""

import inspect

import keras
import numpy as np
import tensorflow as tf

# Layers that treat each time step by itself.
PER_STEP_LAYERS = (
    keras.layers.Activation,
    keras.layers.BatchNormalization,
    keras.layers.Dense,
    keras.layers.Dropout,
    keras.layers.Embedding,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.LayerNormalization,
    keras.layers.LeakyReLU,
    keras.layers.Masking,
    keras.layers.ReLU,
    keras.layers.SpatialDropout1D,
    keras.layers.TimeDistributed,
)


def reset_states(model):
    """Set the state of every stateful layer to zero, as Keras 2's model.reset_states().

    It finds recurrent layers in nested models, in wrappers such as Bidirectional and
    TimeDistributed, and in custom layers. As in Keras 2, a custom layer with a state of its
    own needs the attribute `stateful`, which is True, and a method `reset_states`.
    """
    for layer in model._flatten_layers():
        if not getattr(layer, "stateful", False):
            continue
        if isinstance(layer, keras.layers.RNN):
            # None before the layer is built. RNN([cell, cell]) has a list for each cell.
            for state in keras.tree.flatten(layer.states or []):
                state.assign(keras.ops.zeros_like(state))
        elif layer is not model and not isinstance(layer, keras.layers.Bidirectional):
            # The layers inside a Bidirectional layer are in the list, too.
            if not hasattr(layer, "reset_states"):
                raise ValueError(f"{layer!r} is stateful, but has no reset_states()")
            layer.reset_states()


def compile_training_pass(model, batch_size=None, jit_compile=True):
    """Return one compiled function that trains on a sequence as `fit` and a reset would.

    The function is called as `train_on_sequence(model, X, y)`. It does what these lines do,
    from a zero state whatever came before:

        model.fit(X, y, epochs=1, batch_size=batch_size, shuffle=False)
        reset_states(model)

    model: compiled, with one input and one output; Sequential or functional.
    batch_size: needed only if the model's input has no fixed batch size.
    jit_compile: True compiles to faster machine code. This makes the first call slow, and
        the first call for each new number of samples.
    Returns: function of the same model, and of X and y, NumPy arrays or tensors. Their
        number of samples must be a multiple of the batch size. It returns a dict of
        numbers, the loss and each metric.
    Raises: ValueError if the model cannot be trained so. The function raises ValueError for
        another model, after a new `model.compile`, and for data that does not fit.
    """
    batch_size = _check_model(model, batch_size)
    # A new `model.compile` changes these.
    compiled_for = [model.optimizer, *model.metrics[:1]]
    ready = False

    @tf.function(jit_compile=jit_compile, reduce_retracing=True)
    def train_on_batches(X, y):
        reset_states(model)
        model.reset_metrics()
        # A Python range would unroll the loop, one copy per batch, and compile slowly.
        for i in tf.range(len(X)):
            model.train_step((X[i], y[i]))
        model.optimizer.finalize_variable_values(model.trainable_variables)
        reset_states(model)
        return model.get_metrics_result()

    def train_on_sequence(same_model, X, y):
        nonlocal ready
        if same_model is not model:
            raise ValueError(
                f"the model is not the one that this function was compiled for: call "
                f"compile_training_pass for {same_model!r}"
            )
        if [model.optimizer, *model.metrics[:1]] != compiled_for:
            raise ValueError(
                "the model was compiled again: call compile_training_pass again, too"
            )
        X, y = _split(model, X, y, batch_size)
        if not ready:
            _create_variables(model, X[0], y[0])
            ready = True
        results = train_on_batches(X, y)
        return {name: value.numpy().tolist() for name, value in results.items()}

    return train_on_sequence


def _check_model(model, batch_size):
    """Return the batch size, or raise ValueError if the model cannot be trained so."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ValueError(f"Keras's backend is {backend!r}: 'tensorflow' is needed")
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise ValueError(
            f"{model!r} has no known inputs: a functional model, or a Sequential one that "
            "starts with keras.Input, is needed"
        )
    counts = (len(model.inputs), len(model.outputs))
    if counts != (1, 1):
        raise ValueError(
            f"the model has {counts[0]} inputs and {counts[1]} outputs: one of each is needed"
        )
    if not model.compiled:
        raise ValueError("the model is not compiled: call model.compile first")
    if model.run_eagerly:
        raise ValueError("run_eagerly is True: compile the model without it")
    scales_loss = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    if scales_loss:
        raise ValueError(
            "the optimizer scales the loss: use float32, not mixed_float16"
        )
    fixed = model.inputs[0].shape[0]
    if batch_size is None:
        batch_size = fixed
    if batch_size is None:
        raise ValueError("the model has no fixed batch size: pass batch_size")
    _check_batch_size(batch_size)
    if fixed not in (None, batch_size):
        raise ValueError(f"batch_size is {batch_size}: the model has {fixed}")
    return batch_size


def _check_batch_size(batch_size):
    if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}: an integer >= 1 is needed")


def _split(model, X, y, batch_size):
    """Return X and y as batches, (batches, batch_size, ...), floats as Keras's floatx."""
    for name, data in ("X", X), ("y", y):
        is_array = isinstance(data, (np.ndarray, tf.Tensor))
        if not is_array:
            kind = type(data).__name__
            raise ValueError(f"{name} is a {kind}: a NumPy array or a tensor is needed")
    X, y = np.asarray(X), np.asarray(y)
    shape = model.inputs[0].shape
    sizes = zip(shape[1:], X.shape[1:])
    if X.ndim != len(shape) or any(want not in (None, got) for want, got in sizes):
        raise ValueError(f"X has shape {X.shape}: the model takes {shape}")
    if X.shape[:1] != y.shape[:1]:
        raise ValueError(
            f"X has shape {X.shape} and y {y.shape}: as many samples of each are needed"
        )
    if len(X) == 0 or len(X) % batch_size:
        raise ValueError(
            f"{len(X)} samples are not a multiple of batch size {batch_size}"
        )
    batches = []
    for data in X, y:
        if np.issubdtype(data.dtype, np.floating):
            data = data.astype(keras.config.floatx(), copy=False)
        batches.append(data.reshape(-1, batch_size, *data.shape[1:]))
    return batches


def _create_variables(model, X, y):
    """Create the variables of the optimizer and of the metrics, given one batch.

    Otherwise, TensorFlow would compile the pass twice, and metrics would not be reset.
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    # Calling the model would change its state. Zeros of the right shape are enough.
    spec = model.compute_output_spec(keras.KerasTensor(X.shape, X.dtype.name))
    model.compute_metrics(X, y, keras.ops.zeros(spec.shape, spec.dtype))


def one_at_a_time(model, batch_size=1):
    """Return a copy of a network that takes one time step, and keeps its state.

    Each call gives the answer that the network would give for all time steps since the
    last reset, at the last of them.

    model: Sequential, with a recurrent layer; it may be stateful or not.
    batch_size: sequences that are fed side by side.
    Returns: a model of the same weights with a zero state, not compiled. It takes
        X of shape (batch_size, 1, features), or (batch_size, 1) for an Embedding layer.
    Raises: ValueError if the network needs to see several time steps at once.
    """
    is_chain = getattr(type(model), "call", None) is keras.Sequential.call
    if not is_chain or not getattr(model, "inputs", None):
        raise ValueError(
            f"{model!r} is not a Sequential model with a known input shape. If each layer is "
            "used once, on the output of the one before, pass keras.Sequential(model.layers)"
        )
    _check_batch_size(batch_size)
    (sequence,) = model.inputs
    shape = (batch_size, 1, *sequence.shape[2:])
    inputs = outputs = keras.Input(batch_shape=shape, dtype=sequence.dtype)
    has_time_axis, is_masked = True, False
    # With this, custom layers and cells need not be registered.
    classes = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
    with keras.saving.CustomObjectScope(classes):
        for layer in _chain(model):
            _check_layer(layer, has_time_axis, rank=len(outputs.shape))
            is_masked |= isinstance(layer, keras.layers.Masking)
            is_masked |= getattr(layer, "mask_zero", False)
            config = layer.get_config()
            repeats = False
            if isinstance(layer, keras.layers.RNN):
                has_time_axis = layer.return_sequences
                repeats = is_masked and not layer.zero_output_for_mask
                config["stateful"] = True
                config["unroll"] = True
                config["return_sequences"] = has_time_axis or repeats
            copy = type(layer).from_config(config)
            outputs = copy(outputs)
            copy.set_weights(layer.get_weights())
            if repeats:
                outputs = RepeatWhenMasked(return_sequences=has_time_axis)(outputs)
    network = keras.Model(inputs, outputs)
    recurrent = [
        layer for layer in network.layers if isinstance(layer, keras.layers.RNN)
    ]
    if not recurrent:
        raise ValueError("the network has no recurrent layer, so it keeps no state")
    for layer in recurrent:
        if any(np.any(state) for state in keras.tree.flatten(layer.states)):
            raise ValueError(
                f"layer {layer.name!r} starts from a state that is not zero"
            )
    return network


def _chain(model):
    """Yield the layers of a Sequential model and of those inside it, in their order."""
    for layer in model.layers:
        if isinstance(layer, keras.Sequential):
            yield from _chain(layer)
        else:
            yield layer


def _check_layer(layer, has_time_axis, rank):
    """Raise ValueError if a layer needs several time steps at once.

    has_time_axis: axis 1 of the layer's input, which has `rank` axes, is the time.
    """
    name = f"layer {layer.name!r} ({type(layer).__name__})"
    is_recurrent = isinstance(layer, keras.layers.RNN)
    is_bidirectional = isinstance(layer, keras.layers.Bidirectional)
    if is_bidirectional or (is_recurrent and layer.go_backwards):
        raise ValueError(f"{name} reads a sequence from its end: it needs all of it")
    if is_recurrent and layer.return_state:
        raise ValueError(f"{name} has return_state=True: it is not supported")
    if is_recurrent and not has_time_axis:
        raise ValueError(f"{name} follows a layer without return_sequences=True")
    if has_time_axis and not is_recurrent:
        # By default, layers work on the last axis, which must not be the time.
        axes = [] if isinstance(layer, keras.layers.Embedding) else -1
        axes = keras.tree.flatten(getattr(layer, "axis", axes))
        over_time = any(axis % rank == 1 for axis in axes)
        if over_time or not isinstance(layer, PER_STEP_LAYERS):
            raise ValueError(
                f"{name} is not known to treat each time step by itself. If it does, wrap "
                "it in keras.layers.TimeDistributed"
            )
    for part in layer._flatten_layers():
        lacking = _arguments(part) - part.get_config().keys()
        if lacking:
            raise ValueError(
                f"get_config of {type(part).__name__} in {name} lacks {sorted(lacking)}"
            )


def _arguments(layer):
    """Return the names that the config of a layer with its own __init__ must have."""
    kind = type(layer)
    # Configs of Keras's layers are complete, and so is the one that Keras makes by itself.
    made_by_keras = kind.get_config is keras.layers.Layer.get_config
    if made_by_keras or kind.__module__.startswith("keras."):
        return set()
    owner = next(base for base in kind.__mro__ if "__init__" in vars(base))
    if owner.__module__.startswith("keras."):
        return set()
    parameters = inspect.signature(kind).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {parameter.name for parameter in parameters if parameter.kind in kinds}


@keras.saving.register_keras_serializable()
class RepeatWhenMasked(keras.layers.Layer):
    """Repeat the last output at a masked time step, as a layer does within a sequence."""

    stateful = True

    def __init__(self, return_sequences, **options):
        super().__init__(**options)
        self.return_sequences = return_sequences
        self.supports_masking = True

    def build(self, shape):
        self.last = self.add_weight(shape=shape, initializer="zeros", trainable=False)

    def call(self, outputs, mask=None):
        # One axis for each of the outputs' axes.
        mask = keras.ops.reshape(mask, mask.shape + (1,) * (len(outputs.shape) - 2))
        self.last.assign(keras.ops.where(mask, outputs, self.last))
        return keras.ops.copy(self.last if self.return_sequences else self.last[:, 0])

    def reset_states(self):
        self.last.assign(keras.ops.zeros_like(self.last))

    def save_own_variables(self, store):
        """Save nothing, since files do not contain a state."""

    def load_own_variables(self, store):
        """Load nothing."""
