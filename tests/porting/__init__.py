"""The guide. Its files to copy have the names here that they have in a user's folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
