"""Train echo_lag.py as it stands in this folder, then let its network read on.

    python -m tests.experiments.read_on --seed 1

This prints what echo_lag.py prints, then all that the tables of the exercises ask for. The
network reads 100 new sequences of 25, one value at a time, and keeps its state: how many of
its answers are right after each number of values? And when had it learned its windows? The
last line names the scripts in this folder that are not as git has them.
"""

import argparse
import subprocess

import echo_lag
from tests.experiments.extensions import SEED, from_to, right_when_fed
from tests.experiments.results import epochs_to_95, reached


def parse(arguments=None):
    """Return the options of a list of arguments, or the shell's."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    lag = from_to(1, 24)
    add("--seed", type=SEED, metavar="N", help="same seed, same output")
    add("--lag", type=lag, default=1, metavar="K", help="the value K before is right")
    return parser.parse_args(arguments)


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

    right = right_when_fed(model, options.lag)
    print("Share of right answers, fed one value at a time:")
    for number, share in enumerate(right.mean(axis=0), start=options.lag + 1):
        print(f"after {number:2} values   {share:.2f}")
    print(f"Accuracy fed one value at a time: {right.mean():.4f}")
    print("Epochs to 95 %:", reached([epochs_to_95(history["accuracy"])]))
    print("Changed scripts:", changed)


if __name__ == "__main__":
    main()
