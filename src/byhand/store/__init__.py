# SPDX-License-Identifier: Apache-2.0
"""Where entries, state and index rest; contracts here, one folder per database below."""
