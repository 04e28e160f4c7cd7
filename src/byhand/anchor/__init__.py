# SPDX-License-Identifier: Apache-2.0
"""The last signed checkpoint, kept apart from the log, so that a restored backup or a clone cannot speak."""
