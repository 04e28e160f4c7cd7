# SPDX-License-Identifier: Apache-2.0
"""The one way in and out of the log: records are sealed, sequenced, checkpointed and read back here."""
