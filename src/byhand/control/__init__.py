# SPDX-License-Identifier: Apache-2.0
"""Before the act: who is asking, what may be overridden, why, and whether it may happen."""
