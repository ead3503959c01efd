"""Time the scripts' training side by side with the port that calls `fit` each epoch.

    python tests/benchmark.py

Both sides use a script's own network and framing, and take turns in this one process.
The port alone, in full, is the article's own way of training:

    time python tests/benchmark.py --port echo_lag
    time python echo_lag.py
"""

import argparse
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

# The scripts come first: they choose Keras's backend.
import echo_current
import echo_lag
import echo_lag_no_context

# isort: split
import extensions
from reporting import heading, positive_int, print_table, silently

from sequences import generate_sequence

SCRIPTS = {
    "echo_current": echo_current,
    "echo_lag_no_context": echo_lag_no_context,
    "echo_lag": echo_lag,
}
ROUNDS = 5
GROWTH_ROUNDS = 3
OUR_EPOCHS = 200
PORT_EPOCHS = 20
PACE_EPOCHS = 200
PROCESSES = 3


def port(model, epochs, generate_data):
    """Train with a call of `fit` for each epoch; return the loss and accuracy of each."""
    # Part 2's network takes batches of any size, and the article gives it 1.
    batch_size = model.input_shape[0] or 1
    history = {"loss": [], "accuracy": []}
    for _ in range(epochs):
        X, y = generate_data()
        fitted = model.fit(
            X.reshape(-1, *model.input_shape[1:]),
            y.reshape(-1, *model.output_shape[1:]),
            epochs=1,
            batch_size=batch_size,
            shuffle=False,
            verbose=2,
        )
        for layer in model.layers:
            if getattr(layer, "stateful", False):
                layer.reset_state()
        for name, values in history.items():
            values += fitted.history[name]
    return history


def run_port(script, epochs):
    """Do all that the script does, the port's way."""
    model = script.build_model()
    port(model, epochs, script.generate_data)
    X, y = script.generate_data()
    yhat = model.predict(X, batch_size=model.input_shape[0] or 1, verbose=0)
    print("Expected: ", script.one_hot_decode(y))
    print("Predicted:", script.one_hot_decode(yhat))


def seconds(train, build_model, epochs, generate_data):
    """Return the seconds to the end of the first epoch, and for each epoch after it."""
    starts = []

    def start_epoch():
        starts.append(time.perf_counter())
        return generate_data()

    begin = time.perf_counter()
    silently(train, build_model(), epochs, start_epoch)
    end = time.perf_counter()
    return starts[1] - begin, (end - starts[1]) / (epochs - 1)


def in_turns(
    script,
    rounds,
    our_epochs=OUR_EPOCHS,
    port_epochs=PORT_EPOCHS,
    length=25,
    build_model=None,
):
    """Return each side's first and later epochs' seconds, over some rounds in turns."""
    build_model = build_model or script.build_model

    def generate_data():
        return script.generate_data(generate_sequence(length))

    sides = {"ours": [], "port": []}
    for _ in range(rounds):
        for side, train, epochs in [
            ("ours", script.train, our_epochs),
            ("port", port, port_epochs),
        ]:
            sides[side].append(seconds(train, build_model, epochs, generate_data))
    return {side: list(zip(*values, strict=True)) for side, values in sides.items()}


def whole_process(*command):
    """Return the seconds of a process from its start to its end, a median."""
    values = []
    for _ in range(PROCESSES):
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, *command], cwd=ROOT, check=True, capture_output=True
        )
        values.append(time.perf_counter() - begin)
    return statistics.median(values)


def whole_port(name, epochs):
    """Return the seconds that the port's process takes, from two shorter ones."""
    command = ["tests/benchmark.py", "--port", name, "--epochs"]
    start = whole_process(*command, "1")
    pace = (whole_process(*command, str(1 + PACE_EPOCHS)) - start) / PACE_EPOCHS
    return start + (epochs - 1) * pace


def milliseconds(values):
    """Return a table's cell: the median, and the least to the greatest."""
    median, least, most = (
        1000 * function(values) for function in (statistics.median, min, max)
    )
    return f"{median:.1f} ({least:.1f} to {most:.1f})"


def ratio(sides):
    """Return a table's cell: how many times longer the port's epochs take, by round."""
    ratios = [
        port / ours
        for port, ours in zip(sides["port"][1], sides["ours"][1], strict=True)
    ]
    median = statistics.median(ratios)
    return f"{median:.1f} ({min(ratios):.1f} to {max(ratios):.1f})"


def compare_scripts():
    print(
        f"Milliseconds an epoch after the first, the median of {ROUNDS} rounds and their "
        f"range. A round is {OUR_EPOCHS} epochs of ours, then {PORT_EPOCHS} of the port.\n"
    )
    rows, processes = [], []
    for name, script in SCRIPTS.items():
        sides = in_turns(script, ROUNDS)
        our_first, our_epochs = sides["ours"]
        port_first, port_epochs = sides["port"]
        rows.append(
            [
                f"`{name}.py`",
                milliseconds(our_epochs),
                milliseconds(port_epochs),
                ratio(sides),
                milliseconds(our_first),
                milliseconds(port_first),
            ]
        )
        whole = whole_process(f"{name}.py")
        port_whole = whole_port(name, script.EPOCHS)
        cells = [f"{whole:.1f}", f"{port_whole:.0f}", f"{port_whole / whole:.1f}"]
        processes.append([f"`{name}.py`", *cells])
    print_table(
        ["script", "ours", "port", "ratio", "ours, first epoch", "port, first epoch"],
        rows,
    )
    print(
        f"Seconds of the whole process, a median of {PROCESSES}. Ours is measured in full. "
        f"The port is measured with 1 epoch and with {1 + PACE_EPOCHS}, which give the "
        "time for all.\n"
    )
    print_table(["script", "ours", "port", "ratio"], processes)


def compare_growth():
    print(
        f"How the milliseconds an epoch of `echo_lag.py` grow, {GROWTH_ROUNDS} rounds.\n"
    )
    cases = {
        "as in the article": {},
        "2,000 epochs": {"our_epochs": 2000},
        "sequences of 250": {"length": 250, "our_epochs": 50, "port_epochs": 10},
        "sequences of 2,500": {"length": 2500, "our_epochs": 10, "port_epochs": 3},
        "100 units": {"build_model": partial(extensions.build_model, units=100)},
        "200 units": {"build_model": partial(extensions.build_model, units=200)},
    }
    rows = []
    for name, options in cases.items():
        sides = in_turns(echo_lag, GROWTH_ROUNDS, **options)
        cells = [milliseconds(sides["ours"][1]), milliseconds(sides["port"][1])]
        rows.append([name, *cells, ratio(sides)])
    print_table(["`echo_lag.py`", "ours", "port", "ratio"], rows)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--port", choices=SCRIPTS, help="only run this script's port, in full"
    )
    parser.add_argument(
        "--epochs",
        type=positive_int,
        metavar="N",
        help="epochs of --port (default: the script's)",
    )
    args = parser.parse_args(argv)
    if args.epochs and not args.port:
        parser.error("--epochs goes with --port")
    if args.port:
        script = SCRIPTS[args.port]
        run_port(script, args.epochs or script.EPOCHS)
    else:
        print(f"{heading()}\n", flush=True)
        compare_scripts()
        compare_growth()


if __name__ == "__main__":
    main()
