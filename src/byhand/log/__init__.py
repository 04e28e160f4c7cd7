# SPDX-License-Identifier: Apache-2.0
"""Tamper evidence: bytes in, bytes out; no domain word, no I/O."""
