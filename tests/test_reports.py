"""The measurements and the pictures say what was run and what is so."""

import multiprocessing

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
    row = (
        "| `echo_lag.py` | 96.0 % | 90.0 % to 100.0 % | 95 to 100 % in its last printed "
        "epochs | 2 of 3 seeds at least 95 % |"
    )
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


def test_report_of_reasons_gives_the_first_six_of_many_batches(capsys):
    command = "extensions.py --no-context --batch-size 1 --freeze-lstm"
    parts = np.arange(24) / 100
    run = {"accuracy": 0.1, "curve": pd.Series([0.1]), "by batch": parts}
    results.print_report({command: [run]})
    lines = capsys.readouterr().out.splitlines()
    assert f"| `{command}` | 10.0 % | 10.0 % to 10.0 % | not reached | 1 |" in lines
    expected = f"| `{command}` | 0.0 % | 1.0 % | 2.0 % | 3.0 % | 4.0 % | 5.0 % |"
    assert expected in lines


def test_epochs_to_95_are_those_of_each_run():
    curves = [pd.Series([0.5] * n + [1.0] * 30) for n in (10, 20, 40, 200)]
    curves[3][:] = 0.5
    # Two of twenty epochs at a half leave 95 %, so 18 at 100 % are enough.
    epochs = results.epochs_to_95([{"curve": curve} for curve in curves])
    assert epochs == [28, 38, 58, np.inf]


@pytest.mark.parametrize(
    ("epochs", "cell"),
    [
        ([10, 20, 40], "38"),
        ([10, 90, 90], "by 1 of 3 seeds"),
        ([90, 90, 90], "not reached"),
    ],
)
def test_report_gives_the_median_epoch_that_reached_95_percent(epochs, cell, capsys):
    curves = [pd.Series(([0.5] * n + [1.0] * 30)[:90]) for n in epochs]
    runs = [{"accuracy": 1.0, "curve": curve, "by batch": [1.0]} for curve in curves]
    results.print_report({"extensions.py --lag 0": runs})
    row = f"| `extensions.py --lag 0` | 100.0 % | 100.0 % to 100.0 % | {cell} | 3 |"
    assert row in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("table", ["scripts", "reasons"])
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
    with pytest.raises(SystemExit, match="^stopped after 1 of 60 runs$"):
        results.main(["--only", "scripts"])
    row = "| `echo_current.py` | 25.0 % | 25.0 % to 25.0 % |"
    assert row in capsys.readouterr().out


def test_results_come_in_the_order_of_their_jobs_until_a_run_fails(monkeypatch):
    # The run that fails leaves its thread on the way to a new process for the last one.
    monkeypatch.setattr(results, "RUNS_OF_A_PROCESS", 1)
    # The first one takes longer.
    jobs = [
        ("echo_lag.py --epochs 500", 2),
        ("extensions.py --no-context --epochs 1 3 1 4 1 5 9", 1),
        ("extensions.py --lag 9", 3),
        ("echo_lag.py --epochs 1000000", 4),
    ]
    runs = results.run_all(jobs)
    assert [len(next(runs)["curve"]) for _ in range(2)] == [500, 1]
    expected = r"^extensions.py --lag 9, seed 3, failed: SystemExit\(2\)$"
    # Not after the last one, which would take an hour.
    with pytest.raises(RuntimeError, match=expected):
        next(runs)


def test_results_name_the_run_whose_process_was_killed(monkeypatch, capsys):
    commands = ["extensions.py --mlp --epochs 1", "extensions.py --epochs 1000000"]
    monkeypatch.setitem(results.TABLES, "reasons", commands)

    def print_and_kill(*values, **options):
        print(*values, **options)
        for process in multiprocessing.active_children():
            process.kill()

    # The first run has ended when its line is printed, the second is under way.
    monkeypatch.setattr(results, "print", print_and_kill, raising=False)
    with pytest.raises(SystemExit) as stop:
        results.main(["--only", "reasons", "--seeds", "1"])
    expected = "extensions.py --epochs 1000000, seed 1, failed: BrokenProcessPool("
    assert stop.value.code.startswith(expected)
    assert f"| `{commands[0]}` | " in capsys.readouterr().out


def test_every_lag_of_the_window_has_a_row_until_it_is_learned():
    for commands in results.UNTIL_95.values():
        options = [extensions.parse_args(command.split()[1:]) for command in commands]
        assert [args.lag for args in options] == [0, 1, 2, 3, 4]


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
        "Cannot. Part 3: batches of 6, 1 time step",
        "Hardly. Part 3 with batches of 1",
        "Can. Part 3 trained through time: the sequence is one sample",
        "Can. Part 4: batches of 5, windows of 5 time steps",
    ]:
        assert f">{title}<" in text
    assert text.count("is neither in the sample nor in the state") == 1
    assert text.count(", but no gradient reaches the step that read it") == 1
    assert text.count(": gradients reach the step that read it") == 2


def test_picture_of_the_lags_says_which_was_not_learned(tmp_path):
    epochs = {
        name: pd.DataFrame([[200, 300, 300], [400, last, last]])
        for name, last in [("zero", 500), ("marked", 600), ("carried", np.inf)]
    }
    limits = {"zero": [2000, 2000], "marked": [2000, 2000], "carried": [2000, 40_000]}
    file = tmp_path / "lags.svg"
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        pictures.draw_lags(epochs, limits, file, format="svg")
    text = file.read_text()
    for name in epochs:
        assert f">{name}<" in text
    assert text.count("not within") == text.count("40,000:") == 1
    assert text.count("2 of 3 seeds") == 1


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
        (results, ["--figure", "f.png"], "--figure goes with --only"),
        (results, ["--figure", "f.png", "--only", "extensions"], "--figure goes with "),
        (pictures, ["no/such/folder.png"], "No such file or directory"),
        (pictures, ["x.pgf"], "'xelatex' not found"),
    ],
)
def test_bad_command_line(module, arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    # No TeX, whether the machine has one or not.
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit) as stop:
        module.main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
