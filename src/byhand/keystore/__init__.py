# SPDX-License-Identifier: Apache-2.0
"""Where keys rest: apart from the log, never in WORM storage, never in a backup of the log."""
