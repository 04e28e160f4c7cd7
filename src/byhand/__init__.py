# SPDX-License-Identifier: Apache-2.0
"""byhand: a recorded moment of intent for everything people change by hand."""
