# SPDX-License-Identifier: Apache-2.0
"""Numbered SQL of the index; a change here may also just be a rebuild."""
