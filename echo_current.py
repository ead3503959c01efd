"""Train an LSTM to echo the current observation.

This is part 2, "Echo Current Observation", of the article
"How to Learn to Echo Random Integers with LSTMs in Keras".
"""

import argparse
import gc
import os
import sys
from pathlib import Path

# Keras and TensorFlow read these when they are imported. The article needs no GPU, so use
# none. Level 3 hides TensorFlow's log, which would report the missing GPU as an error.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The imports create many objects and almost no garbage. To save time, keep Python's garbage
# collector from searching them, now by a high threshold and later by freeze.
gc.set_threshold(1_000_000)
import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from matplotlib.figure import Figure

from sequences import generate_data_current as generate_data
from sequences import one_hot_decode

gc.freeze()

EPOCHS = 500


def build_model():
    """Return the compiled network: time steps of 100 features in, 100 classes out."""
    model = keras.Sequential()
    # Time steps, features.
    model.add(keras.Input(shape=(1, 100)))
    # unroll: for a few time steps, the same results from faster code.
    model.add(keras.layers.LSTM(15, unroll=True))
    model.add(keras.layers.Dense(100, activation="softmax"))
    model.compile(
        loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"]
    )
    return model


def train(model, epochs=EPOCHS, generate_data=generate_data):
    """Train on one new random sequence per epoch; print each epoch's loss and accuracy.

    generate_data: returns the X and y of one sequence; pass another for other data.
    Returns: DataFrame, one row per epoch, with the columns loss and accuracy.
    """
    history = []
    for epoch in range(1, epochs + 1):
        X, y = generate_data()  # (25, 1, 100), (25, 100)
        if epoch == 1:
            train_on_sequence = compile_training_pass(model, X, y)
        # The article: model.fit(X, y, epochs=1, batch_size=1)
        results = train_on_sequence(X, y)
        loss, accuracy = float(results["loss"]), float(results["accuracy"])
        print(f"Epoch {epoch}/{epochs} - loss: {loss:.4f} - accuracy: {accuracy:.4f}")
        history.append({"loss": loss, "accuracy": accuracy})
    return pd.DataFrame(history, index=pd.RangeIndex(1, epochs + 1, name="epoch"))


def compile_training_pass(model, X, y):
    """Return one compiled function that trains as model.fit(shuffle=False) would.

    In Keras 3, a call to fit spends most of its time on set-up. This function avoids it.

    X, y: one sequence, as an example. Nothing is trained on it yet.
    Returns: function of the X and y of a sequence. It returns a dict of scalars, the
        loss and each metric.
    """
    # Create the variables of the optimizer and the metrics now. Otherwise, TensorFlow
    # compiles the function twice, or the function does not reset the metrics.
    model.optimizer.build(model.trainable_variables)
    yhat = model.predict_on_batch(X[:1])
    model.compute_metrics(None, y[:1], yhat)

    @tf.function(jit_compile=True)
    def train_on_sequence(X, y):
        X = tf.ensure_shape(X, (None, *model.input_shape[1:]))  # (25, 1, 100)
        X = tf.reshape(X, (-1, 1, *X.shape[1:]))  # (25, 1, 1, 100)
        y = tf.reshape(y, (len(X), 1, *y.shape[1:]))  # (25, 1, 100)
        model.reset_metrics()
        # A Python range would unroll the loop, one copy per batch, and compile slowly.
        for i in tf.range(len(X)):
            model.train_step((X[i], y[i]))
        return model.get_metrics_result()

    return train_on_sequence


def predict(model, X):
    """Predict the samples of one sequence, all in one batch.

    X: float32 (n, time steps, 100) for any n >= 1.
    Returns: yhat, float32 (n, 100), a probability for each class.
    """
    return model.predict_on_batch(X)


def evaluate(model, sequence=None, generate_data=generate_data):
    """Print the expected and the predicted echo of a sequence, and the accuracy over 100.

    sequence: integers from 0 to 99, at least as many as generate_data needs; a new random
        sequence by default. The 100 are always new random sequences.
    Returns: float32, one value per sample of the 100 sequences: 1 if right, 0 if wrong.
    """
    X, y = generate_data(sequence)  # (25, 1, 100), (25, 100)
    yhat = predict(model, X)  # (25, 100)
    print("Expected: ", one_hot_decode(y))
    print("Predicted:", one_hot_decode(yhat))

    X, y = zip(*[generate_data() for _ in range(100)])
    yhat = [predict(model, x) for x in X]
    right = keras.metrics.categorical_accuracy(np.concatenate(y), np.concatenate(yhat))
    right = np.array(right)  # (2500,)
    print(f"Accuracy over 100 new sequences: {right.mean():.4f}")
    return right


def plot(history, file, format, title=Path(__file__).name):
    """Draw loss and accuracy per epoch, each with its moving mean over 25 epochs."""
    figure = Figure()
    axes = figure.subplots(2, sharex=True)
    history.plot(subplots=True, ax=axes, alpha=0.3, title=title)
    smooth = history.rolling(25, min_periods=1).mean().add_suffix(", mean of 25 epochs")
    smooth.plot(subplots=True, ax=axes)
    figure.savefig(file, format=format)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "sequence",
        nargs="*",
        type=int,
        help="1 or more integers to echo after training, each from 0 to 99 (default: a "
        "random sequence)",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        default=EPOCHS,
        metavar="N",
        help="train on N random sequences, one per epoch (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="same seed, same output")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the learning curves into FILE"
    )
    args = parser.parse_intermixed_args(argv)

    # Check the options now, so that a wrong one ends the script before the training.
    try:
        if args.epochs < 1:
            raise ValueError(f"--epochs is {args.epochs}: at least 1 is needed")
        if args.seed is not None and not 0 <= args.seed < 2**32:
            raise ValueError(f"--seed is {args.seed}: 0 to {2**32 - 1} is needed")
        if args.sequence:
            generate_data(args.sequence)
        if args.plot:
            blank = pd.DataFrame({"loss": [0.0], "accuracy": [0.0]})
            plot(blank, os.devnull, format=args.plot.suffix[1:])
            # Opening the file shows that it can be written. Append mode keeps its content.
            args.plot.open("ab").close()
    except (ValueError, OSError, RuntimeError) as error:
        parser.error(str(error))

    if args.seed is not None:
        keras.utils.set_random_seed(args.seed)
    model = build_model()
    history = train(model, args.epochs)
    if args.plot:
        plot(history, args.plot, format=args.plot.suffix[1:])
    evaluate(model, args.sequence or None)


if __name__ == "__main__":
    try:
        main()
        sys.stdout.flush()
    except BrokenPipeError:
        # A reader such as `| head` has read enough. Leave nothing to flush at exit.
        sys.stdout = None
