"""Keras reads its backend when it is first imported, which the tests do themselves."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
