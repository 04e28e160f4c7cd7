# SPDX-License-Identifier: Apache-2.0
"""The stories ``byhand demo`` plays: real automated systems, overridden by a person through byhand.

Each real system lives in an environment of its own (``engines``), so that its dependencies never meet byhand's.
"""
