"""Train echo_lag.py as it stands in this folder, then let its network read on.

    python -m tests.experiments.read_on --seed 1

This prints what echo_lag.py prints, then all that the tables of the exercises ask for. The
network reads 100 new sequences of 25, one value at a time, and keeps its state. After each
number of values: which share of its answers is right, and which value do they name most
often (value 4: the fourth that it has read)? When had it learned its windows? After which
numbers of values is it right, in at least 80 % of its answers? The last line names the
scripts in this folder that are not as git has them.

What is right depends on the lag: give the one that the answers in training have.
"""

import argparse
import subprocess

import numpy as np
import pandas as pd

import echo_lag
from tests.experiments.extensions import SEED, feed, from_to
from tests.experiments.results import epochs_to_95, median_epochs, right_numbers


def parse(arguments=None):
    """Return the options of a list of arguments, or the shell's; exit if one is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    lag = from_to(1, 24)
    add("--seed", type=SEED, metavar="N", help="same seed, same output")
    add("--lag", type=lag, default=1, metavar="K", help="the value K before is right")
    options = parser.parse_args(arguments)
    trained = lag_of(echo_lag.generate_data)
    if options.lag != trained:
        message = f"the answers that echo_lag.py trains on have a lag of {trained}"
        parser.error(f"--lag is {options.lag}: {message}")
    return options


def lag_of(generate_data):
    """Return the lag of a framing: how far its answer lies before a window's last value."""
    X, y = generate_data(range(25))  # Each value is its own position.
    last_value = X[0, -1, :100].argmax()  # A further feature is no value.
    last_answer = y[0].reshape(-1, 100)[-1].argmax()  # There may be one for each step.
    return last_value - last_answer


def changed_scripts():
    """Return the names of the scripts in this folder that are not as git has them."""
    command = ["git", "diff", "--name-only", "--relative", "HEAD", "--", ":(glob)*.py"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "git cannot tell"
    return ", ".join(done.stdout.split()) or "none"


def main(arguments=None):
    options = parse(arguments)
    changed = changed_scripts()  # now: one may be edited while another is trained
    if options.seed is not None:
        echo_lag.keras.utils.set_random_seed(options.seed)
    model = echo_lag.build_model()
    history = echo_lag.fit(model)
    echo_lag.evaluate(model)

    sequences, answers = feed(model)
    right = {}
    print(
        "Fed one value at a time: how many are right, and which value they name most:"
    )
    for number in range(1 + options.lag, 1 + sequences.shape[1]):
        # For each sequence, which of the values read so far does the answer name?
        is_named = answers[:, number - 1, np.newaxis] == sequences[:, :number]
        shares = is_named.mean(axis=0)
        right[number] = shares[number - 1 - options.lag]
        most = f"value {shares.argmax() + 1} in {100 * shares.max():.0f} of 100"
        print(f"after {number:2} values   {right[number]:.2f}   {most}")
    right = pd.Series(right)
    print(f"Accuracy fed one value at a time: {right.mean():.4f}")
    print("Epochs to 95 %:", median_epochs([epochs_to_95(history["accuracy"])]))
    numbers = right_numbers(right)
    print("Right after:", "none" if numbers == "none" else f"{numbers} values")
    print("Changed scripts:", changed)


if __name__ == "__main__":
    main()
