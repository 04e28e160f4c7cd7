# SPDX-License-Identifier: Apache-2.0
"""After the act: what follows the log, in the server's process or in one of its own."""
