"""Some tests import Keras before a script does, so choose its backend here."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
