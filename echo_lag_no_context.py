"""Try to echo the previous observation with an LSTM that is given no context.

Part 3, "Echo Lag Observation Without Context (The Beginners Mistake)", of the article
"How to Learn to Echo Random Integers with LSTMs in Keras".

    python echo_lag_no_context.py
    python echo_lag_no_context.py 3 14 15 92 65 35 89 79 32
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

from sequences import generate_data_lag_no_context as generate_data
from sequences import one_hot_decode

EPOCHS = 2000
BATCH_SIZE = 6


def build_model(batch_size=BATCH_SIZE, time_steps=1):
    """Return the compiled network: `time_steps` of 100 features in, 100 classes out.

    The defaults are the article's network. With more time steps it answers each of them.
    """
    model = keras.Sequential()
    model.add(keras.Input(batch_shape=(batch_size, time_steps, 100)))
    # Unrolled, a few time steps give the same results from faster code.
    model.add(
        keras.layers.LSTM(
            50,
            stateful=True,
            return_sequences=time_steps > 1,
            unroll=time_steps <= 10,
            name="lstm",
        )
    )
    model.add(keras.layers.Dense(100, activation="softmax"))
    model.compile(
        loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"]
    )
    return model


def train(model, epochs=EPOCHS):
    """Train on a new random sequence each epoch; print the epoch's loss and accuracy.

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
        X, y = generate_data()
        results = train_on_sequence(X, y)
        loss, accuracy = float(results["loss"]), float(results["accuracy"])
        print(f"Epoch {epoch}/{epochs} - loss: {loss:.4f} - accuracy: {accuracy:.4f}")
        history["loss"].append(loss)
        history["accuracy"].append(accuracy)
    return history


def predict(model, X):
    """Predict the samples of one sequence, in batches, from a reset state.

    X: float32 (n, time steps, 100) for any n >= 1.
    Returns: yhat, float32 (n, 100), a probability for each class.
    """
    # The rows of a batch do not see each other, so the zeros that fill the last batch
    # change no answer.
    batch_size = model.input_shape[0]
    padded = np.pad(X, [(0, -len(X) % batch_size), (0, 0), (0, 0)])
    model.get_layer("lstm").reset_states()
    batches = np.split(padded, len(padded) // batch_size)
    yhat = np.concatenate([model.predict_on_batch(batch) for batch in batches])
    return yhat[: len(X)]


def evaluate(model, sequence=None, first=0):
    """Echo a sequence, a new random one by default, then measure over 100 new ones.

    sequence: 2 or more integers from 0 to 99.
    first: the sample of each new sequence to measure from.
    Returns: the accuracy over all predictions for the 100 sequences, from 0 to 1.
    """
    X, y = generate_data(sequence)
    yhat = predict(model, X)
    print("Expected: ", one_hot_decode(y))
    print("Predicted:", one_hot_decode(yhat))

    new = [generate_data() for _ in range(100)]
    y = np.concatenate([y[first:] for X, y in new])
    yhat = np.concatenate([predict(model, X)[first:] for X, y in new])
    right = keras.metrics.categorical_accuracy(y, yhat)
    accuracy = float(np.mean(right))
    aside = ", the first number of each aside" if first else ""
    print(f"Accuracy over 100 new sequences{aside}: {accuracy:.4f}")
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
        help="echo these integers, 2 or more from 0 to 99, not a random sequence",
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
        "--batch-size",
        type=positive_int,
        metavar="N",
        help=f"samples a batch (default: {BATCH_SIZE})",
    )
    extensions.add_argument(
        "--through-time",
        action="store_true",
        help="train on each sequence as one sample with all its time steps, then feed "
        "the trained network one number at a time",
    )
    args = parser.parse_intermixed_args(argv)
    if args.seed is not None and not 0 <= args.seed < 2**32:
        parser.error(f"--seed is {args.seed}: 0 to {2**32 - 1} is allowed")
    try:
        n_samples = len(generate_data()[0])
        if args.sequence:
            generate_data(args.sequence)
    except ValueError as error:
        parser.error(str(error))
    sizes = [size for size in range(1, n_samples + 1) if n_samples % size == 0]
    batch_size = args.batch_size or BATCH_SIZE
    if batch_size not in sizes:
        parser.error(
            f"--batch-size is {batch_size}: it must divide the {n_samples} samples of a "
            f"sequence, so one of {', '.join(map(str, sizes))}"
        )
    if args.through_time and args.batch_size:
        parser.error(
            "--batch-size does not go with --through-time: it trains on 1 sample"
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

    if args.through_time:
        # Gradients flow back through the time steps of a sample: make one of them all.
        model = build_model(batch_size=1, time_steps=n_samples)
    else:
        model = build_model(batch_size)
    history = train(model, args.epochs)
    if args.plot:
        plot(history, args.plot)
    if args.through_time:
        # No weight depends on the number of time steps, so these fit the network that
        # takes one number at a time.
        weights = model.get_weights()
        model = build_model(batch_size=1)
        model.set_weights(weights)
    evaluate(model, args.sequence or None, first=1 if args.through_time else 0)


if __name__ == "__main__":
    # Else Python looks through all of TensorFlow for garbage once more as it exits.
    gc.freeze()
    main()
