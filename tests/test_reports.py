"""The measurements say what was run: benchmark.py and results.py on small runs."""

import benchmark
import pandas as pd
import pytest
import results

import echo_lag


def test_results_are_what_the_command_prints(capsys):
    result = results.run("echo_lag.py --echo-sequence --epochs 2", seed=1)
    echo_lag.main(["--echo-sequence", "--epochs", "2", "--seed", "1"])
    first, second, *_, accuracy, parts = capsys.readouterr().out.splitlines()
    assert result["curve"].tolist() == [float(first[-6:]), float(second[-6:])]
    assert result["accuracy"] == float(accuracy[-6:])
    assert result["parts"] == [float(part) for part in parts.split()[-5:]]


def test_report_gives_median_range_and_how_many_seeds_meet_the_claim(capsys):
    runs = [{"accuracy": accuracy} for accuracy in (0.9, 0.96, 1.0)]
    results.print_report({"scripts": {"echo_lag.py": runs}})
    row = "| `echo_lag.py` | 96.0 % | 90.0 % to 100.0 % | 95 to 100 % | 2 of 3 seeds |"
    assert row in capsys.readouterr().out.splitlines()


def test_epochs_to_95_is_the_median_of_the_seeds():
    curves = [pd.Series([0.5] * n + [1.0] * 30) for n in (10, 20, 40)]
    # Two of twenty epochs at a half leave 95 %, so 18 at 100 % are enough.
    assert results.epochs_to_95([{"curve": curve} for curve in curves]) == "38"
    never = pd.Series([0.5] * 100)
    assert results.epochs_to_95([{"curve": never}]) == "not reached"


def test_benchmark_times_the_epochs_after_the_first_of_both_sides():
    sides = benchmark.in_turns(
        echo_lag, rounds=1, our_epochs=3, port_epochs=2, length=30
    )
    for first, later in sides.values():
        assert first[0] > later[0] > 0


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        (benchmark, ["--epochs", "3"], "--epochs goes with --port"),
        (results, ["--seeds", "0"], "argument --seeds: 0 is not a positive integer"),
        (results, ["--figure", "no/such/folder.png"], "No such file or directory"),
        (results, ["--only", "extensions", "--figure", "f.png"], "--figure draws the"),
    ],
)
def test_bad_command_line(module, arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        module.main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
