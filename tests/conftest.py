"""How the tests run.

Some things take long: the full training of each script, a script in a shell, a program of a page,
live networks, training passes. They run once, in a second process. (A shell has a process of its
own.) A file of tests puts such jobs into `JOBS` or `COMMANDS`, by name, and a test takes a result
by `result_of(name)`, or `trained(name)` for a script. If one test of a session asks for a result,
all jobs of its files run, and the tests that ask run last.

Some things are only for speed. Python's collector of garbage is off, as it would search very
many objects for little. Each of the two processes has one thread. The second one has no
scikit-learn, which Keras would import.
"""

import functools
import gc
import importlib
import multiprocessing
import os
import random
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

gc.disable()
os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1")
os.environ["MPLBACKEND"] = "agg"  # A notebook's may not be installed.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")

# The second process. It imports TensorFlow while this one does.
spawn = multiprocessing.get_context("spawn")
POOL = ProcessPoolExecutor(1, spawn, initializer=gc.disable)
POOL.submit(exec, "import sys; sys.modules['sklearn'] = None; import keras")

import keras
import numpy as np
import pytest

from tests.scripts import SCRIPTS
from tests.shared import COMMANDS, JOBS
from tests.training import train

keras.config.set_image_data_format("channels_last")  # of Conv1D, as in the guide


@pytest.fixture
def seed():
    """Seed what tests draw from, and Keras as it makes layers.

    TensorFlow is not seeded: it would then compile again what it has compiled.
    """
    random.seed(1)
    np.random.seed(1)


def pytest_collection_modifyitems(items):
    """Let tests that wait for a result come last."""
    items.sort(key=lambda item: "result_of" in item.fixturenames)


@pytest.fixture(scope="session", autouse=True)
def started(request):
    """Start the jobs that the tests of this session ask for."""
    names = {name for test in request.session.items for name in test.fixturenames}
    jobs = {name: (train, name) for name in SCRIPTS if "trained" in names}
    jobs |= JOBS if "result_of" in names else {}
    results = {name: POOL.submit(*job) for name, job in jobs.items()}
    # Only for speed: what is frozen, Python does not search when it exits.
    POOL.submit(gc.freeze)
    POOL.shutdown(wait=False)  # The process ends after its last job.
    # A thread waits for each command.
    commands = COMMANDS if "result_of" in names else {}
    for name, command in commands.items():
        results[name] = ThreadPoolExecutor(1).submit(*command)
    yield results
    for result in results.values():
        result.cancel()
    gc.freeze()  # for the same reason


@pytest.fixture(scope="session")
def result_of(started):
    """Return a function that waits for the result of a job."""
    return lambda name: started[name].result()


@pytest.fixture(scope="session")
def trained(result_of):
    """Return a function: trained("echo_lag") waits for this training, and returns it."""

    @functools.cache
    def wait(name):
        training = result_of(name)
        # To send the model itself would draw random numbers when it arrives.
        model = importlib.import_module(name).build_model()
        model.set_weights(training.weights)
        return training._replace(model=model)

    return wait
