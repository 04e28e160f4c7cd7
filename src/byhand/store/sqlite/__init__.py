# SPDX-License-Identifier: Apache-2.0
"""SQLite: the embedded default. One file, one writer at a time, no server."""
