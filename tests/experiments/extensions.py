"""The article's extensions, its readers' questions and our experiments, one option each.

    python -m tests.experiments.extensions --lag 4 --stateless

Without options, this trains and measures as echo_lag.py does, and with --context 1
--batch-size 6 as echo_lag_no_context.py does. Then it feeds the trained network new
sequences, one value at a time.

A command line is all that describes an experiment. `parse` makes options of it, and every
function takes them. To add one, add an option here, and its command to experiments.csv.
"""

import argparse
import functools
import random
import sys

import keras
import numpy as np
import pandas as pd
from stateful import compile_training_pass, reset_states

from sequences import generate_sequence, one_hot_encode
from tests.experiments.networks import (
    LAYERS,
    MISSING,
    BurnIn,
    LearnedStart,
    hide_steps,
    make_reader,
)

# Options that do not go together.
CONFLICTS = {
    "layers": ["burn-in", "forget-bias", "start", "train"],
    "shortest": ["missing", "echo-sequence", "lead", "mark", "burn-in", "through-time"],
    "start": ["missing", "burn-in", "list", "through-time", "stateless", "never-reset"],
    "missing": ["echo-sequence", "lead", "mark", "burn-in", "list", "through-time"],
    "echo-sequence": ["lead", "mark", "burn-in", "through-time"],
    "lead": ["mark", "burn-in", "list", "through-time"],
    "through-time": ["context", "mark", "burn-in", "list", "stateless", "never-reset"],
    "list": ["same", "mark", "batch-size", "stateless", "never-reset"],
    "stateless": ["burn-in", "never-reset"],
    "never-reset": ["burn-in"],
    "parts-of": ["list", "start", "never-reset"],
}

# The states that batches may start from: see `train_from_other_states`.
TIMES = {"carried-times-2": 2, "carried-times-half": 0.5, "carried-times-minus-1": -1}
STARTS = [*TIMES, "carried-units-reversed", "other-network", "other-sequence"]
STARTS += ["similar", "similar-mean-0", "only-means", "shuffled", "random", "learned"]


def from_to(least, most, kind=int):
    """Return a function that makes a number of a text; argparse reports its errors."""

    def convert(text):
        if not least <= kind(text) <= most:
            message = f"{text} is not a number from {least} to {most}"
            raise argparse.ArgumentTypeError(message)
        return kind(text)

    convert.__name__ = kind.__name__  # for argparse's "invalid int value"
    return convert


FROM_0 = from_to(0, 10**6)
FROM_1 = from_to(1, 10**6)
SEED = from_to(0, 2**32 - 1)


def parse(arguments=None):
    """Return the options of a list of arguments, or the shell's.

    Returns: argparse.Namespace, with the batch size and what else follows from the options.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # A command names one line of results.csv.
    )
    add = parser.add_argument
    add("--epochs", type=FROM_1, default=2000, metavar="N", help="train on N sequences")
    add("--seed", type=SEED, metavar="N", help="same seed, same output")
    add("--length", type=FROM_1, default=25, metavar="N", help="values of a sequence")
    add("--unique", type=FROM_1, default=100, metavar="N", help="how many values exist")
    add("--lag", type=from_to(0, 24), default=1, metavar="K", help="echo K steps back")
    add("--context", type=FROM_1, default=5, metavar="N", help="time steps of a window")
    add("--shortest", type=FROM_1, metavar="N", help="train on windows from N steps on")
    choices = ["drop", "mark", "mask"]
    add("--missing", choices=choices, default="drop", help="incomplete windows")
    add("--echo-sequence", action="store_true", help="an answer for each time step")
    add("--through-time", action="store_true", help="each sequence is one long sample")
    add("--stateless", action="store_true", help="start each sample from a zero state")
    add("--never-reset", action="store_true", help="keep the state between sequences")
    add("--start", choices=STARTS, help="start each batch from such a state")
    add("--list", type=FROM_1, metavar="N", help="fit all windows of one list")
    add("--parts-of", type=FROM_1, metavar="N", help="train on parts of one list")
    add("--batch-size", type=FROM_1, metavar="N", help="default: at most 5, if it fits")
    add("--lead", type=FROM_0, default=0, metavar="N", help="values before each window")
    add("--burn-in", type=FROM_0, default=0, metavar="N", help="same, no gradients")
    add("--same", action="store_true", help="before each window, the same values")
    add("--mark", choices=["first", "random"], help="a feature is 1 at this time step")
    add("--layer", choices=LAYERS, default="lstm", help="hidden layer")
    add("--layers", type=FROM_1, default=1, metavar="N", help="one after the other")
    add("--units", type=FROM_1, default=50, metavar="N", help="of each layer")
    choices = ["all", "dense", "recurrent-kernel", "all-but-recurrent-kernel"]
    add("--train", choices=choices, default="all", help="Dense is always trained")
    bias, rate = from_to(-1000, 1000, float), from_to(1e-9, 1000, float)
    add("--forget-bias", type=bias, metavar="X", help="of the LSTM, at the start")
    add("--learning-rate", type=rate, default=0.001, metavar="X", help="of Adam")
    options = parser.parse_args(arguments)

    words = [word for word in arguments if word.startswith("--")]
    given = {word.removeprefix("--").partition("=")[0] for word in words}
    for name, others in CONFLICTS.items():
        for other in others:
            if name in given and other in given:
                parser.error(f"--{name} and --{other} do not go together")
    for name in "forget-bias", "start":
        if options.layer != "lstm" and name in given:
            parser.error(f"--{name} is that of --layer lstm")
    options.before = options.burn_in or options.lead
    if options.same and not 1 <= options.before <= options.unique:
        parser.error("--same needs --burn-in or --lead, at most --unique")
    if options.shortest and not (options.stateless or options.list):
        parser.error("--shortest needs --stateless or --list: windows start from zero")
    if options.shortest and not options.lag < options.shortest <= options.context:
        needed = "more than --lag and at most --context is needed"
        parser.error(f"--shortest is {options.shortest}: {needed}")
    for name, size in ("list", options.list), ("parts-of", options.parts_of):
        if size and size < options.length:
            parser.error(f"--{name} is {size}: at least --length is needed")

    options.window = 1 if options.through_time else options.context
    if options.list:  # The list has the values of the burn-in, too.
        options.window, options.before = options.context + options.burn_in, 0
    # Like the article's code, we drop the first complete window, too.
    options.first = max(options.window if options.missing == "drop" else 0, options.lag)
    if options.echo_sequence:
        options.first = max(options.first, options.lag + options.window - 1)
    if options.length <= options.first:
        needed = f"at least {options.first + 1} is needed"
        parser.error(f"--length is {options.length}: {needed}")
    # Through time, sequences of any length fit.
    steps = None if options.through_time else options.before + options.window
    options.shape = (steps, options.unique + bool(options.mark))
    samples = 1 if options.through_time else options.length - options.first
    fitting = max(size for size in range(1, 6) if samples % size == 0)
    options.batch_size = options.batch_size or fitting
    if samples % options.batch_size:
        parser.error(f"--batch-size is {options.batch_size}: it must divide {samples}")
    options.batches = samples // options.batch_size
    if options.start == "other-sequence" and options.batches < 2:
        parser.error("--start other-sequence needs a smaller --batch-size: two batches")
    return options


def generate_data(options, sequence=None):
    """Return the windows of a sequence, X, and the value to echo for each, y.

    Without options this is part 4's framing, with --context 1 it is part 3's.

    Returns: X, float32 (samples, time steps, features), and y, float32 (samples, unique),
        or (samples, time steps, unique) with --echo-sequence and --through-time.
    """
    unique, window, first = options.unique, options.window, options.first
    if sequence is None:
        sequence = generate_sequence(options.length, unique)
    df = pd.DataFrame(one_hot_encode(sequence, unique), dtype="float32")
    # For the article's context of 5: df.shift(4), df.shift(3), ..., df.shift(0).
    shifts = (df.shift(i, fill_value=MISSING) for i in reversed(range(window)))
    windows = pd.concat(shifts, axis=1)
    X = windows.to_numpy()[first:].reshape(-1, window, unique)
    y = df.shift(options.lag).to_numpy()[first:]
    if options.echo_sequence:
        y = windows.shift(options.lag).to_numpy()[first:].reshape(X.shape)
    if options.before:
        values = generate_sequence(len(X) * options.before, unique)
        if options.same:
            values = [*range(options.before)] * len(X)
        before = one_hot_encode(values, unique).astype("float32")
        before = before.reshape(len(X), options.before, unique)
        X = np.concatenate([before, X], axis=1)
    if options.mark:
        feature = np.zeros((len(X), X.shape[1], 1), dtype="float32")
        for values in feature[:, options.before :]:
            values[0 if options.mark == "first" else random.randrange(window)] = 1
        X = np.concatenate([X, feature], axis=2)
    return (X.swapaxes(0, 1), y[np.newaxis]) if options.through_time else (X, y)


def build_model(options):
    """Return the compiled network; without options, part 4's."""
    batch_size = None if options.list else options.batch_size
    layers = [keras.Input(batch_shape=(batch_size, *options.shape))]
    if options.missing == "mask" or options.shortest:
        layers.append(keras.layers.Masking(mask_value=MISSING))
    is_learned = options.start == "learned"
    make_layer = functools.partial(
        LAYERS[options.layer],
        options.units,
        stateful=not (
            options.stateless or options.burn_in or options.list or is_learned
        ),
        # Unrolled, a pass is faster, but more than 15 steps take long to compile.
        unroll=not options.through_time and options.shape[0] <= 15,
    )
    for _ in range(options.layers - 1):
        layers.append(make_layer(return_sequences=True))
    many_answers = options.echo_sequence or options.through_time
    layer = make_layer(return_sequences=many_answers, return_state=options.burn_in > 0)
    if is_learned:
        layers.append(LearnedStart(layer))
    else:
        layers.append(BurnIn(layer, options.burn_in) if options.burn_in else layer)
    # A Dense layer works on each time step, as the article's TimeDistributed(Dense) does.
    layers.append(keras.layers.Dense(options.unique, activation="softmax"))
    model = keras.Sequential(layers)
    if options.forget_bias is not None:
        kernel, recurrent, bias = layer.get_weights()
        # The gates of Keras's LSTM: input, forget, candidate, output.
        bias[options.units : 2 * options.units] = options.forget_bias
        layer.set_weights([kernel, recurrent, bias])
    *weights, _, _ = model.trainable_weights  # without those of Dense
    for weight in weights:
        is_kernel = weight.name == "recurrent_kernel"
        part = "recurrent-kernel" if is_kernel else "all-but-recurrent-kernel"
        weight.trainable = options.train in ("all", part)
    optimizer = keras.optimizers.Adam(options.learning_rate)
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    return model


def train(model, options):
    """Train on one new sequence per epoch, or with --list on all windows of a list."""
    if options.list:
        values = generate_sequence(options.list, options.unique)
        fit_list(model, options, *generate_data(options, values))
    elif options.never_reset:
        # From a generator, fit would draw sequences ahead, more of them or fewer by chance.
        sequences = [generate_data(options) for _ in range(options.epochs)]
        X, y = map(np.concatenate, zip(*sequences))
        how = {"batch_size": options.batch_size, "steps_per_epoch": options.batches}
        fit(model, options, X, y, epochs=options.epochs, shuffle=False, **how)
    elif options.start and options.start != "learned":
        train_from_other_states(model, options)
    else:
        train_on_sequence = compile_training_pass(model, jit_compile=True)
        for epoch, sequence in zip(range(options.epochs), new_sequences(options)):
            X, y = generate_data(options, sequence)
            if options.shortest:
                X = hide_steps(X, options.shortest)
            print_epoch(options, epoch, train_on_sequence(X, y))


def new_sequences(options):
    """Yield a new sequence for each epoch or, with --parts-of, a part of one list."""
    length, unique = options.length, options.unique
    if not options.parts_of:
        while True:
            yield generate_sequence(length, unique)
    values = generate_sequence(options.parts_of, unique)
    while True:
        start = random.randrange(len(values) - length + 1)
        yield values[start : start + length]


def fit_list(model, options, X, y):
    """Train on all windows of a list, with --shortest on windows of several lengths."""
    if not options.shortest:
        return fit(model, options, X, y, batch_size=50, epochs=options.epochs)
    for epoch in range(options.epochs):
        hidden = hide_steps(X, options.shortest)
        how = {"batch_size": 50, "initial_epoch": epoch, "epochs": epoch + 1}
        fit(model, options, hidden, y, **how)


def fit(model, options, *data, **how):
    """Train with Keras's fit, which never resets a state."""
    printer = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, results: print_epoch(options, epoch, results)
    )
    model.fit(*data, **how, verbose=0, callbacks=[printer])


def train_from_other_states(model, options):
    """Train on one new sequence per epoch; set the state before each batch."""
    h, c = model.layers[0].states
    batches = new_batches(options)
    other = build_model(options) if options.start == "other-network" else model
    # There is no sequence before the first one.
    before = np.zeros((options.batches, 2, *h.shape))
    for epoch in range(options.epochs):
        ended, results = [], []
        for number in range(options.batches):
            carried = ended[-1] if ended else np.zeros_like(before[0])
            start_h, start_c = state_of_start(options.start, number, before, carried)
            h.assign(start_h)
            c.assign(start_c)
            X, y = next(batches)
            model.reset_metrics()
            results.append(model.train_on_batch(X, y, return_dict=True))
            if other is not model:
                for state, value in zip(other.layers[0].states, carried):
                    state.assign(value)
                other.predict_on_batch(X)
            ended.append(np.array([state.numpy() for state in other.layers[0].states]))
        before = np.array(ended)
        print_epoch(options, epoch, pd.DataFrame(results).mean())


def state_of_start(kind, number, before, carried):
    """Return the state, h and c, that a batch starts from.

    kind: "carried-times-...": this multiple of the carried state.
        "carried-units-reversed": the carried state of the last unit for the first one, and
        so on. "other-network": the carried state of another network, which stays untrained.
        "other-sequence": the state with which the sequence before ended the previous batch;
        the first batch starts from zero. "similar": random numbers; each unit has the mean
        and the standard deviation of `before`. "similar-mean-0": the same, but each mean is
        0. "only-means": the means alone. "shuffled": each unit has one of its states of
        `before`, drawn by itself. "random": random numbers, as an LSTM could have them.
    number: of the batch, from 0 on.
    before: the states with which the sequence before ended its batches, (batches, 2, batch
        size, units).
    carried: the state with which the batch before ended, (2, batch size, units).
    """
    if kind in TIMES:
        return TIMES[kind] * carried
    if kind == "carried-units-reversed":
        return carried[..., ::-1]
    if kind == "other-network":
        return carried
    if kind == "other-sequence":
        return before[number - 1] if number > 0 else np.zeros_like(before[0])
    if kind == "shuffled":
        drawn = np.random.randint(len(before) * before.shape[2], size=carried.shape)
        of_unit = before.swapaxes(0, 1).reshape(2, -1, before.shape[-1])
        return np.take_along_axis(of_unit, drawn, axis=1)
    mean, deviation = before.mean(axis=(0, 2)), before.std(axis=(0, 2))
    noise = np.random.normal(size=before[0].shape)
    if kind == "random":
        _, c = noise
        return np.tanh(c) * np.random.random(c.shape), c
    if kind == "similar-mean-0":
        mean = 0 * mean
    if kind == "only-means":
        deviation = 0 * deviation
    return mean[:, np.newaxis] + deviation[:, np.newaxis] * noise


def new_batches(options):
    """Yield the batches of a new sequence, then those of the next one, without end."""
    while True:
        X, y = generate_data(options)
        for start in range(0, len(X), options.batch_size):
            rows = slice(start, start + options.batch_size)
            yield X[rows], y[rows]


def print_epoch(options, epoch, results):
    """Print the results of an epoch as the scripts do."""
    loss, accuracy = results["loss"], results["accuracy"]
    of = f"Epoch {epoch + 1}/{options.epochs}"
    print(f"{of} - loss: {loss:.4f} - accuracy: {accuracy:.4f}")


def evaluate(model, options):
    """Print the echo of a sequence and the accuracy on 100 new ones, as the scripts do."""
    y, yhat = answers(model, options)
    print("Expected: ", y.tolist())
    print("Predicted:", yhat.tolist())
    right = np.concatenate([np.equal(*answers(model, options)) for _ in range(100)])
    # In float32, as Keras's metrics, so that the last digit is rounded the same way.
    print(f"Accuracy over 100 new sequences: {right.mean(dtype='float32'):.4f}")


def answers(model, options):
    """Return the right answers to the windows of a new sequence, and those of the network.

    A stateful network starts from the carried state here, after any --start, too.
    """
    X, y = generate_data(options)
    reset_states(model)
    batches = X.reshape(-1, options.batch_size, *X.shape[1:])
    yhat = np.concatenate([model.predict_on_batch(batch) for batch in batches])
    return y.argmax(axis=-1), yhat.argmax(axis=-1)


def feed(model, n_sequences=100, length=25, before=()):
    """Feed the trained network new random sequences, one value at a time, from a zero state.

    With --mark, the sixth value has the feature: will the tenth answer be right?

    before: values that the network reads before each sequence.
    Returns: the sequences and the answers, integers (n_sequences, length).
    """
    features, unique = model.input_shape[-1], model.output_shape[-1]
    sequences = [generate_sequence(length, unique) for _ in range(n_sequences)]
    values = np.array([[*before, *sequence] for sequence in sequences])
    X = np.eye(unique, features, dtype="float32")[values]
    X[:, len(before) + 5, unique:] = 1
    yhat = make_reader(model).predict(X, verbose=0)[:, len(before) :]
    return np.array(sequences), yhat.argmax(axis=-1)


def right_when_fed(model, lag, n_sequences=100, length=25, before=()):
    """Feed the network; return which answers are right, (n_sequences, length - lag).

    The first `lag` answers ask for values that the network was never shown.
    """
    sequences, yhat = feed(model, n_sequences, length, before)
    return yhat[:, lag:] == sequences[:, : length - lag]


def main(arguments=None):
    options = parse(arguments)
    if options.seed is not None:
        keras.utils.set_random_seed(options.seed)
    model = build_model(options)
    train(model, options)
    evaluate(model, options)
    # With --same, it reads the values first that stood before its windows.
    before = range(options.before) if options.same else ()
    right = right_when_fed(model, options.lag, before=before)
    print(f"Accuracy fed one value at a time: {right.mean():.4f}")
    by_number = [f"{share:.2f}" for share in right.mean(axis=0)]
    print("Accuracy by number:", *["-"] * options.lag, *by_number)
    right = right_when_fed(model, options.lag, 50, 1000, before)
    late = right[:, -101:]  # from number 900 on
    print(f"Accuracy at numbers 900 to 1000: {late.mean():.4f}")


if __name__ == "__main__":
    main()
