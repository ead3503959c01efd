"""The pictures: what they measure and where it is drawn."""

import importlib
import io
import re
from functools import partial
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sequences import generate_data_lag_no_context, one_hot_decode
from tests.experiments import extensions, pictures, results
from tests.experiments.extensions import build_model, feed, parse
from tests.scripts import SCRIPTS
from tests.shared import eagerly, read_nothing


@pytest.fixture(scope="module")
def conveyor_belt():
    """Return a network that answers the value before, one of ten.

    Its first ten units hold the current value, the next ten take over what those held.
    """
    model = build_model(parse(["--stateless", "--unique", "10", "--units", "20"]))
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
    shares = pictures.shares_returned(*feed(conveyor_belt))
    assert shares.shape == (10, 10)
    assert np.diagonal(shares, -1).min() == 1
    assert np.tril(shares, -2).max() < 0.3  # Chance is 10 %.
    assert np.diagonal(shares)[1:].max() < 0.3


def test_a_conveyor_belt_stores_the_last_two_values(conveyor_belt):
    shares = pictures.shares_stored(conveyor_belt, n_sequences=900, most=4)
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
def draw(monkeypatch, tmp_path):
    """Return a function that runs the program, and returns the pictures that it draws.

    In place of a network stands a table of shares: what is asked of it returns them.
    """
    epochs = range(1, 2001)
    instead = {
        "train_network": lambda command, seed: np.full((9, 9), SHARES[command][seed]),
        "feed": lambda shares: [shares],
        "shares_returned": lambda shares: shares,
        "shares_stored": lambda shares: shares / 2,
        "answers_to": lambda shares, sequence: [int(100 * shares[0, 0])] * 8,
        "accuracies_of": lambda script: [pd.Series(ACCURACIES[script], epochs)] * 20,
        "errors_of_guide": lambda: dict.fromkeys(pictures.CHECKED, ERRORS),
        "TEXTS": tmp_path / "pictures.txt",
    }
    for name, function in instead.items():
        monkeypatch.setattr(pictures, name, function)
    pictures.TEXTS.write_text("errors.png: old\n\nother.png: kept\n", "utf-8")

    def run(*names):
        saved = {}
        monkeypatch.setattr(
            pictures,
            "save",
            lambda figure, name, text: saved.update({name: (figure, text)}),
        )
        pictures.main(names)
        return saved

    return run


def test_the_program_draws_and_writes_what_the_networks_do(draw):
    saved = draw("networks", "curves", "errors")
    names = "learned", "inside", "curves", "errors"
    assert set(saved) == {f"{name}.png" for name in names}
    texts = pictures.TEXTS.read_text("utf-8")
    assert "old" not in texts and "other.png: kept\n" in texts
    for name, part in ("learned.png", 1), ("inside.png", 0.5):
        figure, text = saved[name]
        assert text in texts
        for axis, command in zip(figure.axes, SHARES, strict=True):
            runs = [np.full((9, 9), part * share) for share in SHARES[command].values()]
            np.testing.assert_allclose(axis.images[0].get_array(), np.median(runs, 0))
            assert ("part 4" in axis.get_title().lower()) == (command == "--lag 1")
            numbers = range(1, 10)
            assert pictures.text_of_runs(command, runs, numbers, numbers) in text
    # What README shows is of seed 1.
    answers = dict(re.findall(r"(?m)^(part 4|zero state) answers: +- +(\d+)", texts))
    assert answers == {"part 4": "20", "zero state": "10"}
    figure, text = saved["curves.png"]
    assert text in texts
    lines = {line.get_label().split()[0]: line for line in figure.axes[0].lines}
    for script, accuracy in ACCURACIES.items():
        assert lines[f"{script}.py"].get_ydata() == pytest.approx(accuracy)
        assert f"{script}.py: median of 20 seeds" in text
    figure, text = saved["errors.png"]
    assert text in texts
    for axis in figure.axes:
        for line, name in zip(axis.lines, ERRORS, strict=True):
            np.testing.assert_allclose(line.get_ydata(), ERRORS[name])


def test_it_draws_what_is_asked_for_and_no_more(draw, monkeypatch, capsys):
    assert set(draw("errors")) == {"errors.png"}
    drawn = []
    names = "strips", "networks", "curves", "errors"
    for name in names:
        monkeypatch.setitem(pictures.PICTURES, name, partial(drawn.append, name))
    draw("curves", "errors")
    draw()
    assert drawn == ["curves", "errors", *names]
    with pytest.raises(SystemExit, match="^2$"):
        draw("curves", "marks")
    *_, line = capsys.readouterr().err.splitlines()
    assert line.endswith("'marks' is none of strips, networks, curves, errors")


LISTED = """\
table,row,group,command,seeds
made,a,left,--lag 1,2
made,b,left,--stateless,2
made,b,right,--lag 3 --context 30 --length 60,2
real,c,left,real_values.py --lag 2 --steps 4,2
"""
ZEROS, ONES = " 0" * 20, " 1" * 20
RUNS = f"""\
command,seed,on_windows,reading_on,epochs_to_95,by_number,versions,late
--lag 1,1,1,1,9,- 0.5 1 1 1{ONES},keras,1
--lag 1,2,1,1,9,- 0.7 1 1 1{ONES},keras,1
--stateless,2,1,1,9,- 0 0 0 1{ZEROS},keras,0
--stateless,1,1,1,9,- 0 0 0 1{ZEROS},keras,0
--stateless,3,1,1,9,- 1 1 1 1{ONES},keras,1
--lag 3 --context 30 --length 60,1,1,1,9,- - - 0.2 0.4{ONES},keras,1
--lag 3 --context 30 --length 60,2,1,1,9,- - - 0.4 0.2{ZEROS},keras,1
real_values.py --lag 2 --steps 4,1,0.01,,,- - 1 0.01 0.1,keras,0.01
real_values.py --lag 2 --steps 4,2,0.1,,,- - 1 0.1 0.01,keras,0.3
"""


@pytest.fixture
def made_by_hand(tmp_path, monkeypatch):
    """Put LISTED and RUNS in the place of the laboratory's files."""
    (tmp_path / "results.csv").write_text(RUNS, "utf-8")
    (tmp_path / "experiments.csv").write_text(LISTED, "utf-8")
    monkeypatch.setattr(results, "FILE", tmp_path / "results.csv")
    monkeypatch.setattr(results, "EXPERIMENTS", results.read_experiments())


def drawn_strips(axis):
    """Return what is drawn: the strips, their names, what stands at their ends, triangles."""
    shares = np.ma.filled(axis.images[0].get_array(), np.nan)
    names = [label.get_text() for label in axis.get_yticklabels()]
    at_end = {text.get_position()[1]: text.get_text() for text in axis.texts}
    points = [line.get_xydata()[0] for line in axis.lines if line.get_marker() == "^"]
    triangles = {round(y): x + 1 for x, y in points}
    return shares, names, at_end, triangles


@pytest.mark.usefixtures("made_by_hand")
def test_strips_are_medians_of_the_seeds_of_their_line_where_they_belong():
    strips = pictures.strips_of("made")
    left, right = pictures.draw_table(strips, (9, 3), True, "").axes
    shares, names, at_end, triangles = drawn_strips(left)
    assert names == ["a", "b"] and left.get_title() == "left"
    np.testing.assert_allclose(shares[:, 1:6], [[0.6, 1, 1, 1, 1], [0, 0, 0, 1, 0]])
    assert np.isnan(shares[:, 0]).all()  # It cannot be known.
    assert at_end == {0: "2 of 2", 1: "0 of 2"}  # Two of three runs are of the table.
    assert triangles == {0: 5, 1: 5}
    shares, names, at_end, triangles = drawn_strips(right)
    assert right.get_title() == "right"
    assert np.isnan(shares[0]).all()  # This row has no such line.
    np.testing.assert_allclose(shares[1, 3:6], [0.3, 0.3, 0.5])
    assert at_end == {1: "1 of 2"}
    assert triangles == {}  # Its windows end after 30.
    for strips_drawn, explained in (
        (strips, True),
        (strips[strips.group == "right"], False),
    ):
        figure = pictures.draw_table(strips_drawn, (9, 3), True, "")
        assert ("triangle" in figure.get_supxlabel()) == explained
    # Below each other, each group has its own rows.
    first, second = pictures.draw_table(strips, (9, 3), False, "").axes
    assert drawn_strips(first)[1:3] == (["a", "b"], {0: "2 of 2", 1: "0 of 2"})
    assert drawn_strips(second)[1:3] == (["b"], {0: "1 of 2"})
    ticks = [label.get_text() for label in second.get_xticklabels()]
    assert all(
        number + 1 == int(tick) for number, tick in zip(second.get_xticks(), ticks)
    )


@pytest.mark.usefixtures("made_by_hand")
def test_a_strip_of_errors_is_dark_where_they_are_as_on_windows(monkeypatch):
    monkeypatch.setattr(pictures, "ERRORS", ["real"])
    (axis,) = pictures.draw_table(pictures.strips_of("real"), (9, 3), True, "").axes
    shares, _, at_end, triangles = drawn_strips(axis)
    assert np.isnan(shares[0, :2]).all()
    # After 3 values: 100 and 10 times. After 5: 10 and 0.1 times, 5.05 as a median.
    expected = [0, 1, 1 - np.log10(5.05)]
    np.testing.assert_allclose(shares[0, 2:], expected, atol=1e-3)
    assert at_end == {0: "1 of 2"} and triangles == {0: 4}


@pytest.mark.usefixtures("made_by_hand")
def test_strips_say_which_run_is_missing(monkeypatch, capsys):
    line = [line for line in RUNS.splitlines(keepends=True) if "real" in line][1]
    results.FILE.write_text(RUNS.replace(line, ""), "utf-8")
    monkeypatch.setattr(pictures, "STRIPS", {"real.png": ("real", (9, 3), True)})
    with pytest.raises(SystemExit, match="^2$"):
        pictures.main(["strips"])
    *_, last = capsys.readouterr().err.splitlines()
    command = "real_values.py --lag 2 --steps 4"
    assert last.endswith(f"{results.FILE} lacks {command!r}, seed 2")


@pytest.mark.parametrize("name", ["learned", "inside", "curves", "errors"])
def test_a_picture_was_drawn_from_what_is_in_its_file(name):
    assert description_of(f"{name}.png") == pictures.texts()[f"{name}.png"]


@pytest.mark.parametrize("name", pictures.STRIPS)
def test_strips_were_drawn_from_results_csv(name):
    table, *_ = pictures.STRIPS[name]
    program = "`python -m tests.experiments.pictures strips`"
    text = pictures.strips_of(table).to_csv(index=False)
    assert description_of(name) == text, f"{program} draws it anew"


def description_of(name):
    """Return the text in the file of a picture."""
    with Image.open(pictures.FOLDER / name) as picture:
        return picture.text["Description"]


def table_of(picture, command):
    """Return a table of medians from pictures.txt, in %, from 1 on."""
    text = pictures.texts()[picture].split(f"{command}: median")[1].split("\n\n")[0]
    rows = io.StringIO(text.partition("\n")[2])  # without the heading
    return pd.read_csv(rows, sep=r"\s+").rename(columns=int)


def test_the_zero_state_network_returns_and_stores_value_4_and_part_4_the_last_ones():
    for picture in "learned.png", "inside.png":
        zero_state = table_of(picture, "--stateless").loc[4:]
        assert (zero_state.idxmax(axis=1) == 4).all(), picture
    returned, stored = (table_of(p, "--lag 1") for p in ("learned.png", "inside.png"))
    for step in range(2, 11):
        assert returned.loc[step, step - 1] > 90
        assert stored.loc[step, [step - 1, step]].min() > 90


def test_the_picture_of_errors_shows_what_the_guide_says():
    text = pictures.texts()["errors.png"]
    # The guide's own table: late errors on windows, then early and late ones of reading on.
    guide = (pictures.GUIDE / "README.md").read_text("utf-8")
    shown = re.findall(r"(?m)^[01]\. [a-z ]+([\d.]+) +([\d.]+) +([\d.]+)$", guide)
    means = r"(?m)^1 to 5 +\S+ +(\S+).*\n137 to 249 +(\S+) +(\S+)"
    drawn = [(windows, early, late) for early, windows, late in re.findall(means, text)]
    drawn, shown = np.array(drawn, dtype=float), np.array(shown, dtype=float)
    np.testing.assert_allclose(drawn, shown, rtol=0, atol=1.1e-5)
    _, *found = re.split("|".join(pictures.CHECKED.values()), text)
    as_it_is, each_step = [
        pd.read_csv(io.StringIO(text.strip()), sep=r"\s\s+", engine="python")[:-2]
        for text in found
    ]
    for table in as_it_is, each_step:
        table.index = table.index.astype(int)
    windows, reading_on = as_it_is["on windows"], as_it_is["reading on"]
    assert 24 <= reading_on.idxmin() <= 26
    assert reading_on[24] == pytest.approx(windows[24], abs=1e-5)
    assert (reading_on[100:] > 3 * windows[100:]).all()
    late = each_step["reading on"][2:]
    assert (late < 2 * each_step["on windows"].mean()).all()


def test_curves_are_medians_in_bands_and_the_line_of_chance_is_at_chance():
    epochs = np.arange(1, 101)
    runs = [pd.Series(share * epochs, epochs) for share in (0.2, 0.6, 0.3)]
    (axis,) = pictures.draw_curves(dict.fromkeys(SCRIPTS, runs)).axes
    n_means = int(re.search(r"mean of (\d+) epochs", axis.get_title())[1])
    means = [epochs[max(0, n - n_means) : n].mean() for n in epochs]
    *medians, chance = axis.lines
    assert len(medians) == len(axis.collections) == 3
    for line, band in zip(medians, axis.collections):
        assert line.get_xdata().tolist() == epochs.tolist()
        np.testing.assert_allclose(line.get_ydata(), 0.3 * np.array(means))
        heights = band.get_paths()[0].vertices[:, 1]
        bounds = 0.2 * min(means), 0.6 * max(means)
        assert (heights.min(), heights.max()) == pytest.approx(bounds)
    assert set(chance.get_ydata()) == {1 / 100}
    assert chance.get_zorder() > max(line.get_zorder() for line in medians)


def test_curves_are_the_accuracies_of_20_seeds(monkeypatch):
    seeds = []
    history = pd.DataFrame({"loss": [4.5, 4.4], "accuracy": [0.1, 0.2]})
    script = importlib.import_module("echo_lag")
    monkeypatch.setattr(script, "fit", lambda model: history)
    monkeypatch.setattr(script, "build_model", lambda: None)
    monkeypatch.setattr(pictures.keras.utils, "set_random_seed", seeds.append)
    found = pictures.accuracies_of("echo_lag")
    assert seeds == [*range(1, 21)]
    assert [curve.tolist() for curve in found] == [[0.1, 0.2]] * 20


def test_a_table_has_the_median_the_lowest_and_the_highest():
    runs = [np.full((1, 2), share) for share in (0.1, 0.9, 0.3)]
    text = pictures.text_of_runs("a.py", runs, ["accuracy"], [100, 200])
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
    extensions.main(["--epochs", "1", "--units", "2", "--seed", "4"])
    model = pictures.train_network("--epochs 1 --units 2", 4)
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
