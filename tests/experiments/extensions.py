"""The article's extensions, its readers' questions and our experiments, one option each.

    python -m tests.experiments.extensions --lag 4 --stateless
    python -m tests.experiments.extensions --through-time --epochs 4000

Without options this trains and measures as echo_lag.py does, and with --context 1
--batch-size 6 as echo_lag_no_context.py does. Then it feeds the trained network new
sequences one number at a time.

To add an experiment, add an option, and a keyword of the same name to generate_data (which
makes the data) or build_model (which makes the network).
"""

import argparse
import functools
import inspect
import math
import random

import keras
import numpy as np
import pandas as pd

from sequences import generate_sequence, one_hot_encode
from tests.experiments.reporting import end_quietly, positive_int
from tests.porting.stateful import compile_training_pass, one_at_a_time, reset_states

# Stands in every feature of a time step that does not exist.
MISSING = -1


def generate_data(
    sequence=None,
    length=25,
    context=5,
    lag=1,
    missing="drop",
    lead=(0,),
    echo_sequence=False,
    through_time=False,
    unique=100,
    embedding=False,
):
    """Return the windows of a sequence, X, and the value to echo for each, y.

    With its defaults this is part 4's framing, with a context of 1 it is part 3's.

    sequence: integers from 0 to unique - 1; a new random sequence by default.
    length: how many values a random sequence has.
    context: time steps of a window, at least 1.
    lag: y is the value `lag` before the last one of the window, at least 0.
    missing: what to do with the first windows, whose first time steps do not exist:
        "drop" them and, like the article's code, the first complete window too; or "mark"
        them with -1 in every feature. "mask" does the same, and build_model adds a Masking
        layer for it.
    lead: counts. Each sample has random values before its window, as many as one of these
        counts, drawn anew for each sample. Shorter leads are filled with -1, to be masked.
    echo_sequence: y has a value for every time step of the window, each `lag` before.
    through_time: make the whole sequence one sample, and y a value for every time step.
    unique: how many different values there are.
    embedding: X and y hold the integers themselves (as float32) instead of one hot vectors,
        for an Embedding layer and a sparse loss.
    Returns: X, float32 (samples, context, unique), and y, float32 (samples, unique); with
        echo_sequence y is (samples, context, unique), with through_time X and y are
        (1, time steps, unique), with embedding both lack the last axis.
    Raises: ValueError if an argument is none of these or the sequence is too short.
    """
    if context < 1 or lag < 0:
        raise ValueError(
            f"context is {context}, lag is {lag}: at least 1 and 0 are needed"
        )
    if echo_sequence and missing != "drop":
        raise ValueError(f"missing is {missing!r}: echo_sequence needs 'drop'")
    context = 1 if through_time else context
    first = max(context if missing == "drop" else 0, lag)
    if echo_sequence:
        first = max(first, lag + context - 1)
    if sequence is None:
        sequence = generate_sequence(length, unique)
    if len(sequence) <= first:
        raise ValueError(
            f"{len(sequence)} integers are too few: at least {first + 1} are needed "
            f"for context {context}, lag {lag} and missing {missing!r}"
        )

    if embedding:
        for value in sequence:
            if not 0 <= value < unique:
                raise ValueError(f"{value} is not an integer from 0 to {unique - 1}")
        df = pd.DataFrame(sequence, dtype="float32")
    else:
        df = pd.DataFrame(one_hot_encode(sequence, unique), dtype="float32")
    # For the article's context of 5: df.shift(4), df.shift(3), ..., df.shift(0).
    windows = pd.concat([df.shift(i) for i in reversed(range(context))], axis=1)
    X = windows.fillna(MISSING).to_numpy()[first:]
    X = X.reshape(len(X), context, -1)
    if echo_sequence:
        y = windows.shift(lag).to_numpy()[first:].reshape(X.shape)
    else:
        y = df.shift(lag).to_numpy()[first:]
    most = max(lead)
    if most > 0:
        before = one_hot_encode(generate_sequence(len(X) * most, unique), unique)
        before = before.reshape(len(X), most, unique).astype("float32")
        for values in before:
            values[: most - random.choice(lead)] = MISSING
        X = np.concatenate([before, X], axis=1)
    if through_time:
        X, y = X.reshape(1, len(X), -1), y.reshape(1, len(y), -1)
    return (X.squeeze(-1), y.squeeze(-1)) if embedding else (X, y)


class CutCell(keras.layers.LSTMCell):
    """One time step of an LSTM, whose gradients do not reach the time steps before."""

    def call(self, inputs, states):
        states = [keras.ops.stop_gradient(state) for state in states]
        return super().call(inputs, states)


def build_model(
    shape=(5, 100),
    batch_size=5,
    units=50,
    stateless=False,
    missing="drop",
    lead=(0,),
    echo_sequence=False,
    through_time=False,
    unique=100,
    embedding=False,
    layer="lstm",
    forget_bias=1.0,
    learning_rate=0.001,
):
    """Return the compiled network: samples of this shape in, `unique` classes out.

    With its defaults this is part 4's network, with a shape of (1, 100) and batches of 6 it
    is part 3's. `missing`, `lead`, `echo_sequence`, `through_time`, `unique` and
    `embedding` are those of generate_data.

    layer: the hidden layer. "lstm", "gru" or "simple-rnn"; "cut-gradients", an LSTM that
        learns with no gradient from one time step to the one before; "mlp", a Dense layer
        that gets the time steps side by side, as features.
    forget_bias: what the bias of the LSTM's forget gates starts at.
    """
    per_step = echo_sequence or through_time
    options = {
        "stateful": not stateless,
        "return_sequences": per_step,
        # As in the scripts. Many time steps would take long to compile.
        "unroll": shape[0] is not None and shape[0] <= 10,
    }
    model = keras.Sequential([keras.Input(batch_shape=(batch_size, *shape))])
    if embedding:
        model.add(keras.layers.Embedding(unique, units))
    if missing == "mask" or max(lead) > 0:
        model.add(keras.layers.Masking(mask_value=MISSING))
    if layer == "mlp":
        model.add(keras.layers.Flatten())
        model.add(keras.layers.Dense(units, activation="tanh"))
    elif layer == "cut-gradients":
        model.add(keras.layers.RNN(CutCell(units), **options))
    elif layer == "gru":
        model.add(keras.layers.GRU(units, **options))
    elif layer == "simple-rnn":
        model.add(keras.layers.SimpleRNN(units, **options))
    else:
        model.add(keras.layers.LSTM(units, **options))
    if forget_bias != 1:
        kernel, recurrent, bias = model.layers[-1].get_weights()
        # The gates of Keras's LSTM: input, forget, candidate, output.
        bias[units : 2 * units] = forget_bias
        model.layers[-1].set_weights([kernel, recurrent, bias])
    # On samples with several time steps, a Dense layer works on each of them, as the
    # article's TimeDistributed(Dense) does.
    model.add(keras.layers.Dense(unique, activation="softmax"))
    if embedding:
        loss = "sparse_categorical_crossentropy"
    else:
        loss = "categorical_crossentropy"
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(loss=loss, optimizer=optimizer, metrics=["accuracy"])
    return model


def train(model, epochs, generate_data):
    """Train on one new sequence per epoch; print each epoch as the scripts do."""
    train_on_sequence = compile_training_pass(model)
    for epoch in range(1, epochs + 1):
        X, y = generate_data()
        results = train_on_sequence(model, X, y)
        loss, accuracy = results["loss"], results["accuracy"]
        print(f"Epoch {epoch}/{epochs} - loss: {loss:.4f} - accuracy: {accuracy:.4f}")


def predict(model, X):
    """Predict the samples of one sequence, in batches, starting from a zero state."""
    batch_size = model.input_shape[0]
    # As in the scripts: repeat samples until the last batch is full.
    n_batches = math.ceil(len(X) / batch_size)
    batches = np.resize(X, (n_batches, batch_size, *X.shape[1:]))
    reset_states(model)
    yhat = np.concatenate([model.predict_on_batch(batch) for batch in batches])
    return yhat[: len(X)]


def evaluate(model, generate_data, sequence=None):
    """Print the echo of a sequence and the accuracy on 100 new ones, as the scripts do.

    Returns: bool, one row per sample of the 100 sequences, or (samples, time steps):
        which answers are right?
    """

    def answers(sequence=None):
        X, y = generate_data(sequence)
        y = y.astype(int) if takes_integers(model) else y.argmax(axis=-1)
        return y, predict(model, X).argmax(axis=-1)

    y, yhat = answers(sequence)
    print("Expected: ", y.tolist())
    print("Predicted:", yhat.tolist())
    right = np.concatenate([np.equal(*answers()) for _ in range(100)])
    # In float32, as Keras's metrics, so that the last digit is rounded the same way.
    print(f"Accuracy over 100 new sequences: {right.mean(dtype='float32'):.4f}")
    return right


def takes_integers(model):
    """Does the network start with an Embedding layer, so that it takes no vectors?"""
    return len(model.input_shape) == 2


def feed_one_at_a_time(model, n_sequences=100):
    """Feed new random sequences of 25 to the trained network, one number at a time.

    Returns: the sequences and the answers, integers (n_sequences, 25).
    """
    network = one_at_a_time(model, n_sequences)
    unique = model.output_shape[-1]
    sequences = [generate_sequence(25, unique) for _ in range(n_sequences)]
    answers = []
    for numbers in zip(*sequences):
        X = np.array(numbers)
        if not takes_integers(network):
            X = one_hot_encode(numbers, unique)
        yhat = network.predict_on_batch(X[:, None].astype("float32"))
        answers.append(yhat.reshape(n_sequences, unique).argmax(axis=-1))
    return np.array(sequences), np.array(answers).T


# Pairs of options that would crash or mislead, and why.
CONFLICTS = {
    ("--context", "--through-time"): "the entire sequence is the context",
    ("--batch-size", "--through-time"): "a sequence is 1 sample",
    ("--stateless", "--through-time"): "a sequence is 1 sample",
    ("--lead", "--through-time"): "a sequence is 1 sample",
    ("--missing mark", "--through-time"): "no time step is missing",
    ("--missing mask", "--through-time"): "no time step is missing",
    ("--echo-sequence", "--through-time"): "it has an answer for each time step anyway",
    ("--missing mark", "--echo-sequence"): "the values before have no value to echo",
    ("--missing mask", "--echo-sequence"): "the values before have no value to echo",
    ("--lead", "--echo-sequence"): "the values before have no value to echo",
    ("--lead", "--missing mark"): "both mark time steps",
    ("--lead", "--missing mask"): "both mark time steps",
    ("--lead", "--embedding"): "an Embedding layer takes no -1",
    ("--missing mark", "--embedding"): "an Embedding layer takes no -1",
    ("--missing mask", "--embedding"): "an Embedding layer takes no -1",
    ("--layer mlp", "--through-time"): "an MLP has one answer for all time steps",
    ("--layer mlp", "--echo-sequence"): "an MLP has one answer for all time steps",
    ("--layer mlp", "--lead"): "an MLP cannot skip time steps",
    ("--layer mlp", "--missing mask"): "an MLP cannot skip time steps",
    ("--layer mlp", "--stateless"): "an MLP has no state",
    ("--layer mlp", "--forget-bias"): "only an LSTM has forget gates",
    ("--layer gru", "--forget-bias"): "only an LSTM has forget gates",
    ("--layer simple-rnn", "--forget-bias"): "only an LSTM has forget gates",
    ("--length", "--numbers"): "the sequences are 25 of the numbers",
}


def lead_counts(text):
    """Return the counts of --lead, the largest first, or raise the error for argparse."""
    counts = text.split(",")
    if not all(count.isdecimal() for count in counts) or not any(map(int, counts)):
        raise argparse.ArgumentTypeError(
            f"{text} is not N or N,N,..., with one N of at least 1"
        )
    return tuple(sorted(map(int, counts), reverse=True))


def parse_args(argv=None):
    """Return the options that were given, checked, with the batch size and the shape."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    group = parser.add_argument_group

    add = parser.add_argument
    add("sequence", nargs="*", type=int, default=[], help="integers to echo at the end")
    add("--epochs", type=positive_int, metavar="N", help="default: 2000")
    add("--seed", type=int, metavar="N", help="same seed, same output")
    add("--length", type=positive_int, metavar="N", help="of a sequence (default: 25)")

    add = group("Ignore Internal State").add_argument
    add("--stateless", action="store_true", help="start each sample from a zero state")
    add(
        "--batch-size",
        type=positive_int,
        metavar="N",
        help="a sample gets the state of the one N before (default: 5, or the next smaller "
        "number that divides the samples of a sequence)",
    )
    add = group("Mask Missing Data").add_argument
    add(
        "--missing",
        choices=["drop", "mark", "mask"],
        help="incomplete first samples: drop them (default), keep them marked with -1, or "
        "skip the marks with a Masking layer",
    )
    add = group("Entire Sequence as Timesteps").add_argument
    add("--context", type=positive_int, metavar="N", help="time steps (default: 5)")

    add = group("Echo Different Lag Value").add_argument
    add("--lag", type=int, metavar="K", help="echo the value K before (default: 1)")
    add("--units", type=positive_int, metavar="N", help="of the layer (default: 50)")
    add("--learning-rate", type=float, metavar="X", help="of Adam (default: 0.001)")
    add(
        "--forget-bias",
        type=float,
        metavar="X",
        help="what the bias of the LSTM's forget gates starts at (default: 1)",
    )
    add = group("Echo Lag Sequence").add_argument
    add("--echo-sequence", action="store_true", help="an answer for each time step")

    add = group("the readers' questions").add_argument
    add(
        "--through-time",
        action="store_true",
        help="part 3, but trained on each sequence as one sample with all its time steps",
    )
    add("--unique", type=positive_int, metavar="N", help="values (default: 100)")
    add("--embedding", action="store_true", help="integers instead of one hot vectors")
    add(
        "--numbers",
        type=positive_int,
        metavar="N",
        help="train on sequences that start anywhere in one list of N random numbers",
    )
    add = group("our own experiments").add_argument
    add(
        "--lead",
        type=lead_counts,
        metavar="N",
        help="put N random values before each window, in the same sample; with N,N,... one "
        "of these numbers, drawn for each sample",
    )
    add(
        "--layer",
        choices=["lstm", "gru", "simple-rnn", "cut-gradients", "mlp"],
        help="cut-gradients: an LSTM without gradients through time; mlp: a Dense layer "
        "over the whole window (default: lstm)",
    )

    args = parser.parse_intermixed_args(argv)
    options = vars(args)
    given = {f"--{name.replace('_', '-')}" for name in options}
    given |= {
        f"--{name} {options[name]}" for name in ("layer", "missing") if name in args
    }
    for pair, why in CONFLICTS.items():
        if given.issuperset(pair):
            parser.error(f"{' does not go with '.join(pair)}: {why}")
    framing = keywords(generate_data, options)
    try:
        X, _ = generate_data(**framing)
        if args.sequence:
            generate_data(args.sequence, **framing)
        if options.get("numbers", 25) < 25:
            raise ValueError(f"--numbers is {args.numbers}: at least 25 are needed")
        if not 0 < options.get("learning_rate", 1) < math.inf:
            raise ValueError(
                f"--learning-rate is {args.learning_rate}: a number above 0 is needed"
            )
        if not math.isfinite(options.get("forget_bias", 1)):
            raise ValueError(f"--forget-bias is {args.forget_bias}: a number is needed")
        if not 0 <= options.get("seed", 0) < 2**32:
            raise ValueError(f"--seed is {args.seed}: 0 to {2**32 - 1} is needed")
    except ValueError as error:
        parser.error(str(error))
    sizes = [size for size in range(1, len(X) + 1) if len(X) % size == 0]
    args.batch_size = options.get("batch_size", max(s for s in sizes if s <= 5))
    if args.batch_size not in sizes:
        parser.error(
            f"--batch-size is {args.batch_size}: it must divide the {len(X)} samples "
            f"of a sequence, so one of {', '.join(map(str, sizes))}"
        )
    # Through time, sequences of any length fit.
    args.shape = (None, *X.shape[2:]) if "through_time" in args else X.shape[1:]
    return args


def keywords(function, options):
    """Return those of the options that are keywords of a function, but for a sequence."""
    names = inspect.signature(function).parameters.keys() - {"sequence"}
    return {name: value for name, value in options.items() if name in names}


def print_parts(name, right, skipped=0):
    """Print the accuracy of each part, averaged over all axes but the last."""
    parts = right.reshape(-1, right.shape[-1]).mean(axis=0)
    print(f"Accuracy by {name}:", *["-"] * skipped, *(f"{part:.4f}" for part in parts))


def main(argv=None):
    args = parse_args(argv)
    options = vars(args)
    if "seed" in args:
        keras.utils.set_random_seed(args.seed)
    frame = functools.partial(generate_data, **keywords(generate_data, options))
    model = build_model(**keywords(build_model, options))

    frame_for_training = frame
    if "numbers" in args:
        numbers = generate_sequence(args.numbers, model.output_shape[-1])

        def frame_for_training():
            start = random.randrange(len(numbers) - 24)
            return frame(numbers[start : start + 25])

    train(model, options.get("epochs", 2000), frame_for_training)
    right = evaluate(model, frame, args.sequence or None)
    if right.ndim == 2:
        print_parts("time step", right)
    elif len(right) > 100 * args.batch_size:
        batches = right.reshape(100, -1, args.batch_size)
        print_parts("batch", batches.swapaxes(1, 2))
    if options.get("layer") != "mlp":
        sequences, answers = feed_one_at_a_time(model)
        lag = options.get("lag", 1)
        right = answers[:, lag:] == sequences[:, : 25 - lag]
        print(f"Accuracy fed one number at a time: {right.mean():.4f}")
        # The first `lag` answers ask for numbers that the network was never shown.
        print_parts("number", right, skipped=lag)


if __name__ == "__main__":
    end_quietly(main)
