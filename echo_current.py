"""Echo the current observation with an LSTM.

Part 2, "Echo Current Observation", of the article "How to Learn to Echo Random Integers
with LSTMs in Keras".

    python echo_current.py
    python echo_current.py 3 14 15 92 65 35 89 79 32
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

from sequences import generate_data_current as generate_data
from sequences import one_hot_decode

EPOCHS = 500
BATCH_SIZE = 1


def build_model():
    """Return the compiled network: 1 time step of 100 features in, 100 classes out."""
    model = keras.Sequential()
    model.add(keras.Input(shape=(1, 100)))
    # Unrolled, a few time steps give the same results from faster code.
    model.add(keras.layers.LSTM(15, unroll=True))
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
        X = tf.reshape(X, (-1, BATCH_SIZE, *model.input_shape[1:]))
        y = tf.reshape(y, (-1, BATCH_SIZE, *model.output_shape[1:]))
        model.reset_metrics()
        for i in tf.range(len(X)):
            model.train_step((X[i], y[i]))
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
    """Predict the samples of one sequence, all in one batch.

    X: float32 (n, time steps, 100) for any n >= 1.
    Returns: yhat, float32 (n, 100), a probability for each class.
    """
    return model.predict_on_batch(X)


def evaluate(model, sequence=None):
    """Echo a sequence, a new random one by default, then measure over 100 new ones.

    sequence: 1 or more integers from 0 to 99.
    Returns: the accuracy over all predictions for the 100 sequences, from 0 to 1.
    """
    X, y = generate_data(sequence)
    yhat = predict(model, X)
    print("Expected: ", one_hot_decode(y))
    print("Predicted:", one_hot_decode(yhat))

    new = [generate_data() for _ in range(100)]
    y = np.concatenate([y for X, y in new])
    yhat = np.concatenate([predict(model, X) for X, y in new])
    right = keras.metrics.categorical_accuracy(y, yhat)
    accuracy = float(np.mean(right))
    print(f"Accuracy over 100 new sequences: {accuracy:.4f}")
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
        help="echo these integers, 1 or more from 0 to 99, not a random sequence",
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
    args = parser.parse_intermixed_args(argv)
    if args.seed is not None and not 0 <= args.seed < 2**32:
        parser.error(f"--seed is {args.seed}: 0 to {2**32 - 1} is allowed")
    try:
        if args.sequence:
            generate_data(args.sequence)
    except ValueError as error:
        parser.error(str(error))
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

    model = build_model()
    history = train(model, args.epochs)
    if args.plot:
        plot(history, args.plot)
    evaluate(model, args.sequence or None)


if __name__ == "__main__":
    # Else Python looks through all of TensorFlow for garbage once more as it exits.
    gc.freeze()
    main()
