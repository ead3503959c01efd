"""The measurements and the pictures say what was run and what is so."""

import benchmark
import extensions
import matplotlib
import numpy as np
import pandas as pd
import pictures
import pytest
import results

import echo_lag
import echo_lag_no_context

# Results


def test_results_are_what_the_command_prints(capsys):
    options = ["--echo-sequence", "--epochs", "2"]
    result = results.run(f"extensions.py {' '.join(options)}", seed=1)
    extensions.main([*options, "--seed", "1"])
    first, second, *_, accuracy, parts = capsys.readouterr().out.splitlines()
    assert result["curve"].tolist() == [float(first[-6:]), float(second[-6:])]
    assert result["accuracy"] == float(accuracy[-6:])
    assert [f"{part:.4f}" for part in result["by time step"]] == parts.split()[-5:]


def test_results_of_training_through_time_leave_the_first_number_aside(monkeypatch):
    def evaluate(*arguments):
        print("Accuracy over 100 new sequences: 0.0417")
        right = np.zeros((100, 24))
        right[:, 0] = 1
        return right.ravel()

    monkeypatch.setattr(extensions, "train", lambda *arguments: None)
    monkeypatch.setattr(extensions, "evaluate", evaluate)
    result = results.run("extensions.py --through-time", seed=1)
    assert result["accuracy"] == 0


def test_results_by_batch_are_of_each_batch_in_turn(monkeypatch):
    # Right in the second batch of 5, and in the last answer of the last.
    right = np.tile([0.0] * 5 + [1.0] * 5 + [0.0] * 9 + [1.0], (100, 1))
    monkeypatch.setattr(extensions, "evaluate", lambda *arguments: right.ravel())
    monkeypatch.setattr(
        extensions, "train", lambda *arguments: print("Accuracy over 100 .: 0.3")
    )
    result = results.run("extensions.py", seed=1)
    assert result["by batch"].tolist() == [0, 1, 0, 0.2]


def test_report_gives_median_range_and_how_many_seeds_meet_the_claim(capsys):
    runs = [{"accuracy": accuracy} for accuracy in (0.9, 0.96, 1.0)]
    results.print_report({"echo_lag.py": runs})
    row = "| `echo_lag.py` | 96.0 % | 90.0 % to 100.0 % | 95 to 100 % | 2 of 3 seeds |"
    assert row in capsys.readouterr().out.splitlines()


def test_report_of_extensions_gives_each_batch_and_time_step(capsys):
    curve = pd.Series([1.0] * 30)
    lag, sequence = "extensions.py --lag 4", "extensions.py --echo-sequence"
    results.print_report(
        {
            lag: [
                {"accuracy": value, "curve": curve, "by batch": [value, 0.2]}
                for value in (0.1, 0.5, 0.6)
            ],
            sequence: [
                {"accuracy": 0.5, "curve": curve, "by time step": [0.3, 0.7, 1.0]}
            ],
        }
    )
    lines = capsys.readouterr().out.splitlines()
    assert f"| `{lag}` | 50.0 % | 10.0 % to 60.0 % | 20 | 3 |" in lines
    assert f"| `{lag}` | 50.0 % | 20.0 % |" in lines
    assert f"| `{sequence}` | 30.0 % | 70.0 % | 100.0 % |" in lines


def test_epochs_to_95_is_the_median_of_the_seeds():
    curves = [pd.Series([0.5] * n + [1.0] * 30) for n in (10, 20, 40)]
    # Two of twenty epochs at a half leave 95 %, so 18 at 100 % are enough.
    assert results.epochs_to_95([{"curve": curve} for curve in curves]) == "38"
    never = pd.Series([0.5] * 100)
    assert results.epochs_to_95([{"curve": never}]) == "not reached"


@pytest.mark.parametrize("table", ["scripts", "extensions"])
def test_results_draw_a_picture_of_what_was_run(table, tmp_path, monkeypatch, capsys):
    def run_all(jobs):
        for _, seed in jobs:
            yield {
                "accuracy": seed / 10,
                "curve": pd.Series([0.1, 0.2]) * seed,
                "by batch": [0.1],
                "by time step": [0.1],
            }

    monkeypatch.setattr(results, "run_all", run_all)
    file = tmp_path / "picture.svg"
    results.main(["--only", table, "--seeds", "2", "--figure", str(file)])
    assert file.stat().st_size > 5000


def test_results_stopped_with_ctrl_c_report_what_they_have(monkeypatch, capsys):
    def run_all(jobs):
        yield {"accuracy": 0.25, "curve": pd.Series([0.1])}
        raise KeyboardInterrupt

    monkeypatch.setattr(results, "run_all", run_all)
    results.main(["--only", "scripts"])
    printed = capsys.readouterr()
    assert "| `echo_current.py` | 25.0 % | 25.0 % to 25.0 % |" in printed.out
    assert printed.err.endswith("stopped after 1 of 60 runs\n")


def test_results_of_all_jobs_come_in_their_order():
    # The first one takes longer.
    jobs = [
        ("echo_lag.py --epochs 1000", 2),
        ("extensions.py --no-context --epochs 1 3 1 4 1 5 9", 1),
    ]
    in_turn = [len(result["curve"]) for result in results.run_all(jobs)]
    assert in_turn == [1000, 1]


# Pictures

SEQUENCE = list(range(50, 75))


@pytest.mark.parametrize("asked", [9, 14])
def test_trace_of_part_3_finds_the_state_six_values_back(asked):
    # Batch size and framing are the script's own, so the picture changes with them.
    batch_size, time_steps, _ = echo_lag_no_context.build_model().input_shape
    shown, carried = pictures.trace(
        SEQUENCE, asked, echo_lag_no_context.generate_data, batch_size, time_steps
    )
    assert shown == [asked + 1]
    assert carried == list(range((asked + 1) % 6 or 6, asked + 1, 6))
    assert asked not in carried


def test_trace_of_part_3_in_batches_of_1_finds_all_values_before():
    frame = echo_lag_no_context.generate_data
    shown, carried = pictures.trace(SEQUENCE, 9, frame, batch_size=1, time_steps=1)
    assert shown == [10]
    assert carried == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_trace_through_time_finds_one_sample_from_a_zero_state():
    args = extensions.parse_args(["--through-time"])
    shown, carried = pictures.trace(SEQUENCE, 9, args.framing, 1, args.n_samples)
    assert shown == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert carried == []


def test_trace_of_part_4_finds_the_window_and_the_one_before():
    batch_size, time_steps, _ = echo_lag.build_model().input_shape
    shown, carried = pictures.trace(
        SEQUENCE, 14, echo_lag.generate_data, batch_size, time_steps
    )
    assert shown == [11, 12, 13, 14, 15]
    assert carried == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def test_state_in_the_trace_is_the_state_of_the_network():
    # Of all values before, those in the trace, and no others, change the answer.
    batch_size, time_steps, _ = echo_lag_no_context.build_model().input_shape
    model = echo_lag_no_context.build_model()
    shown, carried = pictures.trace(
        SEQUENCE, 14, echo_lag_no_context.generate_data, batch_size, time_steps
    )

    def answer(sequence):
        X, _ = echo_lag_no_context.generate_data(sequence)
        return echo_lag_no_context.predict(model, X)[14]

    for position in range(25):
        changed = [*SEQUENCE[:position], 99, *SEQUENCE[position + 1 :]]
        same = np.allclose(answer(changed), answer(SEQUENCE), rtol=1e-6)
        assert same == (position not in shown + carried)


def test_picture_of_the_state_is_drawn_from_the_networks(tmp_path):
    file = tmp_path / "state.svg"
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        pictures.main([str(file)])
    text = file.read_text()
    for title in [
        "Part 3: batches of 6, 1 time step",
        "Part 3 with batches of 1",
        "Part 3 trained through time: the sequence is one sample",
        "Part 4: batches of 5, windows of 5 time steps",
    ]:
        assert f">{title}<" in text
    assert text.count("one can only guess") == 1
    assert text.count("but no gradient teaches the LSTM to keep it") == 1
    assert text.count("gradients teach the LSTM to keep it") == 2


# Benchmark


def test_benchmark_times_the_epochs_after_the_first_of_both_sides():
    sides = benchmark.in_turns(
        echo_lag, rounds=1, our_epochs=3, port_epochs=2, length=30
    )
    for first, later in sides.values():
        assert first[0] > later[0] > 0


# Command lines


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        (benchmark, ["--epochs", "3"], "--epochs goes with --port"),
        (results, ["--seeds", "0"], "argument --seeds: 0 is not a positive integer"),
        (results, ["--figure", "no/such/folder.png"], "No such file or directory"),
        (results, ["--figure", "f.xyz"], "Format 'xyz' is not supported"),
        (pictures, ["no/such/folder.png"], "No such file or directory"),
    ],
)
def test_bad_command_line(module, arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        module.main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_figure_needs_to_be_told_which(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        results.main(["--figure", "curves.png"])
    assert stop.value.code == 2
    assert "--figure goes with --only" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
