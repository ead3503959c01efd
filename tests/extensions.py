"""The article's five extensions and its readers' questions, one option each.

    python tests/extensions.py --lag 4 --stateless
    python tests/extensions.py --through-time --epochs 4000

With no options this does what echo_lag.py does, with --no-context what
echo_lag_no_context.py does. It trains and measures with echo_lag.py's own functions.
"""

import argparse
import functools
import numbers
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

# The scripts come first: they choose Keras's backend.
from echo_lag import EPOCHS, evaluate, train

# isort: split
import keras
import numpy as np
import pandas as pd
from reporting import positive_int

from sequences import generate_data_current

# Stands in every feature of a time step that does not exist.
MISSING = -1


def generate_data(
    sequence=None,
    context=5,
    lag=1,
    missing="drop",
    mark_start=False,
    echo_sequence=False,
):
    """Frame a sequence as windows, each to be answered by a value from before.

    With its defaults this is part 4's framing, with a context of 1 it is part 3's.

    sequence: integers from 0 to 99; a new random sequence of 25 by default.
    context: time steps of a window, at least 1.
    lag: y is the value `lag` before the last of the window, from 0 to context.
    missing: what to do with the first windows, whose first time steps do not exist:
        "drop" them, and like the article's code also the first window that is complete;
        or keep those that have a value to echo, with -1 in every missing feature.
        "mark" and "mask" do so alike: the difference is a Masking layer in the network.
    mark_start: add a feature that is 1 at the first time step of a window, else 0.
    echo_sequence: y is the whole window from `lag` before.
    Returns: X, float32 (samples, context, 100), or with mark_start 101 features, and y,
        float32 (samples, 100), or with echo_sequence (samples, context, 100).
    Raises: ValueError if an argument is none of these or the sequence is too short.
    """
    if not isinstance(context, numbers.Integral) or context < 1:
        raise ValueError(f"context is {context!r}: an integer of at least 1 is needed")
    if not isinstance(lag, numbers.Integral) or not 0 <= lag <= context:
        raise ValueError(f"lag is {lag!r}: an integer from 0 to {context} is needed")
    if missing not in ("drop", "mark", "mask"):
        raise ValueError(f"missing is {missing!r}: drop, mark or mask is needed")
    if echo_sequence and missing != "drop":
        raise ValueError(f"missing is {missing!r}: echoing the sequence needs drop")
    first = context if missing == "drop" else lag
    if echo_sequence:
        first = max(first, lag + context - 1)

    # What part 2 is to answer is the sequence itself, encoded.
    _, encoded = generate_data_current(sequence)
    if len(encoded) <= first:
        raise ValueError(
            f"{len(encoded)} integers are too few: at least {first + 1} are needed "
            f"for context {context}, lag {lag} and missing {missing!r}"
        )
    df = pd.DataFrame(encoded)
    # For the article's context of 5: df.shift(4), df.shift(3), ..., df.shift(0).
    df = pd.concat([df.shift(i) for i in reversed(range(context))], axis=1)
    if missing != "drop":
        df = df.fillna(MISSING)
    values = df.to_numpy()[first:]
    X = values.reshape(len(values), context, 100)
    if echo_sequence:
        y = df.shift(lag).to_numpy()[first:].reshape(X.shape)
    else:
        y = encoded[first - lag : len(encoded) - lag]
    if mark_start:
        X = np.pad(X, [(0, 0), (0, 0), (0, 1)])
        X[:, 0, -1] = 1
    return X, y


class HiddenLayer(keras.layers.Dense):
    """A hidden layer in the LSTM's place, with no state to reset."""

    def reset_state(self):
        pass


class SwappedState(keras.layers.LSTM):
    """An LSTM that hands the state of each row of a batch to the row after it."""

    def call(self, sequences, initial_state=None, mask=None, training=False):
        outputs = super().call(sequences, initial_state, mask, training)
        for state in self.states:
            state.assign(keras.ops.roll(state, 1, axis=0))
        return outputs


class RandomState(keras.layers.LSTM):
    """An LSTM that starts each sample from a new random state, uniform from -1 to 1."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.seed_generator = keras.random.SeedGenerator()

    def get_initial_state(self, batch_size):
        return [
            keras.random.uniform(
                (batch_size, self.units), -1, 1, seed=self.seed_generator
            )
            for _ in self.state_size
        ]


class CutCell(keras.layers.LSTMCell):
    """One time step of an LSTM, whose gradients do not reach the time steps before."""

    def call(self, inputs, states):
        states = [keras.ops.stop_gradient(state) for state in states]
        return super().call(inputs, states)


def build_model(
    context=5,
    units=50,
    batch_size=5,
    stateful=True,
    random_state=False,
    swap_state=False,
    missing="drop",
    mark_start=False,
    echo_sequence=False,
    freeze_lstm=False,
    cut_gradients=False,
    mlp=False,
):
    """Return the compiled network: `context` time steps of 100 features in, 100 classes out.

    With its defaults this is part 4's network, with a context of 1 and batches of 6 it
    is part 3's. `missing`, `mark_start` and `echo_sequence` are the framing's, and add a
    Masking layer, a feature, and an output for every time step. `random_state` goes with
    stateful=False. `mlp` puts a hidden layer in the LSTM's place, which gets the time
    steps side by side, as features.
    """
    model = keras.Sequential()
    features = 101 if mark_start else 100
    model.add(keras.Input(batch_shape=(batch_size, context, features)))
    if missing == "mask":
        model.add(keras.layers.Masking(mask_value=MISSING))
    if mlp:
        model.add(keras.layers.Flatten())
        model.add(HiddenLayer(units, activation="tanh", name="lstm"))
    else:
        options = {
            "stateful": stateful,
            "return_sequences": echo_sequence,
            "unroll": context <= 10,
            "trainable": not freeze_lstm,
            "name": "lstm",
        }
        if random_state:
            model.add(RandomState(units, **options))
        elif swap_state:
            model.add(SwappedState(units, **options))
        elif cut_gradients:
            model.add(keras.layers.RNN(CutCell(units), **options))
        else:
            model.add(keras.layers.LSTM(units, **options))
    dense = keras.layers.Dense(100, activation="softmax")
    model.add(keras.layers.TimeDistributed(dense) if echo_sequence else dense)
    model.compile(
        loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"]
    )
    return model


# Pairs of options that contradict each other, and why.
CONFLICTS = {
    ("--context", "--no-context"): "it has a context of 1",
    ("--context", "--through-time"): "it has a context of 1",
    ("--batch-size", "--through-time"): "it trains on 1 sample",
    ("--echo-sequence", "--through-time"): "it echoes one number at a time",
    ("--stateless", "--through-time"): "it needs the state between numbers",
    ("--random-state", "--through-time"): "it needs the state between numbers",
    ("--swap-state", "--through-time"): "it needs the state between numbers",
    ("--mark-start", "--through-time"): "it feeds one number at a time",
    ("--mlp", "--through-time"): "an MLP takes all time steps at once",
    ("--stateless", "--mlp"): "an MLP has no state",
    ("--random-state", "--mlp"): "an MLP has no state",
    ("--swap-state", "--mlp"): "an MLP has no state",
    ("--echo-sequence", "--mlp"): "an MLP has one output for all time steps",
    ("--freeze-lstm", "--mlp"): "an MLP has no LSTM",
    ("--cut-gradients", "--mlp"): "an MLP has no time steps for them to pass",
    ("--cut-gradients", "--freeze-lstm"): "a frozen LSTM has no use for gradients",
    ("--cut-gradients", "--random-state"): "one change to the LSTM at a time",
    ("--cut-gradients", "--swap-state"): "one change to the LSTM at a time",
}


def parse_args(argv=None):
    """Return the options, checked, with `framing` and the batch size that they lead to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "sequence", nargs="*", type=int, help="integers from 0 to 99 to echo"
    )
    parser.add_argument(
        "--epochs",
        type=positive_int,
        default=EPOCHS,
        metavar="N",
        help="sequences (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="same seed, same output")

    group = parser.add_argument_group("Ignore Internal State")
    states = group.add_mutually_exclusive_group()
    states.add_argument(
        "--stateless",
        action="store_true",
        help="start every sample from a zero state",
    )
    states.add_argument(
        "--random-state",
        action="store_true",
        help="start every sample from a new random state",
    )
    states.add_argument(
        "--swap-state",
        action="store_true",
        help="carry the state of each row of a batch to the row after it",
    )
    group.add_argument(
        "--batch-size",
        type=positive_int,
        metavar="N",
        help="samples a batch: a sample gets the state of the one N before (default: 5, "
        "with --no-context 6, or less if that does not divide the samples of a sequence)",
    )

    group = parser.add_argument_group("Mask Missing Data")
    group.add_argument(
        "--missing",
        choices=["drop", "mark", "mask"],
        default="drop",
        help="incomplete first samples: drop them, keep them marked with -1, or mask the "
        "marks with a Masking layer (default: %(default)s)",
    )

    group = parser.add_argument_group("Entire Sequence as Timesteps")
    group.add_argument(
        "--context",
        type=int,
        metavar="N",
        help="time steps of a sample (default: 5); 25 with --missing mask is the entire "
        "sequence",
    )

    group = parser.add_argument_group("Echo Different Lag Value")
    group.add_argument(
        "--lag",
        type=int,
        default=1,
        metavar="K",
        help="echo the value K before the last, 0 to context (default: %(default)s)",
    )
    group.add_argument(
        "--units",
        type=positive_int,
        default=50,
        metavar="N",
        help="units of the LSTM, or of --mlp (default: %(default)s)",
    )
    group.add_argument(
        "--mark-start",
        action="store_true",
        help="a 101st feature, 1 at the first time step of a sample and 0 elsewhere",
    )

    group = parser.add_argument_group("Echo Lag Sequence")
    group.add_argument(
        "--echo-sequence",
        action="store_true",
        help="echo every time step of the sample, each with the same lag",
    )

    group = parser.add_argument_group("the readers' questions")
    group.add_argument(
        "--no-context",
        action="store_true",
        help="part 3's framing and network, in place of part 4's",
    )
    group.add_argument(
        "--through-time",
        action="store_true",
        help="part 3's again, but train on each sequence as one sample with all its time "
        "steps; then feed the trained network one number at a time",
    )
    group.add_argument(
        "--freeze-lstm",
        action="store_true",
        help="leave the LSTM at its initial random weights and train the output layer",
    )
    group.add_argument(
        "--cut-gradients",
        action="store_true",
        help="let no gradient pass from a time step to the one before it",
    )
    group.add_argument(
        "--mlp",
        action="store_true",
        help="a hidden layer in the LSTM's place, which gets all time steps at once",
    )

    args = parser.parse_intermixed_args(argv)
    for options, why in CONFLICTS.items():
        given = [getattr(args, option[2:].replace("-", "_")) for option in options]
        if all(value not in (None, False) for value in given):
            parser.error(f"{' does not go with '.join(options)}: {why}")
    if args.missing == "mask" and args.mlp:
        parser.error("--missing mask does not go with --mlp: it skips no time steps")
    if args.missing != "drop" and args.mark_start:
        parser.error(
            f"--missing {args.missing} does not go with --mark-start: a first time step "
            "may be missing"
        )

    args.no_context |= args.through_time
    if args.context is None:
        args.context = 1 if args.no_context else 5
    if args.context == 1 and args.mark_start:
        parser.error("--mark-start does not go with a context of 1: all is start")
    if args.context == 1 and args.cut_gradients and not args.through_time:
        parser.error(
            "--cut-gradients does not go with a context of 1: it has none to cut"
        )
    args.framing = functools.partial(
        generate_data,
        context=args.context,
        lag=args.lag,
        missing=args.missing,
        mark_start=args.mark_start,
        echo_sequence=args.echo_sequence,
    )
    try:
        args.n_samples = len(args.framing()[0])
        if args.sequence:
            args.framing(args.sequence)
        if args.seed is not None:
            keras.utils.set_random_seed(args.seed)
    except ValueError as error:
        parser.error(str(error))

    n_samples = args.n_samples
    sizes = [size for size in range(1, n_samples + 1) if n_samples % size == 0]
    if args.batch_size is None:
        most = 6 if args.no_context else 5
        args.batch_size = max(size for size in sizes if size <= most)
    if args.batch_size not in sizes:
        parser.error(
            f"--batch-size is {args.batch_size}: it must divide the {n_samples} samples "
            f"of a sequence, so one of {', '.join(map(str, sizes))}"
        )
    if args.swap_state and args.batch_size == 1:
        parser.error(
            "--swap-state does not go with batches of 1: it needs rows to swap"
        )
    return args


def run(args):
    """Do what a script's `main` does, with these options.

    Returns: what `evaluate` does, but with an axis for the 100 sequences, of shape
        (100, samples) or with --echo-sequence (100, samples, time steps).
    """
    network = functools.partial(
        build_model,
        context=args.context,
        units=args.units,
        batch_size=args.batch_size,
        stateful=not (args.stateless or args.random_state),
        random_state=args.random_state,
        swap_state=args.swap_state,
        missing=args.missing,
        mark_start=args.mark_start,
        echo_sequence=args.echo_sequence,
        freeze_lstm=args.freeze_lstm,
        cut_gradients=args.cut_gradients,
        mlp=args.mlp,
    )
    if args.through_time:
        # Gradients flow back through the time steps of a sample: make one of them all.
        model = network(batch_size=1, context=args.n_samples, echo_sequence=True)
        train(model, args.epochs, args.framing)
        # No weight depends on the number of time steps, so these fit the network that
        # takes one number at a time.
        weights = model.get_weights()
        model = network(batch_size=1)
        model.set_weights(weights)
    else:
        model = network()
        train(model, args.epochs, args.framing)
    right = evaluate(model, args.sequence or None, args.framing)

    if args.echo_sequence:
        by_time_step = right.mean(axis=0)
        print("Accuracy by time step:", *(f"{value:.4f}" for value in by_time_step))
    right = right.reshape(100, args.n_samples, *right.shape[1:])
    if args.through_time and args.lag:
        # The first answer asks for the first number, which the network is never shown.
        accuracy = right[:, 1:].mean()
        print(
            "Accuracy over 100 new sequences, the first number of each aside: "
            f"{accuracy:.4f}"
        )
    return right


def main(argv=None):
    run(parse_args(argv))


if __name__ == "__main__":
    main()
