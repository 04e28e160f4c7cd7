# SPDX-License-Identifier: Apache-2.0
"""The HTTP doors: the same gate and log, for many machines at once."""
