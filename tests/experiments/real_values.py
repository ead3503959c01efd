"""Does a network that predicts real values look back? The guide's check, by its errors.

    python -m tests.experiments.real_values --lag 3 --shortest 4 --steps 10
    python -m tests.experiments.real_values --next --noise 0.1 --steps 24

The values are uniform from 0 to 1. The target is the value K steps before or, with --mean,
the mean of all values from there on. With --next, the values are a season of 24 steps with
noise, and the target is the value that comes next.

The network is trained on all windows of one list, in random order, each from a zero state.
Then it gets 100 new sequences of 200 values: cut into windows, and one value at a time. An
error is the mean squared error, divided by that of a naive answer: 0 if each answer is right,
1 if the answers are as bad as the naive ones. The naive answer is the mean of the targets or,
with --next, the last value.
"""

import argparse

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from stateful import compile_training_pass

from tests.experiments.extensions import FROM_1, SEED, from_to
from tests.experiments.networks import LAYERS, MISSING, BurnIn, hide_steps, make_reader


def parse(arguments=None):
    """Return the options of a list of arguments, or the shell's."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # A command names one line of results.csv.
    )
    add = parser.add_argument
    layers = ["lstm", "gru", "simple-rnn"]
    add("--layer", choices=layers, default="lstm", help="hidden layer, of 50 units")
    lag, noise = from_to(1, 49), from_to(0, 1000, float)
    add("--lag", type=lag, metavar="K", help="predict the value K before (1)")
    add("--mean", action="store_true", help="predict the mean from there on")
    add("--next", action="store_true", help="predict the next value of a season")
    add("--noise", type=noise, metavar="S", help="its noise (0.1)")
    add("--test-noise", type=noise, metavar="S", help="that of the new sequences")
    steps, burn_in = from_to(1, 50), from_to(0, 20)
    add("--steps", type=steps, default=5, metavar="N", help="time steps of a window")
    add("--epochs", type=FROM_1, default=14, metavar="N", help="passes over the list")
    add("--seed", type=SEED, metavar="N", help="same seed, same output")
    add = parser.add_mutually_exclusive_group().add_argument
    add("--burn-in", type=burn_in, default=0, metavar="N", help="time steps before it")
    add("--shortest", type=steps, metavar="N", help="train on windows from N steps on")
    add("--each-step", action="store_true", help="an answer for each time step")
    options = parser.parse_args(arguments)
    if options.next and (options.lag or options.mean):
        parser.error("--next does not go with --lag or --mean")
    if not options.next and (options.noise, options.test_noise) != (None, None):
        parser.error("--noise and --test-noise need --next")
    options.lag = options.lag or 1
    if options.noise is None:
        options.noise = 0.1
    if options.test_noise is None:
        options.test_noise = options.noise
    # The first values of a sequence, to which no right answer is known.
    options.unanswered = 0 if options.next else options.lag
    if options.steps <= options.unanswered:
        parser.error(f"--steps is {options.steps}: more than --lag is needed")
    if options.shortest and not options.unanswered < options.shortest <= options.steps:
        needed = "more than --lag and at most --steps is needed"
        parser.error(f"--shortest is {options.shortest}: {needed}")
    return options


def draw(n_sequences, length, options, noise):
    """Return new sequences and the right answer to each value but the first K.

    noise: of the seasons of --next.
    Returns: values, (n_sequences, length), and answers, (n_sequences, length - K).
    """
    if options.next:
        values = seasons(n_sequences, length + 1, noise)
        return values[:, :-1], values[:, 1:]
    values = np.random.random((n_sequences, length))
    windows = sliding_window_view(values, options.lag + 1, axis=-1)
    return values, windows.mean(axis=-1) if options.mean else windows[..., 0]


def seasons(n_sequences, length, noise):
    """Return sines with a period of 24 steps, whose heights and means change slowly.

    noise: how much they change; 0: not at all.
    Returns: array, (n_sequences, length).
    """
    first = np.random.randint(24, size=(n_sequences, 1))
    sines = np.sin(2 * np.pi * (first + np.arange(length)) / 24)
    heights = 1 + noise * slow_noise(n_sequences, length, keep=0.99, step=0.05)
    means = noise * slow_noise(n_sequences, length, keep=0.97, step=0.24)
    return heights * sines + means


def slow_noise(n_sequences, length, keep, step):
    """Return noise, each value `keep` times the one before plus a random step: AR(1)."""
    values = step * np.random.normal(size=(length, n_sequences))
    values[0] /= np.sqrt(1 - keep**2)  # as far from zero as all later ones
    for i in range(1, length):
        values[i] += keep * values[i - 1]
    return values.T


def windows_of(values, answers, options):
    """Return all windows of a sequence, (samples, time steps, 1), and their right answers."""
    steps = options.burn_in + options.steps
    windows = sliding_window_view(values, steps)
    return windows[..., np.newaxis], answers[steps - 1 - options.unanswered :]


def windows_with_many_answers(values, answers, options):
    """Return windows as `windows_of`, from value K on, and an answer to each time step."""
    windows = sliding_window_view(values[options.unanswered :], options.steps)
    y = sliding_window_view(answers, options.steps)
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
        (values,), (answers,) = draw(
            1, options.unanswered + n_values, options, options.noise
        )
        X, y = windows_with_many_answers(values, answers, options)
    else:
        (values,), (answers,) = draw(1, n_values, options, options.noise)
        X, y = windows_of(values, answers, options)
    train_on_windows = compile_training_pass(model, batch_size=50, jit_compile=True)
    for _ in range(options.epochs):
        windows = hide_steps(X, options.shortest) if options.shortest else X
        order = np.random.permutation(len(X))
        train_on_windows(windows[order], y[order])
    return model


def relative_error(y, yhat, values, options):
    """Return the squared error of answers, divided by that of the naive one; by columns.

    y, yhat: the right answers and those of the network; values: the last ones it has read.
    """
    naive = values if options.next else y.mean(axis=0)
    return np.mean((y - yhat) ** 2, axis=0) / np.mean((y - naive) ** 2, axis=0)


def main(arguments=None):
    options = parse(arguments)
    if options.seed is not None:
        keras.utils.set_random_seed(options.seed)
    model = train(options)

    sequences, answers = draw(100, 200, options, options.test_noise)
    samples = [windows_of(*pair, options) for pair in zip(sequences, answers)]
    X, y = map(np.concatenate, zip(*samples))
    yhat = model.predict_on_batch(X)[..., 0]
    if options.each_step:
        yhat = yhat[:, -1]
    error = relative_error(y, yhat, X[:, -1, 0], options)
    print(f"Error over 100 new sequences: {error:.6f}")

    yhat = make_reader(model).predict(sequences[..., np.newaxis], verbose=0)[..., 0]
    # The first answers ask for values that the network was never shown.
    values, yhat = sequences[:, options.unanswered :], yhat[:, options.unanswered :]
    last = [part[:, -25:].ravel() for part in (answers, yhat, values)]
    print(f"Error fed one value at a time: {relative_error(*last, options):.6f}")
    first = [part[:, : 50 - options.unanswered] for part in (answers, yhat, values)]
    by_number = [f"{error:.6f}" for error in relative_error(*first, options)]
    print("Error by number:", *["-"] * options.unanswered, *by_number)


if __name__ == "__main__":
    main()
