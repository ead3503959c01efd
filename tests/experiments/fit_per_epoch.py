"""The article's own loop on Keras 3: one call of fit per epoch, then a reset of the state.

    python -m tests.experiments.fit_per_epoch echo_lag

This is the most direct translation of the article's code. It trains the same networks on
the same data as our scripts, which replace the call of fit to save time, and ends with the
same evaluation.
"""

import argparse
import importlib

import keras
import pandas as pd

from tests.experiments.reporting import end_quietly
from tests.scripts import SCRIPTS


def build_model(units, batch_shape):
    model = keras.Sequential()
    model.add(keras.Input(batch_shape=batch_shape))
    model.add(keras.layers.LSTM(units, stateful=batch_shape[0] is not None))
    model.add(keras.layers.Dense(100, activation="softmax"))
    model.compile(
        loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"]
    )
    return model


def fit(model, epochs, generate_data, shuffle=False, verbose=2):
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("script", choices=SCRIPTS)
    name = parser.parse_args().script
    script = importlib.import_module(name)
    model = build_model(SCRIPTS[name].units, SCRIPTS[name].batch_shape)
    # The article shuffles in part 2 only. In parts 3 and 4 the state needs the order.
    fit(model, script.EPOCHS, script.generate_data, shuffle=name == "echo_current")
    script.evaluate(model)


if __name__ == "__main__":
    end_quietly(main)
