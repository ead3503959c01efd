"""The three scripts: as in the article, as `fit` would train them, and as commands."""

import ast
import gc
import importlib
import inspect
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from sequences import one_hot_decode, one_hot_encode
from tests import shared
from tests.scripts import SCRIPTS
from tests.shared import eagerly

ROOT = Path(__file__).parents[1]
NOTEBOOK = "module://matplotlib_inline.backend_inline"  # the MPLBACKEND of Jupyter

# The answers to 8 3 14 15 92 65 35.
ECHOES = {
    "echo_current": "[8, 3, 14, 15, 92, 65, 35]",
    "echo_lag_no_context": "[8, 3, 14, 15, 92, 65]",
    "echo_lag": "[92, 65]",
}

each_script = pytest.mark.parametrize("name", SCRIPTS)
# Parts 3 and 4 have the same code, as a test below says.
each_code = pytest.mark.parametrize("name", ["echo_current", "echo_lag"])


@each_script
def test_fit_is_that_of_the_article(name, trained):
    _, units, (batch_size, *shape), *_ = SCRIPTS[name]
    # The layers, the loss and the optimizer are the same, or other weights would result.
    keras.utils.set_random_seed(0)
    model = shared.sequential(
        keras.layers.LSTM(units, stateful=batch_size is not None),
        keras.layers.Dense(100, activation="softmax"),
        shape=(batch_size, *shape),
    )
    # For a few batches, it is faster to compile nothing.
    how = {"metrics": ["accuracy"], "run_eagerly": name != "echo_current"}
    model.compile("adam", "categorical_crossentropy", **how)
    generate_data = importlib.import_module(name).generate_data
    results = [
        shared.fit_and_reset(model, *generate_data(), batch_size or 1) for _ in range(2)
    ]
    ours = trained(name)
    for got, expected in zip(ours.early_weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)
    assert list(ours.history.index) == [*range(1, SCRIPTS[name].epochs + 1)]
    for column in ours.history:
        expected = [result[column] for result in results]
        np.testing.assert_allclose(ours.history[column][:2], expected, rtol=1e-5)


@each_script
def test_fit_is_traced_once_and_compiled_by_xla(name, trained):
    assert (trained(name).traces, trained(name).with_xla) == (1, True)


@each_code
def test_data_that_do_not_fit_are_never_trained_on(name, monkeypatch):
    script = importlib.import_module(name)
    model = script.build_model()
    X, y = script.generate_data()
    n, steps, _ = X.shape
    # A training would end in another error.
    monkeypatch.setattr(script, "compile_fit", lambda model: None)

    def fit_on(X, y):
        monkeypatch.setattr(script, "generate_data", lambda: (X, y))
        script.fit(model, 1)

    for wrong_X in [
        X.reshape(n, 100, steps),
        X.reshape(n, -1),
        X[..., np.newaxis],
        np.concatenate([X, X], axis=1),
        X[:0],
    ]:
        needed = f"samples of shape {(steps, 100)} are needed"
        message = f"X has shape {wrong_X.shape}: {needed}"
        with pytest.raises(ValueError, match=re.escape(message)):
            fit_on(wrong_X, y)
    for wrong_y in y.reshape(100, -1), np.tile(y, (2, 1)), y[:-5], y[:5]:
        with pytest.raises(ValueError, match=f"reshape .* {wrong_y.size} "):
            fit_on(X, wrong_y)
    if name == "echo_lag":  # The last batch must be full.
        with pytest.raises(ValueError, match="reshape .* 1900 "):
            fit_on(X[:19], y[:19])


def small_network(script, batch_size, **options):
    """Return a compiled network for a script's data, smaller than the script's."""
    _, *shape = script.build_model().input_shape
    model = shared.sequential(
        keras.layers.LSTM(3, **options),
        keras.layers.Dense(100, activation="softmax"),
        shape=(batch_size, *shape),
    )
    model.compile("sgd", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


@eagerly()
def test_a_network_without_a_batch_size_trains_in_batches_of_batch_size(seed):
    name = "echo_lag"  # That of part 2 has none.
    script = importlib.import_module(name)
    ours, reference = [small_network(script, None) for _ in range(2)]
    reference.set_weights(ours.get_weights())
    X, y = script.generate_data()
    with mock.patch.object(script, "generate_data", lambda: (X, y)):
        history = script.fit(ours, 1)
    fitted = shared.fit_and_reset(reference, X, y, SCRIPTS[name].batch_shape[0])
    for got, expected in zip(ours.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)
    assert history.loss.item() == pytest.approx(fitted["loss"], rel=1e-5)
    expected = reference.predict_on_batch(X)
    np.testing.assert_allclose(script.predict(ours, X), expected, atol=1e-6)


@each_script
def test_the_lines_of_the_article_stand_beside_the_compiled_pass(name):
    text = inspect.getsource(importlib.import_module(name).fit)
    batch_size, *_ = SCRIPTS[name].batch_shape
    assert f"model.fit(X, y, epochs=1, batch_size={batch_size or 1}" in text
    assert ("model.reset_states()" in text) is (batch_size is not None)


def test_an_import_leaves_the_collector_of_python_alone():
    gc.freeze()  # or the collector would take a second
    gc.enable()
    runpy.run_path(ROOT / "echo_lag.py")
    assert gc.isenabled()
    gc.disable()  # as conftest.py does


def test_the_state_is_zero_after_fit(trained):
    states = trained("echo_lag").states
    assert len(states) == 2
    assert not np.any(states)


def test_reset_states_resets_each_layer_of_a_deeper_network():
    options = {"stateful": True, "return_sequences": True}
    # A GRU is a layer of the exercises.
    kept = keras.layers.LSTM(2, **options), keras.layers.GRU(3, **options)
    model = shared.sequential(*kept, keras.layers.LSTM(2))
    states = shared.states(model)
    for state in states:
        state.assign(np.ones(state.shape))
    importlib.import_module("echo_lag").reset_states(model)
    assert len(states) == 3 and not any(map(np.any, states))


def test_a_break_leaves_the_loop_of_fit():
    text = (ROOT / "echo_lag.py").read_text("utf-8")
    last = "history[epoch] = loss, accuracy\n"
    assert last in text
    results = {"loss": 4.5, "accuracy": 0.25}
    output = shared.run_program(
        "import echo_lag\n"
        f"echo_lag.compile_fit = lambda model: lambda X, y: {results}\n"
        "print(echo_lag.fit(echo_lag.build_model(), 9).to_dict('index'))\n",
        {"echo_lag.py": text.replace(last, f"{last}        if epoch == 2: break\n")},
    )
    *epochs, history = output.splitlines()
    assert len(epochs) == 2
    assert history == str({1: results, 2: results})


def test_accuracies_are_those_of_the_article(trained):
    part_2, part_3, part_4 = map(trained, SCRIPTS)
    assert part_2.lines[-1].endswith(": 1.0000")
    assert part_2.history.loss.iloc[-1] < 0.12
    assert float(part_4.lines[-1].split()[-1]) >= 0.99
    assert part_4.history.accuracy[-100:].mean() >= 0.95
    assert 0.1 < part_4.history.loss[-100:].mean() < 0.25
    # In part 3, of 2,400 answers, 24 are right by chance, with a standard deviation of 4.9.
    assert float(part_3.lines[-1].split()[-1]) < 0.02
    # A network that knows nothing spreads its bets over 100 classes: a loss of ln 100.
    assert part_3.history.loss[-100:].mean() == pytest.approx(np.log(100), abs=0.1)


@each_code
def test_predict_is_the_predict_of_keras_from_a_zero_state(name, trained):
    script, model = importlib.import_module(name), trained(name).model
    batch_size = model.input_shape[0] or 1
    X, _ = script.generate_data(range(30 + SCRIPTS[name].fewest - 1))
    if batch_size > 1:
        model.layers[0].reset_state()
    expected = model.predict(X, batch_size=batch_size, verbose=0)
    for n in 1, 4, 23, 30:
        for state in model.layers[0].states or []:
            state.assign(np.ones(state.shape))
        model.predict_on_batch = mock.Mock(wraps=model.predict_on_batch)
        yhat = script.predict(model, X[:n])
        # Each call of model.predict would take a hundred times as long.
        n_batches = -(-n // batch_size) if batch_size > 1 else 1
        assert model.predict_on_batch.call_count == n_batches
        del model.predict_on_batch
        np.testing.assert_allclose(yhat, expected[:n], atol=1e-5)


@each_code
def test_predict_of_a_wrong_shape_is_an_error(name, trained):
    script, model = importlib.import_module(name), trained(name).model
    needed = SCRIPTS[name].batch_shape[1:]
    for shape in [
        (20, 7, 100),
        (20, *needed[:1], 99),
        (20, 500),
        (),
        (20, *needed, 1),
        (0, *needed),
    ]:
        message = f"X has shape {shape}: samples of shape {needed} are needed"
        with pytest.raises(ValueError, match=re.escape(message)):
            script.predict(model, np.zeros(shape))


# The same in all three, so one script is enough.
def test_evaluate_shows_one_sequence_and_measures_100_others(monkeypatch, capsys):
    script = importlib.import_module("echo_lag")
    generate_data, targets, predictions = script.generate_data, [], []

    def record_targets(sequence=None):
        X, y = generate_data(sequence)
        targets.append(one_hot_decode(y))
        return X, y

    def guess(model, X):
        # For every other sequence, all answers are wrong; so are those that are shown.
        answers = targets[len(predictions)]
        if len(predictions) % 2 == 0:
            answers = [(value + 1) % 100 for value in answers]
        predictions.append(answers)
        return one_hot_encode(answers).astype("float32")

    monkeypatch.setattr(script, "generate_data", record_targets)
    monkeypatch.setattr(script, "predict", guess)
    script.evaluate(None, [*range(30)])
    assert targets[0] == [*range(4, 29)]
    assert len(set(map(tuple, targets))) == len(predictions) == 101
    assert capsys.readouterr().out.splitlines() == [
        f"Expected:  {targets[0]}",
        f"Predicted: {predictions[0]}",
        "Accuracy over 100 new sequences: 0.5000",
    ]


def fake_fit(model, epochs):
    """Print the epochs; return a history of 60 epochs."""
    print(f"Trained for {epochs} epochs")
    values = {"loss": range(60), "accuracy": range(100, 160)}
    return pd.DataFrame(values, range(1, 61))


def fake_predict(model, X):
    """Return what depends on the weights and on X, (n, 100), at once."""
    kernel = model.layers[-1].get_weights()[0]
    return X[:, -1, : len(kernel)] @ kernel


@pytest.fixture
def run_script(monkeypatch, capsys):
    """Return a function: run a script as a command, but without the training."""

    def run_main(name, options, predict=fake_predict):
        script = importlib.import_module(name)
        monkeypatch.setattr(script, "fit", fake_fit)
        monkeypatch.setattr(script, "predict", predict)
        set_seed = mock.Mock(wraps=keras.utils.set_random_seed)
        monkeypatch.setattr(keras.utils, "set_random_seed", set_seed)
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *options.split()])
        script.main()
        return capsys.readouterr().out.splitlines()

    return run_main


@each_script
def test_command_without_options(name, run_script):
    assert run_script(name, "")[0] == f"Trained for {SCRIPTS[name].epochs} epochs"
    keras.utils.set_random_seed.assert_not_called()


@each_script
def test_help_tells_what_the_script_does_and_takes(name, run_script, capsys):
    with pytest.raises(SystemExit, match="^0$"):
        run_script(name, "--help")
    text = capsys.readouterr().out
    assert importlib.import_module(name).__doc__ in text
    options = text[text.index("sequence  ") :]
    assert re.findall(r"\d+", options)[0] == str(SCRIPTS[name].fewest)
    assert f" {SCRIPTS[name].epochs})" in options


# main and plot are the same in all three, so for these tests one script is enough.


def test_nothing_is_drawn_between_the_seed_and_the_network(run_script):
    _, expected, *_ = run_script("echo_lag", "--seed 1")
    script = importlib.import_module("echo_lag")
    keras.utils.set_random_seed(1)
    script.build_model()  # draws the weights
    _, y = script.generate_data()
    assert expected == f"Expected:  {one_hot_decode(y)}"


def test_plot_draws_the_means_of_25_epochs_from_the_first_on(
    run_script, tmp_path, monkeypatch
):
    figure, open_figures = Figure(), plt.get_fignums()
    script = importlib.import_module("echo_lag")
    monkeypatch.setattr(script, "Figure", lambda **options: figure)
    run_script("echo_lag", f"--plot {tmp_path / 'curves.svg'}")
    loss, accuracy = (axis.lines[0].get_xydata() for axis in figure.axes)
    assert loss[:, 0].tolist() == accuracy[:, 0].tolist() == [*range(1, 61)]
    assert loss[[0, 1, 59], 1].tolist() == [0, 0.5, 47]
    assert accuracy[[0, 1, 59], 1].tolist() == [100, 100.5, 147]
    assert [axis.get_xlabel() for axis in figure.axes] == ["epoch", "epoch"]
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert labels == ["loss, mean of 25 epochs", "accuracy, mean of 25 epochs"]
    assert plt.get_fignums() == open_figures  # those of a notebook


@pytest.mark.parametrize(
    ("name", "file"), list(zip(SCRIPTS, ["curves.PNG", "curves.svg", "curves.pdf"]))
)
def test_command_with_all_options(name, file, run_script, tmp_path):
    options = f"8 3 14 15 92 65 35 --epochs 1 --seed 0 --plot {tmp_path / file}"
    predict = mock.Mock(wraps=fake_predict)
    lines = run_script(name, options, predict)
    assert lines[:2] == ["Trained for 1 epochs", f"Expected:  {ECHOES[name]}"]
    assert (tmp_path / file).exists()
    assert predict.call_count == 101
    keras.utils.set_random_seed.assert_called_once_with(0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--epochs 0", "--epochs is 0: at least 1 is needed"),
        ("--epochs 1.5", "argument --epochs: invalid int value: '1.5'"),
        ("--seed 4294967296", "--seed is 4294967296: 0 to 2**32 - 1 is needed"),
        ("--seed -1", "--seed is -1: 0 to 2**32 - 1 is needed"),
        ("--plot none/a.png", "No such file or directory: 'none/a.png'"),
        ("--plot folder.png", "--plot is folder.png: it is there, but is no file"),
        ("--plot pipe.png", "--plot is pipe.png: it is there, but is no file"),
        ("--plot old.png/a.png", "Not a directory: 'old.png/a.png'"),
        ("--plot link.png", "No such file or directory: 'link.png'"),
        (f"--plot {'a' * 300}.png", f"File name too long: '{'a' * 300}.png'"),
        ("--plot a.xyz", "--plot is a.xyz: .png, .svg or .pdf is needed"),
        ("--plot curves", "--plot is curves: .png, .svg or .pdf is needed"),
        ("1 2 3 4 5 100", "100 is not an integer from 0 to 99"),
        ("7 --plot new.png", "at least 6 integers are needed, not 1"),
        ("7 --plot old.png", "at least 6 integers are needed, not 1"),
        ("-- 1 2 3 4 5 -1", "-1 is not an integer from 0 to 99"),
        ("1 2 3 4 5 six", "argument sequence: invalid int value: 'six'"),
        ("--sed 1", "unrecognized arguments: --sed"),  # 1 is taken as the sequence.
    ],
)
def test_bad_option_is_an_error_before_training(
    options, message, run_script, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("folder.png").mkdir()
    os.mkfifo("pipe.png")
    Path("old.png").write_text("an old picture")
    Path("link.png").symlink_to("none/new.png")
    with pytest.raises(SystemExit, match="^2$"):
        run_script("echo_lag", options)
    output, error = capsys.readouterr()
    assert output == ""
    assert "echo_lag.py: error: " in error and error.endswith(f"{message}\n")
    # No picture is left, and the old one stays.
    files = ["folder.png", "link.png", "old.png", "pipe.png"]
    assert sorted(os.listdir()) == files
    assert Path("old.png").read_text() == "an old picture"


def test_a_training_that_is_stopped_leaves_files_as_they_were(
    run_script, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("old.png").write_text("an old picture")
    Path("link.png").symlink_to("target.png")
    for file in "old.png", "link.png", "new.png":
        with pytest.raises(KeyboardInterrupt):
            run_script(
                "echo_lag", f"--plot {file}", mock.Mock(side_effect=KeyboardInterrupt)
            )
    assert sorted(os.listdir()) == ["link.png", "old.png"]
    assert Path("link.png").is_symlink()
    assert Path("old.png").read_text() == "an old picture"


# What a shell runs is the same in all three, so one script is enough again.


def run_in_a_shell(name):
    """Run a script from the shell of another folder; return what it prints, and its plot.

    It has nothing but what a script needs.
    """
    with TemporaryDirectory() as alone, TemporaryDirectory() as folder:
        for file in f"{name}.py", "sequences.py":
            shutil.copy(ROOT / file, alone)
        # It does not need scikit-learn. (If it is there, Keras imports it.)
        Path(alone, "sklearn.py").write_text("raise ImportError")
        foreign = {"KERAS_BACKEND": "jax", "CUDA_VISIBLE_DEVICES": "0"}
        plain = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
        options = "8 3 14 15 92 65 35 --seed=0 --epochs=3 --plot=curves.png"
        done = subprocess.run(
            [sys.executable, "-i", Path(alone, f"{name}.py"), *options.split()],
            cwd=folder,
            env={**plain, **foreign, "MPLBACKEND": NOTEBOOK},
            # What Python reads after the script has run.
            input="[os.environ[name] for name in ('CUDA_VISIBLE_DEVICES', "
            "'TF_CPP_MIN_LOG_LEVEL')], keras.config.backend(), gc.isenabled()\n",
            capture_output=True,
            check=True,
            text=True,
        )
        return done.stdout, Path(folder, "curves.png").read_bytes()


shared.COMMANDS["shell"] = run_in_a_shell, "echo_current"


def test_script_from_the_shell_of_another_folder(result_of, trained):
    output, plot = result_of("shell")
    *epochs, expected, predicted, accuracy, afterwards = output.splitlines()
    same_seed = trained("echo_current").lines[:3]
    assert epochs == [line.replace("/500", "/3") for line in same_seed]
    assert expected == f"Expected:  {ECHOES['echo_current']}"
    assert predicted.count(",") == expected.count(",")
    assert re.fullmatch(r"Accuracy over 100 new sequences: 0\.\d{4}", accuracy)
    assert afterwards == "(['-1', '3'], 'tensorflow', True)"
    assert plot.startswith(b"\x89PNG")


def test_mplbackend_is_kept_if_matplotlib_inline_is_there(monkeypatch):
    # find_spec looks here first. Any module will do.
    monkeypatch.setitem(sys.modules, "matplotlib_inline", pytest)
    monkeypatch.setenv("MPLBACKEND", NOTEBOOK)
    runpy.run_path(ROOT / "echo_lag.py")
    assert os.environ["MPLBACKEND"] == NOTEBOOK


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("import gc", "# Prepare"),
        (
            "  results = fit_sequence",
            "# Only for speed: compile_fit",
        ),  # of fit, in_batches
        ("def evaluate", None),  # plot, parse_args, main
    ],
)
def test_the_scripts_have_not_drifted_apart(begin, end):
    texts = {}
    for name, script in SCRIPTS.items():
        text = (ROOT / f"{name}.py").read_text("utf-8")
        text = text[text.index(begin) : text.index(end) if end else None]
        assert text
        texts[name] = text.replace(f"{script.fewest} or more", "N or more")
    found = [*texts.values()]
    alone = [f"{name}.py" for name in texts if found.count(texts[name]) == 1]
    assert alone == [], "other lines than in the other scripts"


def statements_of(name):
    """Return the lines of a script without comments and docstrings."""
    tree = ast.parse((ROOT / f"{name}.py").read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef)) and ast.get_docstring(node):
            del node.body[0]
    return ast.unparse(tree).splitlines()


def test_the_code_of_parts_3_and_4_differs_in_three_statements():
    part_3, part_4 = map(statements_of, ["echo_lag_no_context", "echo_lag"])
    different = [pair for pair in zip(part_3, part_4, strict=True) if len({*pair}) > 1]
    places = "as generate_data", "BATCH_SIZE = ", "keras.Input("
    help_text = "or more integers"  # no statement of its own
    assert len(different) == 4
    for pair, place in zip(different, [*places, help_text]):
        assert all(place in line for line in pair), pair
