# SPDX-License-Identifier: Apache-2.0
"""The words: what an intervention is, as pure values, and how records become bytes."""
