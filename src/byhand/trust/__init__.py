# SPDX-License-Identifier: Apache-2.0
"""Who may speak for whom, and may this act happen: pure, the same for gate, verifier and hooks."""
