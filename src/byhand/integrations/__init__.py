# SPDX-License-Identifier: Apache-2.0
"""Code that runs inside another system and asks byhand's gate there; it knows the client alone."""
