"""The article's own loop on Keras 3: one call of fit per epoch, then a reset of the state.

    python tests/fit_per_epoch.py echo_lag

This is the most direct translation of the article's code. It trains the same networks on
the same data as our scripts, which replace the call of fit to save time, and ends with the
same evaluation.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

# The scripts come first: they choose Keras's backend.
import echo_current
import echo_lag
import echo_lag_no_context

# isort: split
import keras
import pandas as pd

# The script of a part, the LSTM's units, and batch size, time steps and features. The
# network of part 2 takes batches of any size, and the article trains it in batches of 1.
PARTS = {
    "echo_current": (echo_current, 15, (None, 1, 100)),
    "echo_lag_no_context": (echo_lag_no_context, 50, (6, 1, 100)),
    "echo_lag": (echo_lag, 50, (5, 5, 100)),
}


def build_model(units, batch_shape):
    model = keras.Sequential()
    model.add(keras.Input(batch_shape=batch_shape))
    model.add(keras.layers.LSTM(units, stateful=batch_shape[0] is not None))
    model.add(keras.layers.Dense(100, activation="softmax"))
    model.compile(
        loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"]
    )
    return model


def train(model, epochs, generate_data, shuffle=False, verbose=2):
    """Train as the article does; return a DataFrame of the metrics in each epoch."""
    histories = []
    for _ in range(epochs):
        X, y = generate_data()
        batch_size = model.input_shape[0] or 1
        history = model.fit(
            X, y, epochs=1, batch_size=batch_size, verbose=verbose, shuffle=shuffle
        )
        histories.append(pd.DataFrame(history.history))
        for layer in model.layers:
            if getattr(layer, "stateful", False):
                layer.reset_state()
    return pd.concat(histories, ignore_index=True)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    args = parser.parse_args(argv)
    script, units, batch_shape = PARTS[args.part]
    model = build_model(units, batch_shape)
    # The article shuffles in part 2 only. In parts 3 and 4 the state needs the order.
    shuffle = script is echo_current
    train(model, script.EPOCHS, script.generate_data, shuffle)
    script.evaluate(model)


if __name__ == "__main__":
    main()
