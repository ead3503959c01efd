"""Echo the previous observation, given the last 5 as context, with an LSTM.

Part 4, "Echo Lag Observation", of the article "How to Learn to Echo Random Integers
with LSTMs in Keras".

    python echo_lag.py
    python echo_lag.py 3 14 15 92 65 35 89 79 32
"""

import argparse
import gc
import os

# Keras and TensorFlow read these while they are imported.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from matplotlib.figure import Figure

from sequences import MISSING, one_hot_decode
from sequences import generate_data_lag as generate_data

EPOCHS = 2000
BATCH_SIZE = 5


def build_model(
    context=5,
    units=50,
    batch_size=BATCH_SIZE,
    stateful=True,
    missing="drop",
    echo_sequence=False,
):
    """Return the compiled network: `context` time steps of 100 features in, 100 classes out.

    The defaults are the article's network; `missing` and `echo_sequence` are the
    framing's, and add a Masking layer and an output for every time step.
    """
    model = keras.Sequential()
    model.add(keras.Input(batch_shape=(batch_size, context, 100)))
    if missing == "mask":
        model.add(keras.layers.Masking(mask_value=MISSING))
    # Unrolled, a few time steps give the same results from faster code.
    model.add(
        keras.layers.LSTM(
            units,
            stateful=stateful,
            return_sequences=echo_sequence,
            unroll=context <= 10,
            name="lstm",
        )
    )
    dense = keras.layers.Dense(100, activation="softmax")
    model.add(keras.layers.TimeDistributed(dense) if echo_sequence else dense)
    model.compile(
        loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"]
    )
    return model


def train(model, epochs=EPOCHS, **framing):
    """Train on a new random sequence each epoch; print the epoch's loss and accuracy.

    framing: keyword arguments of `generate_data`.
    Returns: {"loss": [...], "accuracy": [...]}, a float an epoch in each list.
    """
    # The compiled pass cannot create variables, so the optimizer's come first.
    model.optimizer.build(model.trainable_variables)

    # Does with one sequence what `model.fit` does, but is prepared only once, when it is
    # compiled, and not again each epoch.
    @tf.function(jit_compile=True)
    def train_on_sequence(X, y):
        # The samples in order, as batches in the shape that the network takes.
        X = tf.reshape(X, (-1, *model.input_shape))
        y = tf.reshape(y, (-1, *model.output_shape))
        model.reset_metrics()
        for i in tf.range(len(X)):
            model.train_step((X[i], y[i]))
        model.get_layer("lstm").reset_states()
        return model.get_metrics_result()

    history = {"loss": [], "accuracy": []}
    for epoch in range(1, epochs + 1):
        X, y = generate_data(**framing)
        results = train_on_sequence(X, y)
        loss, accuracy = float(results["loss"]), float(results["accuracy"])
        print(f"Epoch {epoch}/{epochs} - loss: {loss:.4f} - accuracy: {accuracy:.4f}")
        history["loss"].append(loss)
        history["accuracy"].append(accuracy)
    return history


def predict(model, X):
    """Predict the samples of one sequence, in batches, from a reset state.

    X: float32 (n, time steps, 100) for any n >= 1.
    Returns: yhat, float32 (n, 100), a probability for each class; with echo_sequence,
        (n, time steps, 100).
    """
    # The rows of a batch do not see each other, so the zeros that fill the last batch
    # change no answer.
    batch_size = model.input_shape[0]
    padded = np.pad(X, [(0, -len(X) % batch_size), (0, 0), (0, 0)])
    model.get_layer("lstm").reset_states()
    batches = np.split(padded, len(padded) // batch_size)
    yhat = np.concatenate([model.predict_on_batch(batch) for batch in batches])
    return yhat[: len(X)]


def evaluate(model, sequence=None, **framing):
    """Echo a sequence, a new random one by default, then measure over 100 new ones.

    sequence: 6 or more integers from 0 to 99.
    framing: keyword arguments of `generate_data`.
    Returns: the accuracy over all predictions for the 100 sequences, from 0 to 1.
    """
    X, y = generate_data(sequence, **framing)
    yhat = predict(model, X)
    print("Expected: ", one_hot_decode(y))
    print("Predicted:", one_hot_decode(yhat))

    new = [generate_data(**framing) for _ in range(100)]
    y = np.concatenate([y for X, y in new])
    yhat = np.concatenate([predict(model, X) for X, y in new])
    right = keras.metrics.categorical_accuracy(y, yhat)
    accuracy = float(np.mean(right))
    print(f"Accuracy over 100 new sequences: {accuracy:.4f}")
    if framing.get("echo_sequence"):
        by_time_step = np.mean(right, axis=0)
        print("Accuracy by time step:", *(f"{value:.4f}" for value in by_time_step))
    return accuracy


def plot(history, file):
    """Draw loss and accuracy by epoch into a file, in the format that its name ends in."""
    figure = Figure()
    epochs = pd.RangeIndex(1, len(history["loss"]) + 1, name="epoch")
    axes = figure.subplots(2, sharex=True)
    pd.DataFrame(history, index=epochs).plot(subplots=True, ax=axes, legend=False)
    for axis, name in zip(axes, history):
        axis.set_ylabel(name)
    figure.suptitle(os.path.basename(__file__))
    figure.savefig(file, format=os.path.splitext(file)[1].lstrip("."))


def positive_int(text):
    """Return an option's integer, for argparse to report if it is not at least 1."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive integer")
    return int(text)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "sequence",
        nargs="*",
        type=int,
        metavar="INTEGER",
        help="echo these integers, 6 or more from 0 to 99, not a random sequence",
    )
    parser.add_argument(
        "--epochs",
        type=positive_int,
        default=EPOCHS,
        metavar="N",
        help="random sequences to train on (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="make all randomness repeatable"
    )
    parser.add_argument(
        "--plot", metavar="FILE", help="draw loss and accuracy by epoch into this file"
    )
    extensions = parser.add_argument_group("the article's extensions")
    extensions.add_argument(
        "--stateless",
        action="store_true",
        help="ignore internal state: start every sample from a zero state",
    )
    extensions.add_argument(
        "--lag",
        type=int,
        default=1,
        metavar="K",
        help="echo the value K before the last, 0 to context (default: %(default)s)",
    )
    extensions.add_argument(
        "--context",
        type=int,
        default=5,
        metavar="N",
        help="time steps of a sample (default: %(default)s)",
    )
    extensions.add_argument(
        "--units",
        type=positive_int,
        default=50,
        metavar="N",
        help="memory units of the LSTM (default: %(default)s)",
    )
    extensions.add_argument(
        "--batch-size",
        type=positive_int,
        metavar="N",
        help=f"samples a batch (default: {BATCH_SIZE}, or less if that does not divide "
        "the samples of a sequence)",
    )
    extensions.add_argument(
        "--missing",
        choices=["drop", "mark", "mask"],
        default="drop",
        help="incomplete first samples: drop them, keep them marked with -1, or mask the "
        "marks with a Masking layer (default: %(default)s)",
    )
    extensions.add_argument(
        "--echo-sequence",
        action="store_true",
        help="echo every time step of the sample, each with the same lag",
    )
    args = parser.parse_intermixed_args(argv)
    framing = {
        "context": args.context,
        "lag": args.lag,
        "missing": args.missing,
        "echo_sequence": args.echo_sequence,
    }
    if args.seed is not None and not 0 <= args.seed < 2**32:
        parser.error(f"--seed is {args.seed}: 0 to {2**32 - 1} is allowed")
    try:
        n_samples = len(generate_data(**framing)[0])
        if args.sequence:
            generate_data(args.sequence, **framing)
    except ValueError as error:
        parser.error(str(error))
    sizes = [size for size in range(1, n_samples + 1) if n_samples % size == 0]
    batch_size = args.batch_size or max(size for size in sizes if size <= BATCH_SIZE)
    if batch_size not in sizes:
        parser.error(
            f"--batch-size is {batch_size}: it must divide the {n_samples} samples of a "
            f"sequence, so one of {', '.join(map(str, sizes))}"
        )
    try:
        # A picture that cannot be written shows now, not after the training.
        if args.plot is not None:
            plot({"loss": [0.0], "accuracy": [0.0]}, args.plot)
    except (ValueError, OSError, RuntimeError) as error:
        parser.error(str(error))

    # The CPU alone, also where there is a GPU.
    tf.config.set_visible_devices([], "GPU")
    if args.seed is not None:
        keras.utils.set_random_seed(args.seed)

    model = build_model(
        args.context,
        args.units,
        batch_size,
        stateful=not args.stateless,
        missing=args.missing,
        echo_sequence=args.echo_sequence,
    )
    history = train(model, args.epochs, **framing)
    if args.plot:
        plot(history, args.plot)
    evaluate(model, args.sequence or None, **framing)


if __name__ == "__main__":
    # Else Python looks through all of TensorFlow for garbage once more as it exits.
    gc.freeze()
    main()
