# SPDX-License-Identifier: Apache-2.0
"""The library's inside: what runs in the caller's process, before anything reaches a server or a home."""
