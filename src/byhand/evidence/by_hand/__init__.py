# SPDX-License-Identifier: Apache-2.0
"""What goes into every bundle: how to check it without byhand."""
