# SPDX-License-Identifier: Apache-2.0
"""The made-up shop's deployment: the revision named becomes the one that runs."""

import json
import sys
from pathlib import Path

history = Path("deployments.txt")
with history.open("a") as file:
    file.write(f"{sys.argv[1]}\n")
Path("deployed.new").write_text(json.dumps({"revision": sys.argv[1]}))
Path("deployed.new").replace("deployed.json")
