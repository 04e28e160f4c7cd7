# SPDX-License-Identifier: Apache-2.0
"""Numbered SQL; each file is one step and is never changed once released."""
