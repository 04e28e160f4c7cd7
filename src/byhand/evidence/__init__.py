# SPDX-License-Identifier: Apache-2.0
"""What a stranger needs to check what happened, and the check itself; nothing here trusts the home."""
