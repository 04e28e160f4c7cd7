# SPDX-License-Identifier: Apache-2.0
"""How Sphinx turns the documents into pages."""

project = "byhand"
author = "The byhand authors"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "byhand"
exclude_patterns = ["_build", "decisions/template.md"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
# Pages link to files of the repository as well, for those who read them there.
suppress_warnings = ["myst.xref_missing"]
