"""The pictures: what they measure and where it is drawn."""

import importlib
import io
import re
import sys
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sequences import generate_data_lag_no_context, one_hot_decode
from tests.experiments import extensions, pictures, results
from tests.experiments.extensions import build_model, feed, parse
from tests.scripts import SCRIPTS
from tests.shared import eagerly, printed, read_nothing


@pytest.fixture(scope="module")
def conveyor_belt():
    """Return a network that answers the value before, one of ten.

    Its first ten units hold the current value, the next ten take over what those held.
    """
    model = build_model(parse("--stateless --unique 10 --units 20"))
    eye, nothing = np.eye(10), np.zeros((10, 10))
    shift = np.block([[nothing, eye], [nothing, nothing]])
    # The gates of Keras's LSTM: input, forget, candidate, output.
    kernel = np.hstack([np.zeros((10, 40)), eye, nothing, np.zeros((10, 20))])
    recurrent = np.hstack([np.zeros((20, 40)), shift, np.zeros((20, 20))])
    open_, shut = np.full(20, 200.0), np.full(20, -200.0)
    bias = np.concatenate([open_, shut, np.zeros(20), open_])
    dense = 50 * np.vstack([nothing, eye])
    model.set_weights([kernel, recurrent, bias, dense, np.zeros(10)])
    return model


def test_a_conveyor_belt_returns_the_value_before(conveyor_belt):
    shares = pictures.learned(*feed(conveyor_belt))
    assert shares.shape == (10, 10)
    assert np.diagonal(shares, -1).min() == 1
    assert np.tril(shares, -2).max() < 0.3  # Chance is 10 %.
    assert np.diagonal(shares)[1:].max() < 0.3


def test_a_conveyor_belt_stores_the_last_two_values(conveyor_belt):
    shares = pictures.stored(conveyor_belt, n_sequences=900, most=4)
    assert shares.shape == (4, 4)
    assert np.diagonal(shares).min() == np.diagonal(shares, -1).min() == 1
    assert np.tril(shares, -2).max() < 0.3  # Chance is 10 %.
    assert not np.triu(shares, 1).any()


def test_the_read_out_is_scored_on_other_states_than_it_was_fitted_on():
    noise, values = np.random.normal(size=(90, 60)), np.random.randint(10, size=90)
    assert pictures.share_found(noise, values) < 0.5  # By heart, it would find all.


def test_shares_are_drawn_where_they_belong():
    shares = np.array([[0.04, 0.25], [1, 0.5]])
    figure = pictures.draw_shares({"left": shares, "right": shares.T}, "x", "y")
    left, right = figure.axes
    texts = {text.get_position(): text.get_text() for text in left.texts}
    assert texts == {(1, 0): "25", (1, 1): "50"}  # (column, row)
    assert left.get_title() == "left"
    np.testing.assert_array_equal(right.images[0].get_array(), shares.T)
    outlines = {patch.get_bbox().bounds for patch in left.patches}
    after_5 = (-0.5, 3.5, 5, 1)  # all values of a window
    assert outlines == {after_5, (-0.5, 0.5, 1, 1)}  # and value 1, after 2 values
    for labels in left.get_xticklabels(), left.get_yticklabels():
        assert [label.get_text() for label in labels] == ["1", "2"]
    assert figure.get_supxlabel().startswith("x")
    assert figure.get_supylabel() == "y"


# In place of what the networks do: a share for each of them, and for each seed.
SHARES = {
    "--stateless": {1: 0.1, 2: 0.2, 3: 0.3, 4: 0.8, 5: 0.9},
    "--lag 1": {1: 0.2, 2: 0.3, 3: 0.5, 4: 0.6, 5: 0.7},
}
ACCURACIES = dict(zip(SCRIPTS, (0.9, 0.1, 0.8)))


ERRORS = pd.DataFrame(
    {"on windows": 0.5, "reading on": np.arange(1, 250)}, index=range(1, 250)
)


@pytest.fixture
def drawn(monkeypatch):
    """Return a function that runs the program, and returns its pictures and their texts.

    In place of a network stands a table of shares: what is asked of it returns them.
    """
    saved, epochs = {}, range(1, 2001)
    instead = {
        "trained": lambda command, seed: np.full((9, 9), SHARES[command][seed]),
        "feed": lambda shares: [shares],
        "learned": lambda shares: shares,
        "stored": lambda shares: shares / 2,
        "answers_to": lambda shares, sequence: [int(100 * shares[0, 0])] * 8,
        "curves": lambda script: [pd.Series(ACCURACIES[script], epochs)] * 20,
        "errors": lambda: dict.fromkeys(pictures.CHECKED, ERRORS),
        "save": lambda figure, name, text: saved.update({name: (figure, text)}),
    }
    for name, function in instead.items():
        monkeypatch.setattr(pictures, name, function)

    def run(*options):
        monkeypatch.setattr("sys.argv", ["pictures.py", *options])
        pictures.main()
        return saved

    return run


def test_the_program_draws_and_prints_what_the_networks_do(drawn, capsys):
    saved = drawn()
    names = "marks", "learned", "inside", "curves", "errors"
    assert set(saved) == {f"{name}.png" for name in names}
    output = capsys.readouterr().out
    for name, part in ("learned.png", 1), ("inside.png", 0.5):
        figure, text = saved[name]
        assert text in output
        for axis, command in zip(figure.axes, SHARES, strict=True):
            runs = [np.full((9, 9), part * share) for share in SHARES[command].values()]
            np.testing.assert_allclose(axis.images[0].get_array(), np.median(runs, 0))
            assert ("part 4" in axis.get_title().lower()) == (command == "--lag 1")
            assert pictures.tables(command, runs, range(1, 10), range(1, 10)) in text
    # What README shows is of seed 1.
    answers = dict(re.findall(r"(?m)^(part 4|zero state) answers: +- +(\d+)", output))
    assert answers == {"part 4": "20", "zero state": "10"}
    figure, text = saved["curves.png"]
    assert text in output
    lines = {line.get_label().split()[0]: line for line in figure.axes[0].lines}
    for script, accuracy in ACCURACIES.items():
        assert lines[f"{script}.py"].get_ydata() == pytest.approx(accuracy)
        assert f"{script}.py: median of 20 seeds" in text
    figure, text = saved["errors.png"]
    assert text in output
    for axis in figure.axes:
        for line, name in zip(axis.lines, ERRORS, strict=True):
            np.testing.assert_allclose(line.get_ydata(), ERRORS[name])
    assert set(drawn("--errors")) == set(saved)


def test_the_picture_of_marks_says_what_each_network_has_learned(drawn):
    saved = drawn("--marks")
    assert set(saved) == {"marks.png"}
    (axis,) = saved["marks.png"][0].axes
    verdicts = {text.get_position()[1]: text.get_text() for text in axis.texts}
    names = [label.get_text() for label in axis.get_yticklabels()]
    runs = results.read_runs()
    for row, (command, (name, _)) in enumerate(pictures.MARKS.items()):
        lines = runs[runs.command == command].by_number.str.split().tolist()
        assert len(lines) == 5
        medians = np.median(np.array(lines)[:, 1:].astype(float), axis=0)
        np.testing.assert_allclose(axis.images[0].get_array()[row], medians)
        assert names[row].split() == name.split()
        assert (verdicts[row] == "looks back") == all(medians > 0.9)
        assert (verdicts[row] == "counts") == (sum(medians > 0.9) == 1)
    labels = axis.get_xticks(), [label.get_text() for label in axis.get_xticklabels()]
    assert all(str(2 + column) == label for column, label in zip(*labels))


@pytest.mark.parametrize("name", ["marks", "learned", "inside", "curves", "errors"])
def test_a_picture_was_drawn_from_what_is_in_its_file(name):
    expected = pictures.marks().to_csv() if name == "marks" else printed(f"{name}.png")
    with Image.open(pictures.FOLDER / f"{name}.png") as picture:
        assert picture.text["Description"] == expected


def test_the_picture_of_errors_shows_what_the_guide_says():
    _, *found = re.split("|".join(pictures.CHECKED.values()), printed("errors.png"))
    as_it_is, each_step = [
        pd.read_csv(io.StringIO(text.strip()), sep=r"\s\s+", engine="python")
        for text in found
    ]
    windows, reading_on = as_it_is["on windows"], as_it_is["reading on"]
    assert 24 <= reading_on.idxmin() <= 26
    assert reading_on[24] == pytest.approx(windows[24], abs=1e-5)
    assert (reading_on[100:] > 3 * windows[100:]).all()
    late = each_step["reading on"][2:]
    assert (late < 2 * each_step["on windows"].mean()).all()


def test_curves_are_medians_in_bands_and_the_line_of_chance_is_at_chance():
    runs = [pd.Series(share, index=range(1, 4)) for share in (0.2, 0.6, 0.3)]
    (axis,) = pictures.draw_curves(dict.fromkeys(SCRIPTS, runs)).axes
    *medians, chance = axis.lines
    assert len(medians) == len(axis.collections) == 3
    for line, band in zip(medians, axis.collections):
        assert line.get_xdata().tolist() == [1, 2, 3]
        assert line.get_ydata() == pytest.approx(0.3)
        heights = band.get_paths()[0].vertices[:, 1]
        assert (heights.min(), heights.max()) == pytest.approx((0.2, 0.6))
    assert set(chance.get_ydata()) == {1 / 100}
    assert chance.get_zorder() < min(line.get_zorder() for line in medians)


def test_curves_are_the_accuracies_of_20_seeds(monkeypatch):
    seeds = []
    history = pd.DataFrame({"loss": [4.5, 4.4], "accuracy": [0.1, 0.2]})
    script = importlib.import_module("echo_lag")
    monkeypatch.setattr(script, "fit", lambda model: history)
    monkeypatch.setattr(script, "build_model", lambda: None)
    monkeypatch.setattr(pictures.keras.utils, "set_random_seed", seeds.append)
    found = pictures.curves("echo_lag")
    assert seeds == [*range(1, 21)]
    assert [curve.tolist() for curve in found] == [[0.1, 0.2]] * 20


def test_marks_says_which_run_is_missing(tmp_path, monkeypatch, capsys):
    command, seed = "--mark first", 4
    runs = results.read_runs()
    runs = runs[(runs.command != command) | (runs.seed != seed)]
    file = tmp_path / "results.csv"
    runs.to_csv(file, index=False)
    monkeypatch.setattr(results, "FILE", file)
    monkeypatch.setattr(sys, "argv", ["pictures.py", "--marks"])
    with pytest.raises(SystemExit, match="^2$"):
        pictures.main()
    *_, line = capsys.readouterr().err.splitlines()
    assert line.endswith(f"{file} lacks {command!r}, seed {seed}")


def test_a_table_has_the_median_the_lowest_and_the_highest():
    runs = [np.full((1, 2), share) for share in (0.1, 0.9, 0.3)]
    text = pictures.tables("a.py", runs, ["accuracy"], [100, 200])
    assert [re.sub(" +", " ", table) for table in text.split("\n\n")] == [
        "a.py: median of 3 seeds, in %\n 100 200\naccuracy 30 30",
        "a.py: lowest of 3 seeds, in %\n 100 200\naccuracy 10 10",
        "a.py: highest of 3 seeds, in %\n 100 200\naccuracy 90 90",
        "",
    ]


@eagerly()
def test_a_network_is_that_of_extensions_with_its_seed(monkeypatch):
    weights = []

    def record(model, options):
        weights.extend(model.get_weights())

    monkeypatch.setattr(extensions, "evaluate", record)
    monkeypatch.setattr(extensions, "feed", read_nothing)
    extensions.main("--epochs 1 --units 2 --seed 4")
    model = pictures.trained("--epochs 1 --units 2", 4)
    for got, expected in zip(model.get_weights(), weights, strict=True):
        assert np.array_equal(got, expected)


def test_the_picture_of_part_3_shows_its_batches():
    X, _ = generate_data_lag_no_context(range(1, 26))  # Each value is its position.
    batch_size, *_ = SCRIPTS["echo_lag_no_context"].batch_shape
    rows = np.reshape(one_hot_decode(X), (-1, batch_size)).T
    svg = ElementTree.parse(pictures.FOLDER / "state.svg")
    cells = {}  # by their places in the picture
    for line in svg.iterfind(".//{*}text"):
        for text in line.iterfind("{*}tspan"):
            if text.text.isdecimal():
                cells[int(text.get("x")), int(line.get("y"))] = int(text.text)
    assert [*cells.values()] == rows.ravel().tolist()

    def position_at(x, y):
        """Return the position in the cell that is closest to a place."""
        return cells[min(cells, key=lambda cell: np.hypot(cell[0] - x, cell[1] - y))]

    arrows = {}  # by their colours
    for arrow in svg.iterfind(".//{*}line"):
        x1, y1, x2, y2 = (int(arrow.get(end)) for end in ("x1", "y1", "x2", "y2"))
        arrows[arrow.get("stroke")] = position_at(x1, y1), position_at(x2, y2)
    first, second = rows[0, :2]  # of row 1
    orange, green = "#D55E00", "#009E73"
    assert arrows == {orange: (first, second), green: (second - 1, second)}
    captions = {text.get("fill"): text.text for text in svg.iterfind(".//{*}text")}
    assert re.findall(r"\d+", captions[orange]) == [str(second), str(first)]
    assert re.findall(r"\d+", captions[green]) == [str(second - 1)]
