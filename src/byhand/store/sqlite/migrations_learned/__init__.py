# SPDX-License-Identifier: Apache-2.0
"""Numbered SQL of what followers learned."""
