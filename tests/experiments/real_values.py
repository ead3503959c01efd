"""Does a network that predicts real values look back? The guide's check, by its errors.

    python -m tests.experiments.real_values --lag 3 --shortest 4 --steps 10

The values are uniform from 0 to 1. The target is the value K steps before or, with --mean,
the mean of all values from there on. The network is trained on all windows of one list, in
random order, each from a zero state. Then it gets 100 new sequences of 200 values: cut into
windows, and one value at a time. An error is the mean squared error, divided by that of a
naive answer, the mean of the targets: 0 if each answer is right, 1 if the answers are as
bad as the naive one.
"""

import argparse

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tests.experiments.extensions import MISSING, BurnIn, count, make_reader, shortened
from tests.porting.stateful import compile_training_pass

LAYERS = {
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
    "simple-rnn": keras.layers.SimpleRNN,
}


def parse(command=None):
    """Return the options of a command line, or the shell's."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--layer", choices=LAYERS, default="lstm", help="hidden layer, of 50 units")
    add("--lag", type=count, default=1, metavar="K", help="predict the value K before")
    add("--mean", action="store_true", help="predict the mean from there on")
    add("--steps", type=count, default=5, metavar="N", help="time steps of a window")
    add("--burn-in", type=int, default=0, metavar="N", help="time steps before it")
    add("--shortest", type=count, metavar="N", help="train on windows from N steps on")
    add("--draw-once", action="store_true", help="their lengths, for all epochs")
    add("--each-step", action="store_true", help="an answer for each time step")
    add("--epochs", type=count, default=14, metavar="N", help="passes over the list")
    add("--seed", type=int, metavar="N", help="same seed, same output")
    options = parser.parse_args(None if command is None else command.split())
    if not options.lag < options.steps <= 50:
        parser.error(f"--steps is {options.steps}: --lag + 1 to 50 is needed")
    if not 0 <= options.burn_in <= 20:
        parser.error(f"--burn-in is {options.burn_in}: 0 to 20 is needed")
    remedies = ("burn_in", "shortest", "each_step")
    if sum(bool(vars(options)[name]) for name in remedies) > 1:
        parser.error("only one of --burn-in, --shortest and --each-step is possible")
    if options.shortest and options.shortest > options.steps:
        parser.error(f"--shortest is {options.shortest}: at most --steps is needed")
    if options.draw_once and not options.shortest:
        parser.error("--draw-once needs --shortest")
    if options.seed is not None and not 0 <= options.seed < 2**32:
        parser.error(f"--seed is {options.seed}: 0 to 2**32 - 1 is needed")
    return options


def answers_to(values, options):
    """Return the right answer to each value but the first K, (..., time steps - K)."""
    windows = sliding_window_view(values, options.lag + 1, axis=-1)
    return windows.mean(axis=-1) if options.mean else windows[..., 0]


def windows_of(values, options):
    """Return all windows of a sequence, (samples, time steps, 1), and their right answers."""
    steps = options.burn_in + options.steps
    windows = sliding_window_view(values, steps)
    y = answers_to(values, options)[steps - 1 - options.lag :]
    return windows[..., np.newaxis], y


def windows_with_many_answers(values, options):
    """Return windows as `windows_of`, from value K on, and an answer to each time step."""
    windows = sliding_window_view(values[options.lag :], options.steps)
    y = sliding_window_view(answers_to(values, options), options.steps)
    return windows[..., np.newaxis], y[..., np.newaxis]


def train(options):
    """Return the network, trained on 20,000 windows of one list, as Keras's `fit` does."""
    layer = LAYERS[options.layer](
        50, return_sequences=options.each_step, return_state=options.burn_in > 0
    )
    model = keras.Sequential()
    model.add(keras.Input((options.burn_in + options.steps, 1)))
    if options.shortest:
        model.add(keras.layers.Masking(mask_value=MISSING))
    model.add(BurnIn(layer, options.burn_in) if options.burn_in else layer)
    model.add(keras.layers.Dense(1))
    model.compile("adam", "mse")
    n_values = 20_000 + model.input_shape[1] - 1
    if options.each_step:
        values = np.random.random(options.lag + n_values)
        X, y = windows_with_many_answers(values, options)
    else:
        X, y = windows_of(np.random.random(n_values), options)
    if options.draw_once:
        X = shortened(X, options.shortest)
    drawn_anew = options.shortest and not options.draw_once
    train_on_windows = compile_training_pass(model, batch_size=50, jit_compile=True)
    for _ in range(options.epochs):
        windows = shortened(X, options.shortest) if drawn_anew else X
        order = np.random.permutation(len(X))
        train_on_windows(windows[order], y[order])
    return model


def relative_error(y, yhat):
    """Return the squared error of answers, 1 if they are the mean of y; by columns."""
    return np.mean((y - yhat) ** 2, axis=0) / np.var(y, axis=0)


def main(command=None):
    options = parse(command)
    if options.seed is not None:
        keras.utils.set_random_seed(options.seed)
    model = train(options)

    sequences = np.random.random((100, 200))
    samples = [windows_of(values, options) for values in sequences]
    X, y = map(np.concatenate, zip(*samples))
    yhat = model.predict_on_batch(X)[..., 0]
    if options.each_step:
        yhat = yhat[:, -1]
    print(f"Error over 100 new sequences: {relative_error(y, yhat):.6f}")

    answers = make_reader(model).predict(sequences[..., np.newaxis], verbose=0)[..., 0]
    # The first answers ask for values that the network was never shown.
    y, yhat = answers_to(sequences, options), answers[:, options.lag :]
    late = relative_error(y[:, -25:].ravel(), yhat[:, -25:].ravel())
    print(f"Error fed one value at a time: {late:.6f}")  # the last 25 answers
    first = slice(50 - options.lag)  # the answers to the first 50 values
    by_number = [
        f"{error:.6f}" for error in relative_error(y[:, first], yhat[:, first])
    ]
    print("Error by number:", *["-"] * options.lag, *by_number)


if __name__ == "__main__":
    main()
