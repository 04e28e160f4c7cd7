# SPDX-License-Identifier: Apache-2.0
"""How unusual an act is for this person: surprise with back-off from person to role to everyone, with reasons."""
