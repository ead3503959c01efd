"""Echo the previous observation, given the last 5 as context, with an LSTM.

"Echo Lag Observation", part 4 of the article
"How to Learn to Echo Random Integers with LSTMs in Keras".
"""

import argparse
import gc
import os
import signal
from pathlib import Path

# Keras and TensorFlow read these when imported. Level 3 also hides an error that only says
# that there is no GPU. Exceptions are seen all the same.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The imports make very many objects, and hardly any garbage. Not to search them for it, now
# and as Python exits, saves 1 to 2 s of each run.
gc.disable()
import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from matplotlib.figure import Figure

from sequences import generate_data_lag as generate_data
from sequences import one_hot_decode

gc.freeze()
gc.enable()

# On the CPU, as in the article, also where there is a GPU.
tf.config.set_visible_devices([], "GPU")

EPOCHS = 2000


def build_model():
    """Return the compiled network: time steps of 100 features in, 100 classes out."""
    model = keras.Sequential()
    # Batch size, time steps, features.
    model.add(keras.Input(batch_shape=(5, 5, 100)))
    # Unrolled, a few time steps give the same results from faster code.
    model.add(keras.layers.LSTM(50, stateful=True, unroll=True, name="lstm"))
    model.add(keras.layers.Dense(100, activation="softmax"))
    model.compile(
        loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"]
    )
    return model


def train(model, epochs=EPOCHS, generate_data=generate_data):
    """Train on a new random sequence each epoch; print the epoch's loss and accuracy.

    generate_data: the framing, which is how a sequence becomes X and y. Others can be
        passed, as tests/extensions.py does to echo_lag.py.
    Returns: DataFrame, a row for each epoch, with the columns loss and accuracy.
    """
    train_on_sequence = compile_pass(model)
    history = []
    for epoch in range(1, epochs + 1):
        X, y = generate_data()  # (20, 5, 100), (20, 100)
        # The article: model.fit(X, y, epochs=1, batch_size=5, shuffle=False) and
        # model.reset_states()
        loss, accuracy = train_on_sequence(X, y)
        print(f"Epoch {epoch}/{epochs} - loss: {loss:.4f} - accuracy: {accuracy:.4f}")
        history.append({"loss": float(loss), "accuracy": float(accuracy)})
    return pd.DataFrame(history, index=pd.RangeIndex(1, epochs + 1, name="epoch"))


def compile_pass(model):
    """Return the article's fit and reset for one sequence, as one compiled function.

    Keras 3 prepares each call of fit for longer than this one takes.
    Returns: function of X and y, which returns the loss and the accuracy, two scalars.
    """
    # TensorFlow traces a function twice if it makes variables. So those of the optimizer
    # and of the accuracy are made here.
    model.optimizer.build(model.trainable_variables)
    zeros = np.zeros((1, *model.output_shape[1:]))
    model.compute_metrics(None, zeros, zeros)

    @tf.function(jit_compile=True)
    def train_on_sequence(X, y):
        X = tf.reshape(X, (-1, *model.input_shape))  # (4, 5, 5, 100)
        y = tf.reshape(y, (-1, *model.output_shape))  # (4, 5, 100)
        model.reset_metrics()
        # Python's range would compile each batch anew, which takes long.
        for i in tf.range(len(X)):
            model.train_step((X[i], y[i]))
        model.get_layer("lstm").reset_state()
        results = model.get_metrics_result()
        return results["loss"], results["accuracy"]

    return train_on_sequence


def predict(model, X):
    """Predict the samples of one sequence, in batches, from a reset state.

    X: float32 (n, time steps, 100) for any n >= 1.
    Returns: yhat, float32 (n, 100), a probability for each class.
    """
    # Zeros fill the last batch: rows do not see each other, so no answer changes.
    lacking = -len(X) % model.input_shape[0]  # how many rows the last batch lacks
    padded = np.pad(X, [(0, lacking), (0, 0), (0, 0)])
    batches = padded.reshape(-1, *model.input_shape)  # (4, 5, 5, 100)
    model.get_layer("lstm").reset_state()
    yhat = np.concatenate([model.predict_on_batch(batch) for batch in batches])
    return yhat[: len(X)]


def evaluate(model, sequence=None, generate_data=generate_data):
    """Echo a sequence, a new random one by default, then measure over 100 new ones.

    sequence: integers from 0 to 99, as many as the framing needs or more.
    Returns: float32, for each answer to the 100 new sequences: 1 if right, 0 if wrong.
    """
    X, y = generate_data(sequence)  # (20, 5, 100), (20, 100)
    yhat = predict(model, X)  # (20, 100)
    print("Expected: ", one_hot_decode(y))
    print("Predicted:", one_hot_decode(yhat))

    X, y = zip(*[generate_data() for _ in range(100)])
    yhat = [predict(model, x) for x in X]
    right = keras.metrics.categorical_accuracy(np.concatenate(y), np.concatenate(yhat))
    right = np.array(right)  # (2000,)
    print(f"Accuracy over 100 new sequences: {right.mean():.4f}")
    return right


def plot(history, file, format):
    """Draw loss and accuracy by epoch, each with its mean over the last 25 epochs."""
    figure = Figure()
    axes = figure.subplots(2, sharex=True)
    history.plot(subplots=True, ax=axes, alpha=0.3, title=Path(__file__).name)
    smooth = history.rolling(25, min_periods=1).mean().add_suffix(", mean of 25 epochs")
    smooth.plot(subplots=True, ax=axes)
    figure.savefig(file, format=format)


def parse_args(argv=None):
    """Return the options. Whatever is wrong with them ends the script here, untrained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "sequence", nargs="*", type=int, help="6 or more integers from 0 to 99 to echo"
    )
    parser.add_argument(
        "--epochs", type=int, default=EPOCHS, help="sequences (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, help="same seed, same output")
    parser.add_argument("--plot", type=Path, help="draw learning curves into this file")
    args = parser.parse_intermixed_args(argv)
    try:
        if args.epochs < 1:
            raise ValueError(f"--epochs is {args.epochs}: at least 1 is needed")
        if args.sequence:
            generate_data(args.sequence)
        if args.seed is not None:
            keras.utils.set_random_seed(args.seed)
        if args.plot:
            blank = pd.DataFrame({"loss": [0.0], "accuracy": [0.0]})
            plot(blank, os.devnull, format=args.plot.suffix[1:])
            # Appending nothing proves that the file can be written, and keeps an old one.
            args.plot.open("ab").close()
            if not args.plot.stat().st_size:
                args.plot.unlink()
    except (ValueError, OSError, RuntimeError) as error:
        parser.error(str(error))
    return args


def main(argv=None):
    args = parse_args(argv)
    model = build_model()
    history = train(model, args.epochs)
    if args.plot:
        plot(history, args.plot, format=args.plot.suffix[1:])
    evaluate(model, args.sequence or None)


if __name__ == "__main__":
    # End quietly when `| head` has read enough. Windows has no such signal.
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main()
