# SPDX-License-Identifier: Apache-2.0
"""Numbered SQL of the short-lived state."""
