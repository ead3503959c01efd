"""Each row of the exercises does what its command in the answers does."""

import importlib
import re
import sys
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pytest

import echo_lag
import echo_lag_no_context
import sequences
from tests.experiments import extensions, read_on, results
from tests.shared import eagerly

SHEET = Path(__file__).with_name("EXERCISES.md").read_text("utf-8")
CHANGES = dict(re.findall(r"(?s)```diff ([A-Z])\n(.*?)```", SHEET))
SECTIONS = re.split(r"(?m)^## ", SHEET)[1:]


def table_of(section):
    """Return the rows of the table in a section, lists of cells, with its heading."""
    heading, _, *rows = re.findall(r"(?m)^\| *(.*?) *\|$", section)
    return [[cell.strip() for cell in row.split("|")] for row in (heading, *rows)]


# Exercise, row, change: what the sheet says of each row; and its command in the answers.
ROWS = [
    (f"exercise {number}", *row[:2])
    for number, section in enumerate(SECTIONS, start=1)
    for row in table_of(section)[1:]
]
LISTED = results.EXPERIMENTS[results.EXPERIMENTS.table.str.startswith("exercise")]
COMMANDS = dict(zip(zip(LISTED.table, LISTED.row), LISTED.command))


def test_the_answers_have_the_rows_and_the_columns_of_the_sheet():
    rows = [(table, row) for table, row, _ in ROWS]
    assert rows == list(COMMANDS), "EXERCISES.md and experiments.csv need the same rows"
    assert set(LISTED.seeds) == {"3"}  # as both pages say
    columns = [table_of(section)[0][2:] for section in SECTIONS]
    answers = [results.TABLES[table] for table in dict.fromkeys(LISTED.table)]
    assert columns == [heads for *heads, _ in answers]  # Last comes the command.


def apply(change, texts):
    """Change the texts of scripts, a dict, as a cell of the sheet says."""
    main = "echo_lag_no_context.py" if change.startswith("E") else "echo_lag.py"
    for step in change.split(", ") if change != "none" else []:
        if step in CHANGES:
            hunks = hunks_of(CHANGES[step])
        else:  # `new` in place of `old`
            new, old = re.findall("`(.*?)`", step)
            hunks = [(main, old, new)]
        for name, old, new in hunks:
            assert texts[name].count(old) == 1, f"{name}, {step}: {old}"
            texts[name] = texts[name].replace(old, new)


def hunks_of(diff):
    """Yield the parts of a diff: which script, the old text and the new one."""
    for hunk in re.split(r"(?m)^@@ ", diff)[1:]:
        heading, *lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        yield heading.split(",")[0], old, new


def trained_on(module, compiler, train, model):
    """Return all X and y that a training gets, without an axis for batches."""
    train_on_sequence = mock.Mock(return_value={"loss": 0, "accuracy": 0})
    with mock.patch.object(module, compiler, return_value=train_on_sequence):
        train()
    passes = [call.args for call in train_on_sequence.call_args_list]
    shapes = model.input_shape[1:], model.output_shape[1:]
    data = zip(zip(*passes), shapes)
    return [np.reshape(arrays, (-1, *shape)) for arrays, shape in data]


@pytest.fixture
def changed(tmp_path, monkeypatch):
    """Return a function that imports a script with a change of the sheet."""

    def changed(script, change, values="generate_sequence(500)"):
        texts = {f.name: f.read_text("utf-8") for f in results.ROOT.glob("*.py")}
        apply(change, texts)
        for name, text in texts.items():
            text = text.replace("generate_sequence(500)", values)
            (tmp_path / name).write_text(text, "utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        for module in script.__name__, "sequences":
            monkeypatch.delitem(sys.modules, module)  # It comes back at the end.
        script = importlib.import_module(script.__name__)
        assert Path(script.__file__).parent == tmp_path
        return script

    return changed


# Some rows stand in several exercises.
DIFFERENT = {(row[-1], COMMANDS.get(row[:2])): row for row in ROWS}


@pytest.mark.parametrize(("table", "row", "change"), DIFFERENT.values())
@eagerly()
def test_a_row_does_what_its_command_does(
    table, row, change, changed, monkeypatch, capsys
):
    assert (table, row) in COMMANDS, "experiments.csv lacks this row of EXERCISES.md"
    script = changed(echo_lag_no_context if table == "exercise 5" else echo_lag, change)
    options = extensions.parse(f"{COMMANDS[table, row]} --epochs 2".split())

    keras.utils.set_random_seed(1)
    model = script.build_model()
    data = trained_on(script, "compile_fit", lambda: script.fit(model, epochs=2), model)
    length = 13 if table == "exercise 5" else 15  # two batches
    X, y = script.generate_data(sequences.generate_sequence(length))
    yhat = script.predict(model, X)

    keras.utils.set_random_seed(1)
    network = extensions.build_model(options)
    expected = trained_on(
        extensions,
        "compile_training_pass",
        lambda: extensions.train(network, options),
        network,
    )
    for one, other in zip(model.weights, network.weights, strict=True):
        assert np.array_equal(one, other) and one.trainable == other.trainable
    for one, other in zip(data, expected, strict=True):
        assert np.array_equal(one, other)
    assert model.input_shape == network.input_shape
    # How many time steps a BurnIn reads without gradients shows in no answer.
    assert max(getattr(layer, "n", 0) for layer in model.layers) == options.burn_in
    options.length = length
    right, answers = extensions.answers(network, options)
    assert np.array_equal(y.argmax(axis=-1), right)
    assert np.array_equal(yhat.argmax(axis=-1), answers)

    # What `read_on` takes as right is what training asks for: otherwise, it refuses.
    section = SECTIONS[int(table[-1]) - 1]
    lag = re.findall(r"read_on (--lag \d+)", section)
    monkeypatch.setattr(read_on, "echo_lag", script)
    assert read_on.parse(" ".join(lag).split()).lag == options.lag
    # In its place, a section may run another script.
    programs = re.findall(r"\.venv/bin/python (\w+)\.py", section)
    assert programs == (["echo_lag_no_context"] if table == "exercise 5" else [])

    monkeypatch.setattr(script, "predict", lambda model, X: np.zeros(y.shape))
    monkeypatch.setattr(script, "generate_data", lambda sequence=None: (X, y))
    script.evaluate(model)
    assert "Accuracy over 100 new sequences: 0." in capsys.readouterr().out


def test_the_row_that_is_worked_out_shows_its_run():
    (shown,) = re.findall(r"(?s)```\n(.*?)```", SHEET.partition("## ")[0])
    shown = dict(line.strip().split(": ") for line in shown.strip().splitlines())
    runs = results.read_runs()
    runs = runs[runs.command == "--units 10"]
    (run,) = runs.itertuples()
    assert results.right_after(runs) == "none"  # So the output gives nothing away.
    assert shown == {
        "Accuracy over 100 new sequences": f"{run.on_windows:.4f}",
        "Accuracy fed one value at a time": f"{run.reading_on:.4f}",
        "Epochs to 95 %": results.median_epochs([run.epochs_to_95]),
        "Right after": "none",
        "Changed scripts": "echo_lag.py",
    }


def test_25_numbers_of_your_own_make_one_sequence(changed, tmp_path, monkeypatch):
    (code,) = re.findall(r"`(pd\.read_csv\(.*?)`", SHEET)
    script = changed(echo_lag, "F", code)
    monkeypatch.chdir(tmp_path)
    numbers = [*range(30, 55)]
    (tmp_path / "my_numbers.csv").write_text("\n".join(map(str, numbers)), "utf-8")
    model = script.build_model()
    data = trained_on(script, "compile_fit", lambda: script.fit(model, epochs=3), model)
    for found, expected in zip(data, echo_lag.generate_data(numbers), strict=True):
        assert np.array_equal(found, np.concatenate([expected] * 3))
    # The laboratory draws parts as the sheet does: from its list of 25, always all of it.
    first, second, *_ = parts_of("--parts-of 25")
    assert first == second
    assert len({tuple(part) for part in parts_of("--parts-of 26")}) == 2


def parts_of(command):
    """Return the sequences of 50 epochs."""
    drawn = extensions.new_sequences(extensions.parse(command.split()))
    return [sequence for _, sequence in zip(range(50), drawn)]
