# SPDX-License-Identifier: Apache-2.0
"""Numbered SQL of what is on its way to people."""
