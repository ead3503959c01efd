"""Part 2, "Echo Current Observation": echo the value that the network is given.

1, 2, 3, 4 becomes 1 -> 1, 2 -> 2, 3 -> 3 and 4 -> 4. The network must learn
yhat(t) = f(X(t)). That takes no memory, only a function from an input to the same
output.

From "How to Learn to Echo Random Integers with LSTMs in Keras" by Jason Brownlee.
"""

import gc
import os
from argparse import ArgumentParser, RawTextHelpFormatter
from importlib.util import find_spec
from pathlib import Path

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1")  # no GPU
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A notebook sets MPLBACKEND to matplotlib_inline, which may not be installed here.
if find_spec("matplotlib_inline") is None:
    os.environ.pop("MPLBACKEND", None)
if __name__ == "__main__":
    gc.disable()  # Only for speed: no search for garbage during the imports.

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from matplotlib.figure import Figure

# Prepare the data: 25 random values become X (25, 1, 100) and y (25, 100), one hot.
from sequences import generate_data_current as generate_data
from sequences import one_hot_decode

EPOCHS = 500
BATCH_SIZE = 1


# Define the model.
def build_model():
    """Return the compiled network: 1 time step of 100 features in, 100 classes out."""
    model = keras.Sequential()
    # The article gives the LSTM the option input_shape=(1, 100) instead of an Input.
    model.add(keras.Input(shape=(1, 100)))  # time steps, features
    model.add(keras.layers.LSTM(15, unroll=True))  # unroll: only speed
    model.add(keras.layers.Dense(100, activation="softmax"))
    model.compile("adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


# Fit the model by hand: each epoch is one pass over a new random sequence.
def fit(model, epochs=EPOCHS):
    """Train the model; return a DataFrame of the loss and accuracy in each epoch."""
    fit_sequence = compile_fit(model)
    history = {}
    for epoch in range(1, epochs + 1):
        X, y = generate_data()
        X = in_batches(model, X)
        y = y.reshape(*X.shape[:2], *y.shape[1:])  # in the same batches, or an error
        # The article: model.fit(X, y, epochs=1, batch_size=1)
        # The same, compiled, but in order (by default, fit shuffles the samples): 25 batches
        # of 1 sample of 1 time step and 100 features.
        results = fit_sequence(X, y)
        loss, accuracy = float(results["loss"]), float(results["accuracy"])
        print(f"Epoch {epoch}/{epochs} - loss: {loss:.4f} - accuracy: {accuracy:.4f}")
        history[epoch] = loss, accuracy
    return pd.DataFrame.from_dict(history, "index", columns=["loss", "accuracy"])


def in_batches(model, X):
    """Return the samples X in batches, (batches, batch size, ...); zeros fill the last one.

    Raises: ValueError if the samples do not have the shape of the model's.
    """
    batch_size = model.input_shape[0] or BATCH_SIZE
    needed = model.input_shape[1:]
    if X.shape[1:] != needed or len(X) == 0:
        raise ValueError(f"X has shape {X.shape}: samples of shape {needed} are needed")
    missing = -len(X) % batch_size  # samples that the last batch still needs
    full = np.pad(X, [(0, missing), (0, 0), (0, 0)])
    return full.reshape(-1, batch_size, *needed)


# Only for speed: compile_fit does the article's line, so you need not read it.
def compile_fit(model):
    """Return one function for the line of the article, without set-up and shuffling."""
    # Make the variables of Adam and of the metric now: TensorFlow then compiles once.
    model.optimizer.build(model.trainable_variables)
    model.compute_metrics(x=None, y=np.eye(100), y_pred=np.eye(100))  # any y will do

    @tf.function(jit_compile=True)  # by XLA
    def fit_sequence(X, y):
        model.reset_metrics()
        for i in tf.range(len(X)):
            model.train_step((X[i], y[i]))  # what fit does with a batch
        return model.get_metrics_result()

    return fit_sequence


# Predict a new sequence, and compare the predicted output to the expected one.
def predict(model, X):
    """Return yhat, (n, 100), the probability of each class for the n samples in X."""
    # Only for speed: all samples in one batch, as none needs the state of another.
    batches = in_batches(model, X)
    return model.predict_on_batch(np.concatenate(batches))[: len(X)]


def evaluate(model, sequence=None):
    """Print the echo of a sequence, 1 or more integers, and the accuracy on 100 new ones."""
    X, y = generate_data(sequence)
    yhat = predict(model, X)
    print("Expected: ", one_hot_decode(y))
    print("Predicted:", one_hot_decode(yhat))
    # One sequence proves little, so measure 100 more.
    sequences = [generate_data() for _ in range(100)]
    y = np.concatenate([y for _, y in sequences])
    yhat = np.concatenate([predict(model, X) for X, _ in sequences])
    accuracy = np.mean(keras.metrics.categorical_accuracy(y, yhat))
    print(f"Accuracy over 100 new sequences: {accuracy:.4f}")


# Not in the article: the learning curves, and the options of the command.
def plot(history, file):
    """Draw the loss and the accuracy per epoch, each as the mean of 25 epochs."""
    figure = Figure(layout="constrained")
    for axis, name in zip(figure.subplots(2), ["loss", "accuracy"]):
        axis.plot(history[name].rolling(25, min_periods=1).mean())
        axis.set(xlabel="epoch", ylabel=f"{name}, mean of 25 epochs")
    figure.savefig(file)


def parse_args(arguments=None):
    """Return the options in these arguments, or the shell's; exit if one is wrong."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawTextHelpFormatter)
    add = parser.add_argument
    add("sequence", nargs="*", type=int, help="echo these 1 or more integers, 0 to 99")
    about = f"train on N sequences (default: {EPOCHS})"
    add("--epochs", type=int, default=EPOCHS, metavar="N", help=about)
    add("--seed", type=int, metavar="N", help="same seed, same output")
    add("--plot", type=Path, metavar="FILE", help="draw the learning curves into FILE")
    args = parser.parse_args(arguments)
    args.sequence = args.sequence or None  # None: a new random one
    if args.epochs < 1:
        parser.error(f"--epochs is {args.epochs}: at least 1 is needed")
    if args.seed is not None and not 0 <= args.seed < 2**32:
        parser.error(f"--seed is {args.seed}: 0 to 2**32 - 1 is needed")
    if args.plot and args.plot.suffix.lower() not in (".png", ".svg", ".pdf"):
        parser.error(f"--plot is {args.plot}: .png, .svg or .pdf is needed")
    try:
        generate_data(args.sequence)  # Are the integers right?
        if args.plot:
            is_new = not args.plot.exists()
            if not is_new and not args.plot.is_file():
                parser.error(f"--plot is {args.plot}: it is there, but is no file")
            args.plot.open("a").close()  # Can it be written? An old picture stays.
            if is_new:
                args.plot.resolve().unlink()
    except (ValueError, OSError) as error:
        parser.error(str(error))
    return args


def main():
    args = parse_args()
    if args.seed is not None:
        keras.utils.set_random_seed(args.seed)  # seeds Python's random, too
    model = build_model()
    history = fit(model, args.epochs)
    evaluate(model, args.sequence)
    if args.plot:
        plot(history, args.plot)


if __name__ == "__main__":
    gc.freeze()  # Only for speed: when Python exits, it skips what the imports have made.
    gc.enable()
    main()
